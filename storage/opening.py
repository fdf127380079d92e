"""Opening a database: made or brought to the newest schema, with a copy of the old one."""

import os
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from storage import backup
from storage.database import Database, Tx
from storage.engine import engine, sqlite_file
from storage.errors import StoreError
from storage.file_owner import give_to_owner_of
from storage.schema import SCHEMA_VERSION

# "listb" in ASCII: keeps two processes from migrating one PostgreSQL database at the same time.
_MIGRATION_LOCK = 0x6C69737462


@dataclass(frozen=True)
class Upgrade:
    """What was done to bring a database to the schema of this version."""

    before: str | None  #: its version until then; None for a new database
    copy: Path | None  #: the copy that was made first; None where there was nothing to copy


class Condition(Enum):
    """How a database stands before anybody opens it to work with it."""

    MISSING = auto()  #: it will be made
    OLDER = auto()  #: it will be migrated
    READY = auto()


def condition(url: str) -> Condition:
    """Say how the database stands, and change nothing; raise `StoreError` if it is of no use."""
    file = sqlite_file(url)
    if file is not None and file.parent.is_dir() and not file.exists():
        return Condition.MISSING
    database = connect(url)
    try:
        found = version(database)
    finally:
        database.close()
    if found is None:
        return Condition.MISSING
    if found > SCHEMA_VERSION:
        raise StoreError(f"the database {database.url} was made by a newer version of listbridge")
    return Condition.READY if found == SCHEMA_VERSION else Condition.OLDER


def open_database(url: str) -> Database:
    """Open the database at the SQLAlchemy `url` and migrate it, or raise `StoreError`."""
    database = connect(url)
    try:
        upgrade(database)
    except BaseException:
        database.close()
        raise
    return database


def connect(url: str) -> Database:
    """Return the database at the SQLAlchemy `url` as it is, whichever version made it."""
    try:
        return Database(engine(url))
    except ImportError:
        raise StoreError(
            "for a PostgreSQL database its driver is needed: pip install 'listbridge[postgres]'"
        ) from None
    except (ArgumentError, NoSuchModuleError) as err:
        raise StoreError(f"the database URL cannot be used: {err}") from None


def version(database: Database) -> str | None:
    """Return the version of the database's schema; None for a new database."""
    with database.reading() as tx:
        return _version(tx)


def upgrade(database: Database) -> Upgrade:
    """Bring the database to the newest schema; an SQLite file is copied first.

    Either all of it is done, or the database stays as it is and `StoreError` is raised.
    """
    if database.file is not None:
        _make(database.file)
    before = version(database)
    if before == SCHEMA_VERSION:
        return Upgrade(before, None)
    return _migrate(database)


def _make(file: Path) -> None:
    """Make the empty file if there is none; what is wrong with its place shows when it is used."""
    with suppress(OSError):
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            give_to_owner_of(file.parent, descriptor)
        finally:
            os.close(descriptor)


def _version(tx: Tx) -> str | None:
    if not inspect(tx).has_table("alembic_version"):
        return None
    return tx.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(database: Database) -> Upgrade:
    """Upgrade in one transaction with the version row, so that a kill leaves all or nothing."""
    with database.transaction() as tx:
        if tx.dialect.name == "postgresql":
            _refuse_other_encodings(tx)
            tx.execute(text("SET LOCAL lock_timeout = 0"))  # a migration takes what it takes
            tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        before = _version(tx)  # another process may have done it while we waited
        copy = None
        if database.file and before is not None and before < SCHEMA_VERSION:
            copy = backup.before_migration(database.file, SCHEMA_VERSION)
        try:
            _run_migrations(tx, database.url)
        except BaseException:
            # A service that is started again and again must not fill the disk with copies.
            if copy is not None:
                copy.unlink(missing_ok=True)
            raise
    return Upgrade(before, copy)


def _run_migrations(tx: Tx, url: str) -> None:
    # Alembic takes half a second to import, so it is only when there is something to do.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = tx
    try:
        command.upgrade(config, "head")
    except CommandError as err:
        raise StoreError(
            f"the database {url} was made by a newer version of listbridge: {err}"
        ) from None


def _refuse_other_encodings(tx: Tx) -> None:
    """Mail is in every language, and each letter that the database lacks would stop one message."""
    encoding = tx.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise StoreError(
            f"the database is in {encoding}; make one with "
            "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )
