"""A fresh database file for each test with one category in it, and a mailbox on a fake server."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from listbridge import message
from storage import categories
from storage.database import Database, open_database
from tests.fakes.mailbox import FakeServer

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)  # in the past, so that what is queued is due


@pytest.fixture(scope="session")
def database_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the database of the running test lies."""
    return tmp_path_factory.mktemp("database") / "listbridge.db"


@pytest.fixture(scope="session")
def _migrated(database_file: Path) -> tuple[Database, bytes]:
    """A database opened once, since that takes longer than most tests, and its first content."""
    database = open_database(f"sqlite:///{database_file}")
    database.close()
    return database, database_file.read_bytes()


@pytest.fixture
def db(database_file: Path, _migrated: tuple[Database, bytes]) -> Iterator[Database]:
    database, content = _migrated
    for file in database_file.parent.iterdir():
        file.unlink()
    database_file.write_bytes(content)
    yield database
    database.close()


@pytest.fixture
def category_id(db: Database) -> int:
    with db.transaction() as tx:
        return categories.keep(tx, "general", "general@example.org").id


@pytest.fixture
def now() -> datetime:
    return NOW


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
