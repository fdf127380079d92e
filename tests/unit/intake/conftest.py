"""A category with a scripted mailbox, and a clock that can be set."""

from collections.abc import Iterator

import pytest

from storage import audit
from storage.database import Database
from tests.fakes.mailbox import FakeServer
from tests.fakes.office import Office


@pytest.fixture
def office(db: Database, category_id: int, server: FakeServer) -> Iterator[Office]:
    one = Office(db, category_id, server)
    yield one
    with db.reading() as tx:
        assert audit.problems(tx) == []
