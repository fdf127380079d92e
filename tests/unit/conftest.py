"""A fresh database file for each test with one category in it, and a mailbox on a fake server."""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from listbridge import clock, message
from storage.database import Database
from tests.fakes.mailbox import FakeServer


@pytest.fixture
def db(sqlite: Database) -> Database:
    return sqlite


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Let the clock say so much later than 1 November 2026, noon."""

    def later(time: timedelta) -> None:
        now = datetime(2026, 11, 1, 12, 0, tzinfo=UTC) + time
        monkeypatch.setattr(clock, "now", lambda: now)

    later(timedelta(0))
    return later


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[..., list[dict[str, Any]]]:
    """Return what the log has told of an event so far: the keys, time by time."""
    caplog.set_level(logging.DEBUG, "listbridge")

    def of(event: str) -> list[dict[str, Any]]:
        return [vars(x)["keys"] for x in caplog.records if x.getMessage() == event]

    return of


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
