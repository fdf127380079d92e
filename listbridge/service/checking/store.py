"""Findings about the database and the disk it lies on; nothing changes there."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from listbridge import bootstrap, clock
from listbridge.bootstrap import Installation
from listbridge.config import Configuration
from listbridge.service.checking.finding import Finding, fine, wrong
from storage import leases, restored
from storage.database import Database
from storage.engine import sqlite_file
from storage.errors import StoreError
from storage.opening import Condition, condition

# Room for some hundred posts; a disk fuller than this is full tomorrow.
_LEAST_FREE_BYTES = 200 * 1024 * 1024
_MIB = 1024 * 1024


@dataclass
class Store:
    """What was seen of the database."""

    db: Database | None = None  #: None where there is none that could be asked
    findings: list[Finding] = field(default_factory=list)
    #: What is wrong, by slug, with categories whose files are right.
    refused: dict[str, str] = field(default_factory=dict)


@contextmanager
def looked_at(configuration: Configuration) -> Iterator[Store]:
    """Look at the database as it is, and open it if it is ready for this version."""
    url = configuration.service.database
    store = Store()
    with ExitStack() as opened:
        try:
            state = condition(url)
            if state is Condition.READY:
                file = configuration.service.file
                installation = opened.enter_context(bootstrap.installation(file, register=False))
                _write_and_forget(installation.db)
                store.db = installation.db
                store.refused = _refused(installation, configuration)
            store.findings.append(_database(state, url))
            if store.db is not None:
                store.findings += _fence(store.db)
        except StoreError as err:
            cure = "check `database` in the service file, and the right to write there"
            store.findings.append(wrong(None, "database", str(err), cure))
        folder = _folder(url)
        if folder is not None and folder.is_dir():
            store.findings.append(_disk(folder))
        yield store


def _write_and_forget(db: Database) -> None:
    now = clock.now()
    with db.rehearsal() as rehearsal, rehearsal.transaction() as tx:
        leases.take(tx, "check", now, now)


def _refused(installation: Installation, configuration: Configuration) -> dict[str, str]:
    """Return what is wrong, by slug, with categories whose files are right."""
    found = installation.broken.items()
    return {slug: why for slug, why in found if slug not in configuration.broken}


def _database(state: Condition, url: str) -> Finding:
    folder = _folder(url)
    if state is Condition.READY:
        return fine(None, "database", "can be read and written")
    if state is Condition.OLDER:
        seen = "made by an earlier version; the next start brings it up to date"
        return fine(None, "database", seen)
    if folder is not None and not os.access(folder, os.W_OK):
        seen = f"there is none yet, and in {folder} this user may not make one"
        return wrong(None, "database", seen, f"give this user the right to write in {folder}")
    return fine(None, "database", "there is none yet; the first start makes it")


def _fence(db: Database) -> Iterator[Finding]:
    hold = restored.standing(db, clock.now())
    if hold is not None:
        cure = "cancel what was sent already (`queue list`), then `listbridge db resume`"
        yield wrong(None, "restore", f"nothing is sent: {hold.reason}", cure)


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    seen = f"{free // _MIB} MiB are free in {folder}"
    if free < _LEAST_FREE_BYTES:
        return wrong(None, "disk", seen, "make room, or move the database to another disk")
    return fine(None, "disk", seen)


def _folder(url: str) -> Path | None:
    file = sqlite_file(url)
    return file.parent if file else None
