"""The mbox format (RFC 4155): messages in one file, each behind a line that begins with `From `.

A message may hold such a line itself. Writers see to that in four ways: mboxo and mboxrd put a `>`
in front of it, mboxcl and mboxcl2 say in Content-Length how long the message is. We write mboxrd,
which alone can be undone without loss, and read all of them. Nothing lies in memory but the message
that is just read.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from typing import BinaryIO

from listbridge.archives.archived import Archived
from listbridge.errors import ListbridgeError

#: A message that is larger is no message, but a file that is something else. Octets.
LARGEST = 150_000_000
_LONGEST_LINE = 1_000_000  # read in pieces; none of them is kept for long

_DAYS = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
# `From anna@example.org Sat Nov 21 10:00:00 2026`. Google puts the zone before the year, others
# behind it, or its name.
_SEPARATOR = re.compile(
    rb"From [^\r\n]{0,600}?\b" + _DAYS + rb",?\s{1,3}(?P<month>" + b"|".join(_MONTHS) + rb")"
    rb"\s{1,3}(?P<day>\d{1,2})\s{1,3}(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?"
    rb"(?:\s{1,3}(?:(?P<zone>[+-]\d{4})|[A-Za-z]{1,5}))?\s{1,3}(?P<year>\d{4})"
    rb"(?:\s{1,3}(?P<late>[+-]\d{4}))?\s*"
)
_QUOTED = re.compile(rb"^>(?=>*From )", re.MULTILINE)
_TO_BE_QUOTED = re.compile(rb"^(?=>*From )", re.MULTILINE)
_LENGTH = re.compile(rb"^Content-Length:[ \t]*(\d{1,12})[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_BLANK = (b"\n", b"\r\n")

_ARCHIVES = {
    b"PK\x03\x04": "it is a zip archive; unpack it, and name the mbox files in it",
    b"\x1f\x8b": "it is a gzip file; unpack it first: gunzip FILE",
}
# Dates of which the year has four digits in every program.
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def read(file: BinaryIO) -> Iterator[Archived]:
    """Yield the messages of an mbox file; raise `ListbridgeError` if it is none.

    The file must be seekable. That lengths are relied upon takes two messages at its beginning
    whose lengths are right: a single one could have been made to swallow the next.
    """
    if not file.seekable():
        raise ListbridgeError("it cannot be read from more than once; save it to a file first")
    begin = file.read(4)
    for mark, cure in _ARCHIVES.items():
        if begin.startswith(mark):
            raise ListbridgeError(cure)
    file.seek(0)
    first = list(islice(_Reader(file, counted=True).messages(), 2))
    counted = len(first) == 2 and all(one.was_counted for one in first)
    file.seek(0)
    for one in _Reader(file, counted=counted).messages():
        yield one.archived


def write(raw: bytes, sender: str | None, date: datetime) -> Iterator[bytes]:
    """Yield the pieces of a message in mboxrd, its own bytes unchanged but for the quoting."""
    sent_by = sender if sender and not re.search(r"\s", sender) else "MAILER-DAEMON"
    moment = min(max(date.astimezone(UTC), _FIRST), _LAST)
    yield f"From {sent_by} {time.asctime(moment.timetuple())}\n".encode()
    yield _TO_BE_QUOTED.sub(b">", raw) if b"From " in raw else raw
    yield b"\n" if raw.endswith(b"\n") else b"\n\n"


@dataclass(frozen=True)
class _Found:
    archived: Archived
    was_counted: bool  #: its Content-Length was right, and relied upon


class _Reader:
    """Reads a file from its beginning; `counted` if lengths are to be looked at."""

    def __init__(self, file: BinaryIO, *, counted: bool) -> None:
        self._file, self._counted = file, counted
        self._number = 0  # of the line that was read last

    def messages(self) -> Iterator[_Found]:
        line = self._line()
        while line in _BLANK:
            line = self._line()
        if line and not _is_separator(line):
            raise ListbridgeError(
                "it is no mbox: its first line does not read like "
                "“From anna@example.org Sat Nov 21 10:00:00 2026”"
            )
        while line:
            at, where = _moment(line), f"line {self._number}"
            raw, line, was_counted = self._message()
            problem = _problem(raw)
            position = self._file.tell()
            yield _Found(Archived(raw or b"", where, at, problem, position), was_counted)

    def _message(self) -> tuple[bytes | None, bytes, bool]:
        """Return a message, the separator behind it (empty at the end), and if it was counted.

        None stands for one that is too large.
        """
        pieces, size, after_blank, is_start, in_head = [], 0, False, True, True
        while line := self._line():
            if after_blank and _is_separator(line):
                break
            # What is too large is read to its end all the same, but not kept.
            size += len(line)
            if size <= LARGEST:
                pieces.append(line)
            is_blank = is_start and line in _BLANK
            if in_head and is_blank:
                in_head = False
                counted = self._counted_body(b"".join(pieces)) if self._counted else None
                if counted is not None:
                    return counted[0], counted[1], True
            after_blank, is_start = is_blank, line.endswith(b"\n")
        if size > LARGEST:
            return None, line, False
        if after_blank and pieces:
            pieces.pop()  # it belongs to the separator
        return _unquoted(b"".join(pieces)), line, False

    def _counted_body(self, head: bytes) -> tuple[bytes, bytes] | None:
        """Return the message and the separator behind it if it is as long as its head says."""
        said = _LENGTH.search(head)
        if said is None or int(said[1]) > LARGEST:
            return None
        here, number = self._file.tell(), self._number
        body = self._file.read(int(said[1]))
        self._number += body.count(b"\n")
        is_whole = len(body) == int(said[1]) and self._line() in _BLANK
        line = self._line()
        if is_whole and (not line or _is_separator(line)):
            # Where such a line stands as it is, nothing was quoted.
            plain = body.startswith(b"From ") or b"\nFrom " in body
            return _unquoted(head) + (body if plain else _unquoted(body)), line
        self._file.seek(here)
        self._number = number
        return None

    def _line(self) -> bytes:
        line = self._file.readline(_LONGEST_LINE)
        self._number += line.endswith(b"\n")
        return line


def _unquoted(raw: bytes) -> bytes:
    # To look for lines takes longer than to look for what most messages have nowhere.
    return _QUOTED.sub(b"", raw) if b">From " in raw else raw


def _problem(raw: bytes | None) -> str | None:
    if raw is None:
        return f"it is larger than {LARGEST // 1_000_000} MB"
    return None if raw.strip() else "there is nothing in it"


def _is_separator(line: bytes) -> bool:
    return line.startswith(b"From ") and _SEPARATOR.fullmatch(line) is not None


def _moment(separator: bytes) -> datetime | None:
    """Return when a message came, by the line in front of it; without a zone it is UTC."""
    found = _SEPARATOR.fullmatch(separator)
    if found is None:
        return None
    zone = found["zone"] or found["late"] or b"+0000"
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
    year, day, hour, minute, second = (
        int(found[name] or 0) for name in ("year", "day", "hour", "minute", "second")
    )
    month = _MONTHS.index(found["month"]) + 1
    try:
        here = timezone(-offset if zone.startswith(b"-") else offset)
        return datetime(year, month, day, hour, minute, second, tzinfo=here).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
