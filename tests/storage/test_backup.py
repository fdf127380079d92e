"""Copies of a database: made before a migration, and on demand while it is in use."""

import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from storage import backup, categories
from storage.errors import StoreError
from storage.opening import Upgrade, connect, open_database, upgrade, version
from storage.schema import SCHEMA_VERSION

CATEGORIES = "SELECT slug FROM categories ORDER BY slug"


@pytest.fixture(scope="module")
def first_version(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database as the first migration alone makes it, with one category."""
    path = tmp_path_factory.mktemp("first") / "first.db"
    config = Config()
    config.set_main_option("script_location", str(Path("storage/migrations").absolute()))
    database = connect(f"sqlite:///{path}")
    with database.transaction() as tx:
        config.attributes["connection"] = tx
        command.upgrade(config, "0001")
        tx.exec_driver_sql("INSERT INTO categories VALUES (1, 'general', 'general@example.org')")
    database.close()
    return path.read_bytes()


@pytest.fixture
def old(tmp_path: Path, first_version: bytes) -> Path:
    path = tmp_path / "listbridge.db"
    path.write_bytes(first_version)
    return path


def _rows(path: Path, query: str) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute(query)]


def _version(path: Path) -> list[str]:
    return _rows(path, "SELECT version_num FROM alembic_version")


def _copies(path: Path) -> list[str]:
    return sorted(x.name for x in path.parent.iterdir() if ".before-" in x.name)


def _fail(*_: object) -> None:
    raise RuntimeError("the migration failed")


def test_an_old_database_is_copied_before_it_is_migrated(old: Path) -> None:
    open_database(f"sqlite:///{old}").close()

    copy = old.with_name(f"listbridge.db.before-{SCHEMA_VERSION}")
    assert (_version(copy), _rows(copy, CATEGORIES)) == (["0001"], ["general"])
    assert (_version(old), _rows(old, CATEGORIES)) == ([SCHEMA_VERSION], ["general"])


def test_what_was_committed_last_is_in_the_copy(old: Path) -> None:
    # It lies in the write-ahead log only, as after a process was killed.
    writer = sqlite3.connect(old)
    writer.execute("INSERT INTO categories VALUES (2, 'news', 'news@example.org')")
    writer.commit()

    with closing(writer):
        open_database(f"sqlite:///{old}").close()

    [copy] = _copies(old)
    assert _rows(old.with_name(copy), CATEGORIES) == ["general", "news"]


def test_only_its_owner_may_read_the_copy(old: Path) -> None:
    open_database(f"sqlite:///{old}").close()

    [copy] = _copies(old)
    assert stat.S_IMODE(old.with_name(copy).stat().st_mode) == 0o600


def test_the_copy_is_one_whole_file(old: Path) -> None:
    open_database(f"sqlite:///{old}").close()

    assert _copies(old) == [f"listbridge.db.before-{SCHEMA_VERSION}"]


def test_it_is_said_what_was_done(old: Path) -> None:
    database = connect(f"sqlite:///{old}")

    with closing(database):
        first, second = upgrade(database), upgrade(database)

    copy = old.with_name(f"listbridge.db.before-{SCHEMA_VERSION}")
    assert (first, second) == (Upgrade("0001", copy), Upgrade(SCHEMA_VERSION, None))


def test_a_new_database_is_not_copied(tmp_path: Path) -> None:
    open_database(f"sqlite:///{tmp_path / 'new.db'}").close()

    assert _copies(tmp_path / "new.db") == []


def test_an_earlier_copy_is_kept(old: Path) -> None:
    earlier = old.with_name(f"listbridge.db.before-{SCHEMA_VERSION}")
    earlier.write_text("of an upgrade that was taken back")

    open_database(f"sqlite:///{old}").close()

    assert earlier.read_text() == "of an upgrade that was taken back"
    assert _version(old.with_name(f"{earlier.name}.2")) == ["0001"]


def test_a_copy_that_was_interrupted_is_made_anew(old: Path) -> None:
    old.with_name(f"listbridge.db.before-{SCHEMA_VERSION}.partial").write_text("half of i")

    open_database(f"sqlite:///{old}").close()

    [copy] = _copies(old)
    assert _version(old.with_name(copy)) == ["0001"]


def test_several_that_start_at_once_make_one_copy(old: Path) -> None:
    def start() -> None:
        open_database(f"sqlite:///{old}").close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(_copies(old)) == 1


def test_without_room_for_a_copy_nothing_is_migrated(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(backup, "_fill", full)
    with pytest.raises(StoreError, match=r"upgraded to version .* disk is full.* room for \d+ MB"):
        open_database(f"sqlite:///{old}")

    assert (_version(old), _copies(old)) == (["0001"], [])


def test_a_migration_that_fails_leaves_the_old_database(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alembic.runtime.migration.HeadMaintainer.update_to_step", _fail)
    with pytest.raises(RuntimeError):
        open_database(f"sqlite:///{old}")

    assert (_version(old), _rows(old, CATEGORIES)) == (["0001"], ["general"])


def test_a_migration_that_fails_again_and_again_does_not_fill_the_disk(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alembic.runtime.migration.HeadMaintainer.update_to_step", _fail)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            open_database(f"sqlite:///{old}")

    assert _copies(old) == []


def test_a_database_of_a_newer_version_is_not_copied(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()

    with pytest.raises(StoreError, match="newer version"):
        open_database(f"sqlite:///{old}")

    assert _copies(old) == []


def test_a_copy_on_demand_holds_what_is_committed_and_no_more(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'listbridge.db'}")
    with database.transaction() as tx:
        categories.keep(tx, "kept", "kept@example.org")

    with closing(database), database.transaction() as tx:
        categories.keep(tx, "later", "later@example.org")
        backup.copy(tmp_path / "listbridge.db", tmp_path / "copy.db")

    assert _rows(tmp_path / "copy.db", CATEGORIES) == ["kept"]


def test_a_copy_is_a_database_to_go_on_with(old: Path) -> None:
    backup.copy(old, old.with_name("copy.db"))

    restored = open_database(f"sqlite:///{old.with_name('copy.db')}")
    with closing(restored):
        assert version(restored) == SCHEMA_VERSION


def test_a_copy_takes_no_other_files_place(old: Path) -> None:
    taken = old.with_name("copy.db")
    taken.write_text("yesterday's backup")

    with pytest.raises(StoreError, match="already"):
        backup.copy(old, taken)

    assert taken.read_text() == "yesterday's backup"
    assert not old.with_name("copy.db.partial").exists()


def test_two_copies_to_one_name_do_not_mix(old: Path) -> None:
    partial = old.with_name("copy.db.partial")
    partial.write_text("another process's")

    with pytest.raises(StoreError, match="another copy is being made"):
        backup.copy(old, old.with_name("copy.db"))

    assert partial.read_text() == "another process's"


def test_a_folder_that_is_not_there_is_named(old: Path) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        backup.copy(old, old.parent / "nowhere" / "copy.db")
