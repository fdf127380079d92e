"""A simulation says what a decision would say, and changes nothing."""

from pathlib import Path

import pytest

from listbridge.category import Category, Posting
from listbridge.intake import simulate as simulation
from listbridge.intake.classify import Kind
from listbridge.intake.dispatch import dispatch
from listbridge.intake.simulate import Simulation, simulate
from listbridge.intake.tally import Tally
from listbridge.message import MessageError
from listbridge.moderation.rules import Action
from listbridge.submission import OutgoingSettings
from storage import outbox, raw_messages
from storage.database import Database
from tests.fakes.office import Office, general, letter

SAMPLES = Path(__file__).parents[3] / "fixtures" / "messages"
FILES = sorted(SAMPLES.rglob("*.eml"))
SENDING = OutgoingSettings(host="smtp.example.org")


def ask(office: Office, raw: bytes) -> Simulation:
    """Simulate one message in the office's category."""
    with office.db.reading() as tx:
        return simulate(tx, office.category, office.category_id, raw)


def rows(db: Database) -> int:
    """Count everything a message could have left behind."""
    tables = ("raw_messages", "inbound", "posts", "outgoing", "deliveries")
    with db.reading() as tx:
        counts = (tx.exec_driver_sql(f"SELECT count(*) FROM {x}").scalar_one() for x in tables)
        return sum(counts)


COUNTERS = {
    "bounces": Kind.BOUNCE,
    "robots": Kind.ROBOT,
    "commands": Kind.COMMAND,
    "duplicates": Kind.DUPLICATE,
    "shunted": Kind.SHUNTED,
    "held": Kind.POST,
    "posts": Kind.POST,
    "replies": Kind.POST,
}


def test_it_says_of_every_sample_what_is_then_decided(office: Office) -> None:
    office.category = general(outgoing=SENDING)
    office.subscribe("bob@example.org", "vera@example.org")
    for raw in [x.read_bytes() for x in (*FILES, *FILES[::9])]:
        before = rows(office.db)
        said = ask(office, raw)
        assert rows(office.db) == before
        tally = Tally("general")
        dispatch(office.db, office.reader(tally), office.hand_in(raw))

        counted = {k: v for k, v in vars(tally).items() if isinstance(v, int) and v}
        queued = counted.pop("queued", 0)
        [counter] = counted
        if counter in ("commands", "held"):
            queued = 0  # an answer, not a copy
        if said.kind is Kind.SHUNTED:
            assert counter in ("shunted", "duplicates")  # it is read before it is compared
            continue
        assert (said.kind, said.recipients) == (COUNTERS[counter], queued)
        assert (said.verdict is Action.HOLD) is (counter == "held")
        assert (said.parent is not None) is (counter == "replies")


def test_the_copy_it_shows_is_the_copy_that_is_stored(office: Office) -> None:
    office.category = general(outgoing=SENDING)
    office.subscribe("bob@example.org")
    raw = (SAMPLES / "plain" / "simple.eml").read_bytes()

    said = ask(office, raw)

    dispatch(office.db, office.reader(Tally("general")), office.hand_in(raw))
    with office.db.reading() as tx:
        made = outbox.find(tx, 1)
        body = made.body if made.body is not None else raw_messages.read(tx, made.raw_id)
    assert said.copy is not None
    assert said.copy.startswith(made.head)
    assert body.endswith(said.copy[len(made.head) :])


def test_of_personal_copies_it_shows_that_of_nobody(office: Office) -> None:
    footer = "{member} {unsubscribe}"
    office.category = general(outgoing=SENDING, message={"personalise": True, "footer": footer})
    office.subscribe("bob@example.org")

    said = ask(office, (SAMPLES / "plain" / "simple.eml").read_bytes())

    assert said.copy is not None
    assert b"subscriber@example.net mailto:general@example.org?subject=leave-" in said.copy
    assert b"bob@" not in said.copy


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        (general(outgoing=SENDING), 2),
        (general(outgoing=SENDING, posting=Posting(non_members="accept", own_copy=False)), 1),
        (general(outgoing=SENDING, posting=Posting(members="hold")), 0),
        (general(), 0),
    ],
)
def test_it_counts_those_who_would_get_the_post(
    office: Office, category: Category, expected: int
) -> None:
    office.category = category
    office.subscribe("Ann@example.net", "bob@example.net")

    said = ask(office, letter(1, From="Ann <ANN@example.net>"))

    assert said.recipients == expected


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (MessageError("it has more than 1,000 parts"), "it has more than 1,000 parts"),
        (RecursionError("a secret"), "handling it failed: RecursionError"),
    ],
)
def test_what_would_be_set_aside_is_said_to_be(
    office: Office, monkeypatch: pytest.MonkeyPatch, trouble: Exception, reason: str
) -> None:
    def fails(_raw: bytes, _category: Category) -> None:
        raise trouble

    monkeypatch.setattr(simulation, "understand", fails)

    said = ask(office, letter(1))

    assert (said.kind, said.reason) == (Kind.SHUNTED, reason)
