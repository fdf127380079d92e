"""The day a POP3 message arrived, as far as its own header tells."""

import re
from datetime import date
from email.utils import parsedate_to_datetime

# RFC 5322 2.2.3: a line that begins with blank space continues the field.
_FIELD = re.compile(rb"^(received|date)[ \t]*:(.*(?:\r?\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE)
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
# No date is longer; what is before it may be.
_LONGEST_DATE = 100


def arrival_date(head: bytes) -> date | None:
    """Return the date of the topmost Received field, else of Date, each in its own time zone.

    None where neither can be read.
    """
    found: dict[bytes, bytes] = {}
    for name, value in _FIELD.findall(_END_OF_HEADER.split(head, maxsplit=1)[0]):
        found.setdefault(name.lower(), value)
    # RFC 5321 4.4: the date stands behind the last semicolon.
    _, semicolon, received = found.get(b"received", b"").rpartition(b";")
    return (_date(received) if semicolon else None) or _date(found.get(b"date", b""))


def _date(text: bytes) -> date | None:
    words = " ".join(text.decode("latin-1").split())
    if not words or len(words) > _LONGEST_DATE:
        return None
    try:
        return parsedate_to_datetime(words).date()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
