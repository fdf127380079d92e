"""A category with a scripted mailbox, and a clock that can be set."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from listbridge import clock
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


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Let the clock say so much later than 1 November 2026, noon."""

    def later(time: timedelta) -> None:
        now = datetime(2026, 11, 1, 12, 0, tzinfo=UTC) + time
        monkeypatch.setattr(clock, "now", lambda: now)

    return later
