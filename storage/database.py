"""One database, handed out a transaction at a time."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, TimeoutError

from storage.engine import BUSY_SECONDS, CONNECTIONS
from storage.errors import StoreError

# A prepared statement is there already, or is not there: another session has become ours.
_POOLED = ("42P05", "26000")

#: One open transaction; every function of this package takes it first.
Tx = Connection


class Database:
    """The store of one installation. Safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # SQLite lets one writer in at a time and its waiting is unfair; ours queue up here instead.
        self._writing: AbstractContextManager[object] = (
            Lock() if engine.dialect.name == "sqlite" else nullcontext()
        )
        #: Why it could not be used the last time, unless something was committed since.
        self.trouble: str | None = None

    @property
    def url(self) -> str:
        """Where the database is, without a password."""
        return self._engine.url.render_as_string(hide_password=True)

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database; None for a server's."""
        name = self._engine.url.database
        return Path(name) if self._engine.dialect.name == "sqlite" and name else None

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """Open a transaction that is committed when the block ends, or rolled back on an error."""
        with self._writing, self._sentences(), self._engine.begin() as tx:
            yield tx
        self.trouble = None

    @contextmanager
    def reading(self) -> Iterator[Tx]:
        """Open a transaction for reading only; on SQLite it waits for nobody."""
        with self._sentences(), self._engine.connect() as conn:
            tx = conn.execution_options(read_only=True)
            with tx.begin():
                yield tx

    @contextmanager
    def rehearsal(self) -> Iterator["Database"]:
        """Yield a stand-in in which everything can be tried; all of it is undone at the end."""
        with self._writing, self._sentences(), self._engine.connect() as tx:
            everything = tx.begin()
            if tx.dialect.name == "postgresql":
                # A mailbox is read meanwhile, which has time limits of its own.
                tx.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            try:
                yield _Rehearsal(self._engine, tx)
            finally:
                everything.rollback()

    def probe(self) -> None:
        """Commit something that changes nothing; raises `StoreError` if that cannot be done."""
        with self.transaction() as tx:
            tx.execute(text("UPDATE alembic_version SET version_num = version_num"))

    @property
    def driver_error(self) -> type[Exception]:
        """What the driver raises where it is used directly, as on an `own_connection`."""
        error: type[Exception] = self._engine.dialect.loaded_dbapi.Error
        return error

    def own_connection(self) -> Connection:
        """Open a connection for one purpose, outside of those that transactions share."""
        with self._sentences():
            connection = self._engine.connect()
            connection.detach()
            return connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Turn the driver's errors into one sentence; an IntegrityError is a defect and stays."""
        try:
            yield
        except TimeoutError as err:
            why = f"all {CONNECTIONS} connections to it have been busy for {BUSY_SECONDS} seconds"
            raise self._failed(why) from err
        except DBAPIError as err:
            if not _is_trouble(err):
                raise
            why = " ".join(str(err.orig).split())
            if getattr(err.orig, "sqlstate", None) in _POOLED:
                why += "; a pooler in front of it has to pool whole sessions"
            raise self._failed(why) from err

    def _failed(self, why: str) -> StoreError:
        self.trouble = f"the database {self.url} cannot be used: {why}"
        return StoreError(self.trouble)


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


def _is_trouble(err: DBAPIError) -> bool:
    # PostgreSQL's SQLSTATE; SQLite has none.
    code = getattr(err.orig, "sqlstate", None) or ""
    if code.startswith("54"):
        return False  # a value too large for an index: that is what is to be stored, not the store
    return (
        err.connection_invalidated
        # No right to do that; a standby, which only reads; damaged data; a damaged index.
        or code in ("42501", "25006", "XX001", "XX002", *_POOLED)
        or type(err).__name__ in {"OperationalError", "DatabaseError", "InterfaceError"}
    )
