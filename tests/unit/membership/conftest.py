"""A category that people write to, with a clock that can be set."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from listbridge import clock
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


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Let the clock say so much later than noon."""

    def later(time: timedelta) -> None:
        now = datetime(2026, 11, 1, 12, 0, tzinfo=UTC) + time
        monkeypatch.setattr(clock, "now", lambda: now)

    later(timedelta(0))
    return later
