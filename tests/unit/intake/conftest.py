"""A category with a scripted mailbox, and a clock that can be set."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from listbridge import clock, message
from storage import audit
from storage.database import Database
from tests.fakes.mailbox import FakeServer
from tests.fakes.office import Office


@pytest.fixture
def server(database_file: Path) -> Iterator[FakeServer]:
    """An IMAP server; afterwards nothing may have been deleted that was not on disk."""

    def is_committed(raw: bytes) -> bool:
        # A connection of its own sees only what would outlive a crash.
        connection = sqlite3.connect(database_file)
        query = "SELECT count(*) FROM raw_messages WHERE sha256 = ?"
        [found] = connection.execute(query, (message.raw_hash(raw),)).fetchone()
        connection.close()
        return bool(found)

    one = FakeServer(is_safe=is_committed)
    yield one
    assert one.crimes == []


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
