"""Maildirs as files: put a message in as a mail server does, and read what is there."""

import itertools
import os
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

NAME = re.compile(r"(?P<seconds>\d+)\.[^.]*?[MH](?P<micro>\d+)")

_serial = itertools.count()


def make(folder: Path) -> None:
    """Create an empty Maildir with the owner of the folder above it."""
    for part in (folder, *(folder / name for name in ("cur", "new", "tmp"))):
        part.mkdir(mode=0o755)
        _hand_over(part, folder.parent)


def put(folder: Path, raw: bytes, received: datetime | None = None) -> None:
    """Deliver one message, all at once; `received` is what IMAP will call INTERNALDATE [now].

    Messages put in one after the other keep that order.
    """
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    name = f"{seconds}.M{nanoseconds // 1000:06}P{os.getpid()}Q{next(_serial):06}.test"
    written = folder / "tmp" / name
    written.write_bytes(raw)
    _hand_over(written, folder)
    if received is not None:
        os.utime(written, (received.timestamp(), received.timestamp()))
    written.rename(folder / "new" / name)


def messages(folder: Path) -> list[bytes]:
    """Every message in the Maildir, seen or not, in the order of arrival; none if it is missing."""
    return [file.read_bytes() for file in sorted(_files(folder), key=_arrival)]


def _arrival(file: Path) -> tuple[int, int, str]:
    """Seconds and microseconds of a Maildir name; between them every server puts its own things."""
    match = NAME.match(file.name)
    return (int(match["seconds"]), int(match["micro"]), file.name) if match else (0, 0, file.name)


def _files(folder: Path) -> Iterator[Path]:
    for part in ("new", "cur"):
        if (folder / part).is_dir():
            yield from (folder / part).iterdir()


def _hand_over(made: Path, model: Path) -> None:
    """Give what root made to the owner of `model`, under whose name the server runs."""
    if os.geteuid() == 0:
        owner = model.stat()
        os.chown(made, owner.st_uid, owner.st_gid)
