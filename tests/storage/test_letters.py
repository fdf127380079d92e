"""Whatever a letter holds, it is decided alike on both databases, and harms no other."""

from pathlib import Path
from typing import Any

from storage import categories, posts
from storage.database import Database
from storage.states import InboundState
from tests.fakes.mailbox import FakeServer
from tests.fakes.office import Office, letter

FIXTURES = Path(__file__).parents[2] / "fixtures" / "messages"


def _decide(db: Database, raws: list[bytes]) -> list[tuple[Any, ...]]:
    """Hand the letters in and decide them; return what became of each."""
    with db.transaction() as tx:
        category_id = categories.keep(tx, "general", "general@example.org").id
    office = Office(db, category_id, FakeServer())
    ids = [office.hand_in(raw) for raw in raws]
    office.decide()
    with db.reading() as tx:
        found = [(office.inbound(one), posts.of_inbound(tx, one)) for one in ids]
    return [
        (
            one.state,
            one.result,
            one.reason,
            post and (post.subject, post.sender, post.sender_name, post.message_id, post.trail),
        )
        for one, post in found
    ]


def test_every_letter_is_decided_alike(sqlite: Database, postgres_db: Database) -> None:
    raws = [file.read_bytes() for file in sorted(FIXTURES.glob("*/*.eml"))]

    assert _decide(postgres_db, raws) == _decide(sqlite, raws)


def test_a_message_id_too_long_for_an_index_is_set_aside_alone(postgres_db: Database) -> None:
    # Hardly two letters alike, so that the database cannot store them any shorter.
    long = "".join(chr(0x4E00 + 13 * n) for n in range(900))
    raws = [letter(1), letter(2, message_id=f"<{long}@example.net>"), letter(3)]

    states = [one[0] for one in _decide(postgres_db, raws)]

    assert states == [InboundState.PROCESSED, InboundState.SHUNTED, InboundState.PROCESSED]
