"""One database: opened, brought to the newest schema, and handed out a transaction at a time."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from storage.errors import StoreError
from storage.schema import SCHEMA_VERSION

#: One open transaction; every function of this package takes it first.
Tx = Connection

_BUSY_SECONDS = 30
# "listb" in ASCII: keeps two processes from migrating one PostgreSQL database at the same time.
_MIGRATION_LOCK = 0x6C69737462


class Database:
    """The store of one installation. Safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # SQLite lets one writer in at a time and its waiting is unfair; ours queue up here instead.
        self._writing: AbstractContextManager[object] = (
            Lock() if engine.dialect.name == "sqlite" else nullcontext()
        )

    @property
    def url(self) -> str:
        """Where the database is, without a password."""
        return self._engine.url.render_as_string(hide_password=True)

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """Open a transaction that is committed when the block ends, or rolled back on an error."""
        with self._writing, _sentences(self.url), self._engine.begin() as tx:
            yield tx

    @contextmanager
    def reading(self) -> Iterator[Tx]:
        """Open a transaction for reading only; on SQLite it waits for nobody."""
        with _sentences(self.url), self._engine.connect() as conn:
            tx = conn.execution_options(read_only=True)
            with tx.begin():
                yield tx

    @contextmanager
    def rehearsal(self) -> Iterator["Database"]:
        """Yield a stand-in in which everything can be tried; all of it is undone at the end."""
        with self._writing, _sentences(self.url), self._engine.connect() as tx:
            everything = tx.begin()
            try:
                yield _Rehearsal(self._engine, tx)
            finally:
                everything.rollback()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


class _Rehearsal(Database):
    """A database whose transactions are steps of a single one; for one thread."""

    def __init__(self, engine: Engine, tx: Tx) -> None:
        super().__init__(engine)
        self._tx = tx

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """Open a step that is undone alone on an error."""
        with self._tx.begin_nested():
            yield self._tx

    @contextmanager
    def reading(self) -> Iterator[Tx]:
        """Read what was done so far."""
        yield self._tx


def open_database(url: str) -> Database:
    """Open the database at the SQLAlchemy `url` and migrate it, or raise `StoreError`."""
    try:
        engine = _engine(url)
    except (ArgumentError, NoSuchModuleError, ImportError) as err:
        raise StoreError(f"the database URL cannot be used: {err}") from None
    database = Database(engine)
    try:
        if _version(database) != SCHEMA_VERSION:
            _migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed)
    if parsed.database and not Path(parsed.database).parent.is_dir():
        raise StoreError(f"the folder of the database {parsed.database} does not exist; make it")
    engine = create_engine(parsed, connect_args={"timeout": _BUSY_SECONDS}, max_overflow=-1)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Python's own transaction control loses updates; with isolation_level None, BEGIN is ours.
    connection.isolation_level = None
    cursor = connection.cursor()
    # FULL, because mail is deleted from its server on the strength of our commit.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    # SQLite's own knows ASCII only, and addresses are compared in Python's lower case.
    connection.create_function("lower", 1, str.lower, deterministic=True)


def _begin_sqlite(conn: Connection) -> None:
    # A transaction that begins as a reader and then writes fails at once when another has written,
    # whatever the busy timeout says; so writers queue up before they read.
    read_only = conn.get_execution_options().get("read_only", False)
    conn.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _version(database: Database) -> str | None:
    with database.reading() as tx:
        if not inspect(tx).has_table("alembic_version"):
            return None
        return tx.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(database: Database) -> None:
    """Upgrade in one transaction with the version row, so that a kill leaves all or nothing."""
    # Alembic takes half a second to import, so it is only when there is something to do.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database.transaction() as tx:
        if tx.dialect.name == "postgresql":
            tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        config.attributes["connection"] = tx
        try:
            command.upgrade(config, "head")
        except CommandError as err:
            raise StoreError(
                f"the database {database.url} was made by a newer version of listbridge: {err}"
            ) from None


@contextmanager
def _sentences(url: str) -> Iterator[None]:
    """Turn the driver's errors into one sentence; an IntegrityError is a defect and stays."""
    try:
        yield
    except DBAPIError as err:
        if not _is_trouble(err):
            raise
        raise StoreError(f"the database {url} cannot be used: {err.orig}") from err


def _is_trouble(err: DBAPIError) -> bool:
    return err.connection_invalidated or type(err).__name__ in {
        "OperationalError",
        "DatabaseError",
        "InterfaceError",
    }
