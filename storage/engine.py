"""How SQLAlchemy is to speak to SQLite and to PostgreSQL."""

import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    ExceptionContext,
    create_engine,
    event,
    make_url,
)

from storage.errors import StoreError

#: How long one waits for a turn, for a lock, or for a connection.
BUSY_SECONDS = 30
# A process that is stopped in the middle (a machine that sleeps) must not keep its locks for ever.
_LONGEST_PAUSE_SECONDS = 60
# A transaction takes milliseconds, and each thread has one at a time: so few connections serve many
# threads, and several machines stay within the 100 that PostgreSQL allows by default. All of them
# are kept, since making one takes longer than most transactions.
CONNECTIONS = 16
# A machine that vanishes must not be waited for as long as TCP does, which is hours.
_POSTGRESQL_LINK = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
# Python keeps 100 octets for each value that was ever opened in place over a connection to SQLite
# (CPython's list of its blobs), until that is closed. A service that runs for years reads millions.
_RENEWED_AFTER_SECONDS = 600
_SWITCH_SECONDS = 0.01


def engine(url: str) -> Engine:
    """Return the engine for a URL; raise what SQLAlchemy raises for one that makes no sense."""
    parsed = make_url(url)
    return _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgresql(parsed)


def _postgresql(url: URL) -> Engine:
    link = {name: value for name, value in _POSTGRESQL_LINK.items() if name not in url.query}
    made = create_engine(
        url,
        connect_args=link,
        # What this package locks and reads again relies on seeing what others have committed.
        isolation_level="READ COMMITTED",
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        pool_pre_ping=True,  # a server that was started anew is noticed before it matters
    )
    event.listen(made, "connect", _set_up)
    event.listen(made, "handle_error", _leave_standby)
    return made


def _leave_standby(failed: ExceptionContext) -> None:
    """Part with connections to a server that only reads, as to a primary that is none any more.

    They answer, and so would be kept when there is another primary at that address.
    """
    if getattr(failed.original_exception, "sqlstate", None) == "25006":
        failed.is_disconnect = True


def _set_up(connection: Any, _record: object) -> None:
    """Have PostgreSQL end what waits, or makes others wait, for too long, and plan afresh.

    A plan that is kept from when a table was small reads the whole of it when it is large, until
    the statistics are made anew: a minute or more after a post to a hundred thousand. Compiling
    one takes a second, more than any of our questions, and is done for what only seems costly.
    """
    # Not among the connection's `options`, which poolers such as PgBouncer refuse.
    connection.execute(f"SET lock_timeout = {round(BUSY_SECONDS * 1000)}")
    pause = round(_LONGEST_PAUSE_SECONDS * 1000)
    connection.execute(f"SET idle_in_transaction_session_timeout = {pause}")
    connection.execute("SET plan_cache_mode = force_custom_plan")
    connection.execute("SET jit = off")
    connection.commit()


def _sqlite(parsed: URL) -> Engine:
    if parsed.database and not Path(parsed.database).parent.is_dir():
        raise StoreError(f"the folder of the database {parsed.database} does not exist; make it")
    made = create_engine(
        parsed,
        connect_args={"timeout": BUSY_SECONDS},
        max_overflow=-1,
        pool_recycle=_RENEWED_AFTER_SECONDS,
    )
    event.listen(made, "connect", _prepare_sqlite)
    event.listen(made, "begin", _begin_sqlite)
    return made


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Python's own transaction control loses updates; with isolation_level None, BEGIN is ours.
    connection.isolation_level = None
    _switch_to_wal(connection)
    # FULL, because mail is deleted from its server on the strength of our commit.
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    # SQLite's own knows ASCII only, and addresses are compared in Python's lower case.
    connection.create_function("lower", 1, _lower, deterministic=True)


def _switch_to_wal(connection: Any) -> None:
    """Have the journal that lets others read meanwhile; of a new database several may want it.

    SQLite does not wait for one that is just switching, whatever the busy timeout says.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as err:
            is_busy = err.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > deadline:
                raise
        time.sleep(_SWITCH_SECONDS)


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _begin_sqlite(conn: Connection) -> None:
    # A transaction that begins as a reader and then writes fails at once when another has written,
    # whatever the busy timeout says; so writers queue up before they read.
    read_only = conn.get_execution_options().get("read_only", False)
    conn.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def sqlite_file(url: str) -> Path | None:
    """Return the file of an SQLite database; None for other databases."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database)
