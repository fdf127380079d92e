"""A consistent copy of an SQLite database, made while it is in use."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from storage import restored
from storage.errors import StoreError


def copy(source: Path, target: Path) -> None:
    """Write what is committed in `source` to the new file `target`, all of it or nothing.

    The copy is on the disk when this returns, and only its owner may read it. Raises `StoreError`
    if there is a file of that name already, or if the copy cannot be written. Nothing is sent from
    a copy before its restore fence is lifted.
    """
    partial = _partial(target)
    _make_alone(partial)
    try:
        if target.exists():
            raise StoreError(f"there is a file {target} already; name another, or move it away")
        _fill(source, partial)
        restored.mark(partial)
        _to_disk(partial)
        partial.rename(target)
        _to_disk(target.parent)
    except (sqlite3.Error, OSError) as err:
        raise StoreError(f"{source} could not be copied to {target}: {err}") from err
    finally:
        partial.unlink(missing_ok=True)


def before_migration(source: Path, version: str) -> Path:
    """Copy `source` beside itself before it is migrated to `version`; return the copy's name.

    The caller holds the database's write lock, so that no other process does the same. A copy that
    an earlier upgrade left is kept, and the new one gets a number behind its name.
    """
    plain = target = source.with_name(f"{source.name}.before-{version}")
    number = 1
    while target.exists():
        number += 1
        target = plain.with_name(f"{plain.name}.{number}")
    _partial(target).unlink(missing_ok=True)  # what a process left that was killed in here
    try:
        copy(source, target)
    except StoreError as err:
        raise StoreError(
            f"the database has to be upgraded to version {version} and was left as it is, because "
            f"it could not be copied first: {err}; make room for {_megabytes(source)} MB in "
            f"{source.parent}, or let this user write there"
        ) from err
    return target


def _partial(target: Path) -> Path:
    """Return what the copy is called until it is whole."""
    return target.with_name(f"{target.name}.partial")


def _make_alone(partial: Path) -> None:
    """Make the empty file; whoever has made it is the only one who writes this copy."""
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise StoreError(
            f"{partial} is there already: another copy is being made, or one was interrupted; "
            "if no other process is at it, remove that file"
        ) from None
    except OSError as err:
        raise StoreError(f"{partial} cannot be written: {err.strerror}") from None


def _fill(source: Path, target: Path) -> None:
    # sqlite3.connect would make a missing file.
    address = f"{source.absolute().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(address, uri=True)) as read,
        closing(sqlite3.connect(target)) as to,
    ):
        # All pages in one step: a step that another process's commit interrupts would start anew.
        read.backup(to, pages=-1)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _megabytes(source: Path) -> int:
    files = (source, source.with_name(f"{source.name}-wal"))
    return -(-sum(file.stat().st_size for file in files if file.exists()) // 1_000_000)
