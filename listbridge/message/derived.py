"""mail-parser's view of the fields that people read; the one module that knows the library.

It gets the few fields it is asked about and no body: it is slow, quadratic on encoded words, takes
an attached message for the author's words, and turns a repeated field into a list.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import mailparser

from listbridge.message import words
from listbridge.message.errors import MessageError
from listbridge.message.headers import Field, Head

_ASKED = ("Date", "Subject", "From", "Sender", "Reply-To", "To", "Cc")
# More than this of an address field tells nothing new and takes the library seconds.
_LONGEST_VALUE = 8192


@dataclass(frozen=True)
class Derived:
    """What mail-parser made of the fields."""

    subject: str  #: decoded, without control characters, blanks folded; "" when there is none
    date: datetime | None  #: in UTC
    defects: tuple[str, ...]  #: what it found wrong, one short text each


def derive(head: Head) -> Derived:
    """Read subject, date and defects; whatever the library raises becomes `MessageError`."""
    asked = Head(tuple(_bounded(f) for name in _ASKED if (f := head.first(name)) is not None))
    try:
        mail = mailparser.parse_from_bytes(asked.to_bytes())
        return Derived(_subject(head, mail.subject), _date(head, mail.date), _defects(mail.defects))
    except Exception as err:  # A parser may raise anything at all, and must only harm this message.
        raise MessageError(f"mail-parser could not read its head: {type(err).__name__}") from err


def _bounded(field: Field) -> Field:
    value = field.value
    if len(value) <= _LONGEST_VALUE:
        return field
    return Field(field.name, field.name.encode("ascii") + b": " + value[:_LONGEST_VALUE])


def _subject(head: Head, seen: object) -> str:
    """mail-parser drops 8-bit octets that are not UTF-8, so such a subject is read by ourselves."""
    field = head.first("Subject")
    if field is None:
        return ""
    if not field.value.isascii() or len(field.value) > _LONGEST_VALUE or not isinstance(seen, str):
        return field.text
    return words.tidy(seen)


def _date(head: Head, seen: object) -> datetime | None:
    """mail-parser is strict about dates; the standard library forgives `1:00:00` and its like."""
    if isinstance(seen, datetime):
        return _utc(seen)
    return lenient_date(head)


def lenient_date(head: Head) -> datetime | None:
    """The Date field in UTC by the standard library, or None where it cannot be read."""
    try:
        return _utc(parsedate_to_datetime(head.text("Date")[:200]))
    except Exception:  # It raises TypeError, ValueError, IndexError and OverflowError, by version.
        return None


def _utc(date: datetime) -> datetime | None:
    if date.tzinfo is None:
        return date.replace(tzinfo=UTC)
    try:
        return date.astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def _defects(found: Iterable[object]) -> tuple[str, ...]:
    texts: list[str] = []
    for entry in found:
        for value in entry.values() if isinstance(entry, dict) else (entry,):
            texts.extend(str(v) for v in (value if isinstance(value, list) else [value]))
    return tuple(words.tidy(text)[:200] for text in texts[:20])
