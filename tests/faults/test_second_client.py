"""Another client expunges messages of a real Dovecot while we fetch and delete others there.

LISTBRIDGE_SOAK_ROUNDS says how often in `make soak`.
"""

import imaplib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from listbridge.intake.readers import Reader, Readers
from listbridge.intake.tally import Tally
from listbridge.mailbox import IncomingSettings, open_mailbox
from listbridge.service.intake_round import whole_round
from storage import audit, raw_messages
from storage.database import Database
from tests.dialogues.truth import digest
from tests.fakes.office import general
from tests.letters import letter
from tests.servers.dovecot import Dovecot

ROUNDS = int(os.environ.get("LISTBRIDGE_SOAK_ROUNDS", "500"))
_LETTERS = 4


@pytest.fixture
def db(sqlite: Database) -> Database:
    return sqlite


@pytest.mark.parametrize(
    "rounds", [5, pytest.param(ROUNDS, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])]
)
def test_what_another_client_expunges_while_we_fetch_takes_nothing_else_with_it(
    db: Database,
    category_id: int,
    dovecot: Dovecot,
    fresh_name: Callable[[str], str],
    rounds: int,
) -> None:
    user, chance = fresh_name("list"), Random("second client")
    dovecot.add_user(user, "secret")
    incoming = IncomingSettings.model_validate(
        {
            "host": dovecot.host,
            "port": dovecot.imap_port,
            "security": "none",
            "username": user,
            "password": "secret",
        }
    )
    delivered: list[bytes] = []
    taken: set[bytes] = set()
    with ThreadPoolExecutor(1) as other:
        for _ in range(rounds):
            new = [letter(len(delivered) + n, run=user) for n in range(_LETTERS)]
            delivered += new
            for one in new:
                dovecot.deliver(user, one)
            expunging = other.submit(_expunge_some, dovecot, user, chance, taken)
            tally = Tally("general")
            category = general(incoming=incoming)
            whole_round(db, Readers([Reader(category, category_id, tally)]), open_mailbox)
            expunging.result()
            assert tally.error is None

    left = set(dovecot.messages(user))
    with db.reading() as tx:
        kept = {raw for raw in delivered if raw_messages.find(tx, digest(raw)) is not None}
        assert audit.problems(tx) == []
    print(f"{rounds} rounds: {len(delivered)} delivered, {len(kept)} kept, {len(taken)} taken")
    assert set(delivered) - kept - taken - left == set()


def _expunge_some(dovecot: Dovecot, user: str, chance: Random, taken: set[bytes]) -> None:
    """Be the other client: take up to two messages away, noting each before it goes."""
    client = imaplib.IMAP4(dovecot.host, dovecot.imap_port, timeout=10)
    client.login(user, "secret")
    client.select()
    uids = client.uid("SEARCH", "ALL")[1][0].split()
    for uid in chance.sample(uids, min(2, len(uids))):
        answer = client.uid("FETCH", uid.decode(), "(BODY.PEEK[])")[1]
        if answer and isinstance(answer[0], tuple):
            taken.add(answer[0][1])
            client.uid("STORE", uid.decode(), "+FLAGS.SILENT", r"(\Deleted)")
            client.uid("EXPUNGE", uid.decode())
    client.logout()
