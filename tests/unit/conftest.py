"""A fresh database file for each test, with one category in it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage import categories
from storage.database import Database, open_database

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)  # in the past, so that what is queued is due


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path / 'listbridge.db'}")
    yield database
    database.close()


@pytest.fixture
def category_id(db: Database) -> int:
    with db.transaction() as tx:
        return categories.keep(tx, "general", "general@example.org").id


@pytest.fixture
def now() -> datetime:
    return NOW
