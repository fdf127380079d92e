"""A Maildir: a message in each file of the folders `cur` and `new`."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from listbridge.archives.archived import Archived
from listbridge.archives.mbox import LARGEST
from listbridge.errors import ListbridgeError

_FOLDERS = ("cur", "new")


def read(folder: Path) -> Iterator[Archived]:
    """Yield the messages of a Maildir in the order they came; raise `ListbridgeError` if none."""
    present = [folder / name for name in _FOLDERS if (folder / name).is_dir()]
    if not present:
        raise ListbridgeError("it is a folder, and no Maildir: neither cur nor new is in it")
    # A name begins with the time of its delivery.
    files = (one for each in present for one in each.iterdir() if not one.name.startswith("."))
    for file in sorted(files, key=lambda one: one.name):
        yield _read(file)


def _read(file: Path) -> Archived:
    where = f"{file.parent.name}/{file.name}"
    try:
        status = file.stat()
        if status.st_size > LARGEST:
            return Archived(b"", where, problem=f"it is larger than {LARGEST // 1_000_000} MB")
        raw = file.read_bytes()
    except OSError as err:
        return Archived(b"", where, problem=f"it cannot be read: {err.strerror}")
    at = datetime.fromtimestamp(status.st_mtime, UTC)
    return Archived(raw, where, at, None if raw.strip() else "there is nothing in it")
