"""Opening, migrating, and what a transaction keeps."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import column, select, table, text

from storage import categories
from storage.database import Database
from storage.errors import StoreError
from storage.opening import Condition, condition, open_database
from storage.schema import SCHEMA_VERSION, metadata


def test_a_new_database_has_the_newest_schema(db: Database) -> None:
    with db.reading() as tx:
        version = tx.execute(text("SELECT version_num FROM alembic_version")).scalar()

    assert version == SCHEMA_VERSION


def test_the_migrations_lead_to_the_tables_of_the_schema(db: Database) -> None:
    with db.reading() as tx:
        differences = compare_metadata(MigrationContext.configure(tx), metadata)

    assert differences == []


def test_the_named_version_is_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path("storage/migrations").absolute()))

    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA_VERSION


def test_several_that_open_one_new_database_at_once_all_find_it_whole(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'one.db'}"
    errors: list[BaseException] = []

    def open_it() -> None:
        try:
            open_database(url).close()
        except BaseException as err:
            errors.append(err)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []


def test_a_migration_that_is_killed_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "killed.db"

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("alembic.runtime.migration.HeadMaintainer.update_to_step", killed)
        with pytest.raises(KeyboardInterrupt):
            open_database(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()

    assert tables == []
    open_database(f"sqlite:///{path}").close()


def test_a_database_of_a_newer_version_is_refused(db: Database) -> None:
    with db.transaction() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(StoreError, match="newer version"):
        open_database(db.url)


def test_an_error_in_a_transaction_undoes_all_of_it(db: Database) -> None:
    with pytest.raises(ZeroDivisionError), db.transaction() as tx:  # noqa: PT012
        categories.keep(tx, "lost", "lost@example.org")
        _ = 1 // 0

    with db.reading() as tx:
        assert categories.find(tx, "lost") is None


def test_sixty_four_writers_at_once_lose_no_update(db: Database) -> None:
    with db.transaction() as tx:
        tx.execute(text("CREATE TABLE counter (n INTEGER)"))
        tx.execute(text("INSERT INTO counter VALUES (0)"))

    counter = table("counter")

    def add_one() -> None:
        with db.transaction() as tx:
            # SQLite lets nobody else begin; PostgreSQL must be told.
            n = tx.execute(select(column("n")).select_from(counter).with_for_update()).scalar_one()
            tx.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    threads = [threading.Thread(target=add_one) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with db.reading() as tx:
        assert tx.execute(text("SELECT n FROM counter")).scalar_one() == 64


def test_a_rehearsal_sees_its_own_steps_and_leaves_nothing(db: Database) -> None:
    with db.rehearsal() as rehearsed:
        with rehearsed.transaction() as tx:
            categories.keep(tx, "trial", "trial@example.org")
        with rehearsed.reading() as tx:
            seen = categories.find(tx, "trial")

    assert seen is not None
    with db.reading() as tx:
        assert categories.find(tx, "trial") is None


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="folder of the database"):
        open_database(f"sqlite:///{tmp_path / 'nowhere' / 'x.db'}")


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "poem.db"
    path.write_text("Shall I compare thee to a summer's day?" * 100)

    with pytest.raises(StoreError, match="not a database"):
        open_database(f"sqlite:///{path}")


def test_a_database_that_is_not_there_is_missing_and_stays_so(tmp_path: Path) -> None:
    file = tmp_path / "x.db"

    assert condition(f"sqlite:///{file}") is Condition.MISSING
    assert not file.exists()


def test_a_database_that_was_opened_is_ready(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    open_database(url).close()

    assert condition(url) is Condition.READY


@pytest.mark.parametrize(("version", "expected"), [("0001", Condition.OLDER), ("9999", None)])
def test_the_version_of_a_database_is_seen_and_left(
    tmp_path: Path, version: str, expected: Condition | None
) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    database = open_database(url)
    with database.transaction() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})
    database.close()

    if expected is None:
        with pytest.raises(StoreError, match="newer version"):
            condition(url)
    else:
        assert condition(url) is expected


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="folder"):
        condition(f"sqlite:///{tmp_path / 'gone' / 'x.db'}")
