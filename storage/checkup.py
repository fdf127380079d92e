"""Whether a database is sound as such, whatever its rows say."""

from collections.abc import Iterator
from dataclasses import dataclass

from storage.database import Database, Tx
from storage.opening import version
from storage.schema import SCHEMA_VERSION

_DAMAGED = "stop listbridge, put this file aside, and put the newest good backup in its place"
_FIRST_FEW = 10


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, what was seen, and what to do if that is not well."""

    what: str
    ok: bool
    seen: str
    cure: str | None = None


def findings(database: Database) -> list[Finding]:
    """Look at the version and, in an SQLite file, at every page; nothing is changed."""
    found = [_version(database)]
    if database.file is not None:
        with database.reading() as tx:
            found += _pages(tx)
    return found


def _version(database: Database) -> Finding:
    seen = version(database)
    if seen is not None and seen > SCHEMA_VERSION:
        cure = f"install the newer listbridge that made it; this one knows {SCHEMA_VERSION}"
        return Finding("version", False, seen, cure)
    if seen != SCHEMA_VERSION:
        return Finding("version", False, seen or "none", "run `listbridge db upgrade`")
    return Finding("version", True, seen)


def _pages(tx: Tx) -> Iterator[Finding]:
    said = list(tx.exec_driver_sql(f"PRAGMA integrity_check({_FIRST_FEW})").scalars())
    yield _finding("pages and indexes", [] if said == ["ok"] else said)
    strays = tx.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(_FIRST_FEW)
    yield _finding(
        "references", [f"row {row} of {table} refers to no {to}" for table, row, to, _ in strays]
    )


def _finding(what: str, wrong: list[str]) -> Finding:
    if wrong:
        return Finding(what, False, "; ".join(wrong), _DAMAGED)
    return Finding(what, True, "sound")
