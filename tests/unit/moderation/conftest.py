"""A category whose moderators are written to, with a clock that can be set."""

from collections.abc import Iterator

import pytest

from listbridge.category import Posting
from storage import audit
from storage.database import Database
from tests.fakes.mailbox import FakeServer
from tests.fakes.office import Office, general
from tests.fakes.town import SENDING, Town


@pytest.fixture
def town(db: Database, category_id: int, server: FakeServer) -> Iterator[Town]:
    """A list that only members write to, with two moderators and one member."""
    category = general(
        outgoing=SENDING,
        name="General",
        moderators=("mod@example.net", "deputy@example.net"),
        posting=Posting(),
    )
    one = Town(Office(db, category_id, server, category))
    one.member("bob@example.net")
    yield one
    with db.reading() as tx:
        assert audit.problems(tx) == []
