"""Every test of the store runs on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.database import Database
from storage.opening import open_database


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.real_servers)])
def db(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(
        "sqlite" if request.param == "sqlite" else "postgres_db"
    )
    return found


@pytest.fixture
def url(db: Database, database_file: Path, request: pytest.FixtureRequest) -> str:
    """Where the database of the test is, for other processes."""
    on_file = db.url.startswith("sqlite")
    return f"sqlite:///{database_file}" if on_file else request.getfixturevalue("postgres_url")


@pytest.fixture
def postgres_db(postgres_url: str) -> Iterator[Database]:
    """A database on PostgreSQL, where several may write at the same time."""
    database = open_database(postgres_url)
    yield database
    database.close()
