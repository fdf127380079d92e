"""The database's URL."""

from pathlib import Path

import pytest

from listbridge.config.database_url import absolute, folder

FOLDER = Path("/srv/lists")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///listbridge.db", "sqlite:////srv/lists/listbridge.db"),
        ("sqlite:///data/l.db?timeout=5", "sqlite:////srv/lists/data/l.db?timeout=5"),
        ("sqlite:////var/lib/l.db", "sqlite:////var/lib/l.db"),
        ("sqlite+pysqlite:///l.db", "sqlite+pysqlite:////srv/lists/l.db"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg://u@h/d"),
    ],
)
def test_path_of_sqlite_counts_from_the_folder(url: str, expected: str) -> None:
    assert absolute(url, FOLDER) == expected


@pytest.mark.parametrize(
    "url",
    ["listbridge.db", "mysql://u:hunter2@h/d", "sqlite://l.db", "sqlite://", "sqlite:///file:l.db"],
)
def test_unusable_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="expected a URL") as caught:
        absolute(url, FOLDER)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////srv/lists/l.db?timeout=5", FOLDER),
        ("sqlite+pysqlite:////srv/lists/l.db", FOLDER),
        ("postgresql+psycopg://u@h/srv/d", None),
    ],
)
def test_only_a_file_has_a_folder(url: str, expected: Path | None) -> None:
    assert folder(url) == expected


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite:///:memory:"])
def test_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="in memory"):
        absolute(url, FOLDER)
