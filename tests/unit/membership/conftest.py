"""A category that people write to, with a clock that can be set."""

from collections.abc import Iterator

import pytest

from storage import audit
from storage.database import Database
from tests.fakes.mailbox import FakeServer
from tests.fakes.office import Office, general
from tests.fakes.town import SENDING, Town


@pytest.fixture
def town(db: Database, category_id: int, server: FakeServer) -> Iterator[Town]:
    one = Town(Office(db, category_id, server, general(outgoing=SENDING, name="General")))
    yield one
    with db.reading() as tx:
        assert audit.problems(tx) == []
