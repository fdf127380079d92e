"""An old state that was put back is noticed, and nothing else is taken for one."""

import sqlite3
import threading
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from listbridge import clock
from storage import backup, categories, restored, service_mail
from storage.database import Database
from storage.opening import open_database
from storage.restored import Hold
from storage.service_mail import Letter
from storage.states import Kind
from storage.transfer import transfer
from tests.servers.postgres import Postgres

MINUTE = timedelta(minutes=1)


def _start(db: Database, now: datetime) -> Hold | None:
    """Do what every process does that goes to work."""
    with db.transaction() as tx:
        seen = restored.look(tx, now)
    restored.keep_beside(db, seen)
    return seen.hold


def _resume(db: Database, now: datetime, *, cancel: bool = False) -> int:
    with db.transaction() as tx:
        _, cancelled, seen = restored.lift(tx, now, cancel=cancel)
    restored.keep_beside(db, seen)
    return cancelled


def _queue(db: Database, now: datetime) -> None:
    letter = Letter("<1@x>", b"Subject: a\r\n\r\n", b"b\r\n")
    with db.transaction() as tx:
        service_mail.put(tx, Kind.ALERT, letter, sender="a@x.org", recipients=["b@x.org"], now=now)


def _states(db: Database) -> list[str]:
    with db.reading() as tx:
        return list(tx.execute(text("SELECT state FROM deliveries ORDER BY id")).scalars())


@pytest.fixture
def old(sqlite: Database, database_file: Path, now: datetime) -> bytes:
    """The content of a database to which more has happened since."""
    _queue(sqlite, now)
    _start(sqlite, now)
    sqlite.close()
    content = database_file.read_bytes()
    _start(sqlite, now)
    sqlite.close()
    return content


def test_starting_again_and_again_holds_nothing(db: Database, now: datetime) -> None:
    _queue(db, now)
    assert [_start(db, now) for _ in range(5)] == [None] * 5
    assert restored.standing(db, now) is None


def test_an_old_file_put_back_is_held_until_it_is_resumed(
    sqlite: Database, database_file: Path, old: bytes, now: datetime
) -> None:
    database_file.write_bytes(old)

    standing = restored.standing(sqlite, now)
    held = [_start(sqlite, now + n * MINUTE) for n in range(3)]
    _resume(sqlite, now)

    assert standing is not None
    assert "older" in standing.reason
    assert held == [Hold(now, standing.reason)] * 3
    assert [_start(sqlite, now) for _ in range(3)] == [None] * 3


def test_a_process_that_dies_before_it_has_noted_the_number_holds_nothing(
    sqlite: Database, now: datetime
) -> None:
    _queue(sqlite, now)
    _start(sqlite, now)
    with sqlite.transaction() as tx:
        restored.look(tx, now)  # and nothing is kept beside

    assert _start(sqlite, now) is None


def test_a_count_that_was_never_committed_is_not_kept_beside(
    sqlite: Database, now: datetime
) -> None:
    _queue(sqlite, now)
    with sqlite.transaction() as tx:
        restored.look(tx, now)
        tx.rollback()

    assert restored.standing(sqlite, now) is None


def test_a_late_process_does_not_lower_the_number(
    sqlite: Database, database_file: Path, old: bytes, now: datetime
) -> None:
    with sqlite.transaction() as tx:
        late = restored.look(tx, now)
    _start(sqlite, now)
    beside = database_file.with_name("listbridge.db.starts")
    highest = beside.read_bytes()
    restored.keep_beside(sqlite, late)

    assert beside.read_bytes() == highest


def test_many_at_once_hold_nothing(url: str, db: Database, now: datetime) -> None:
    _queue(db, now)
    found: list[Hold | None] = []

    def work() -> None:
        with closing(open_database(url)) as mine:
            for _ in range(10):
                found.append(_start(mine, now))
                found.append(restored.standing(mine, now))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [None] * 80


@pytest.mark.parametrize("content", [b"", b"12\n", b"no number at all", b"9" * 64])
def test_a_number_that_cannot_be_read_holds_nothing(
    sqlite: Database, database_file: Path, now: datetime, content: bytes
) -> None:
    _queue(sqlite, now)
    database_file.with_name("listbridge.db.starts").write_bytes(content)

    assert _start(sqlite, now) is None


def test_a_new_database_in_the_place_of_an_old_one_is_no_old_state(
    sqlite: Database, database_file: Path, now: datetime
) -> None:
    number = b"%020d\n" % 7
    database_file.with_name("listbridge.db.starts").write_bytes(number)

    assert _start(sqlite, now) is None
    _queue(sqlite, now)
    assert _start(sqlite, now) is None


def test_a_backup_is_held_wherever_it_is_put(
    sqlite: Database, database_file: Path, tmp_path: Path, now: datetime
) -> None:
    _queue(sqlite, now)
    backup.copy(database_file, tmp_path / "copy.db")

    assert _start(sqlite, now) is None
    with closing(open_database(f"sqlite:///{tmp_path / 'copy.db'}")) as copy:
        assert "db backup" in str(_start(copy, now))
        assert _resume(copy, now) == 0
        assert _start(copy, now) is None


def test_a_copy_of_a_version_without_fences_is_left_as_it_is(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")

    backup.copy(tmp_path / "old.db", tmp_path / "copy.db")

    with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
        names = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert names == [("alembic_version",)]


def test_what_waited_in_the_old_state_is_cancelled_on_demand_and_what_came_since_is_not(
    sqlite: Database, database_file: Path, tmp_path: Path
) -> None:
    _queue(sqlite, clock.now())
    backup.copy(database_file, tmp_path / "copy.db")
    with closing(open_database(f"sqlite:///{tmp_path / 'copy.db'}")) as copy:
        _start(copy, clock.now())
        _queue(copy, clock.now())
        cancelled = _resume(copy, clock.now(), cancel=True)
        assert (cancelled, _states(copy)) == (1, ["cancelled", "pending"])


def test_a_dump_that_is_put_back_is_held(
    postgres: Postgres, postgres_url: str, now: datetime
) -> None:
    """As pg_restore does it: the table is made anew and filled with its rows."""
    with closing(open_database(postgres_url)) as db:
        _start(db, now)
        with db.transaction() as tx:
            tx.execute(text("CREATE TABLE anew (LIKE restore_fence INCLUDING ALL)"))
            tx.execute(text("INSERT INTO anew SELECT * FROM restore_fence"))
            tx.execute(text("DROP TABLE restore_fence"))
            tx.execute(text("ALTER TABLE anew RENAME TO restore_fence"))

        assert restored.standing(db, now) is not None
        assert _start(db, now) is not None
        _resume(db, now)
        assert _start(db, now) is None


def test_a_server_that_was_recovered_to_an_earlier_point_is_held_and_a_restart_is_not(
    stopped_postgres: Postgres, now: datetime
) -> None:
    server = stopped_postgres
    with server.running():
        server.migrate()
        with closing(open_database(server.url("migrated"))) as db:
            _start(db, now)
    with server.running(), closing(open_database(server.url("migrated"))) as db:
        assert _start(db, now) is None
    with server.recovered(), closing(open_database(server.url("migrated"))) as db:
        assert restored.standing(db, now) is not None
        assert _start(db, now) is not None
        _resume(db, now)
        assert _start(db, now) is None


def test_a_role_that_may_not_ask_for_the_timeline_can_work(
    postgres: Postgres, postgres_url: str, now: datetime
) -> None:
    name = postgres_url.split("@/")[1].split("?")[0]
    with postgres.connect(name) as admin:
        admin.execute("REVOKE EXECUTE ON FUNCTION pg_walfile_name(pg_lsn) FROM PUBLIC")
        admin.execute("DROP ROLE IF EXISTS plain")
        admin.execute("CREATE ROLE plain LOGIN")
        admin.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO plain")
        admin.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO plain")
    plain = postgres_url.replace("//listbridge@", "//plain@")
    try:
        with closing(open_database(plain)) as db:
            assert [_start(db, now) for _ in range(2)] == [None, None]
            with db.reading() as tx:
                assert categories.every(tx) == []
    finally:
        with postgres.connect(name) as admin:
            admin.execute("DROP OWNED BY plain")
            admin.execute("DROP ROLE plain")
            admin.execute("GRANT EXECUTE ON FUNCTION pg_walfile_name(pg_lsn) TO PUBLIC")


def test_a_move_to_another_database_keeps_the_hold(
    sqlite: Database, database_file: Path, old: bytes, tmp_path: Path, now: datetime
) -> None:
    database_file.write_bytes(old)
    _start(sqlite, now)
    with closing(open_database(f"sqlite:///{tmp_path / 'target.db'}")) as target:
        transfer(sqlite, target, now + timedelta(days=1))
        assert _start(target, now) is not None
