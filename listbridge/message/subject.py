"""The subject prefix of a category, such as `[general]`, exactly once; what a subject is about."""

import re

from listbridge.message import words
from listbridge.message.headers import Field, Head

_NO_SUBJECT = b"(no subject)"
# What mail programs and lists put in front, in the languages they do it in.
_IN_FRONT = re.compile(
    r"(?:(?:re|aw|sv|vs|antw|odp|res|rif|fwd?|wg)(?:\[\d+\])?:|\[[^\]]*\])\s*", re.IGNORECASE
)


def prefixed(head: Head, prefix: str) -> Head:
    """Put the prefix in front of the subject, whose own bytes stay.

    Where it stands already, as in `Re: [general] …`, nothing changes.
    """
    prefix = words.tidy(prefix)
    if not prefix:
        return head
    old = head.first("Subject")
    if old is not None and prefix.casefold() in old.text.casefold():
        return head
    value = b"" if old is None else old.raw.partition(b":")[2].lstrip(b" \t\r\n\0")
    if not value.strip():
        value = _NO_SUBJECT + b"\r\n"
    return head.put(Field("Subject", b"Subject: " + _written(prefix, value) + b" " + value))


def _written(prefix: str, value: bytes) -> bytes:
    if prefix.isascii():
        return prefix.encode("ascii")
    # Readers drop the blank between two encoded words, so the first must hold it (RFC 2047 6.2).
    return words.encoded(f"{prefix} " if value.startswith(b"=?") else prefix)


def topic(subject: str) -> str:
    """Return the subject without what answers and lists have put in front, for comparing."""
    position = 0
    while match := _IN_FRONT.match(subject, position):
        position = match.end()
    return subject[position:].casefold()


def is_answer(subject: str) -> bool:
    """Say whether a mail program has marked the subject as that of an answer, or a list its own."""
    return _IN_FRONT.match(subject) is not None
