"""A password in the list's own address, `general+secret@example.org`: found, and cut out again."""

import re
from dataclasses import dataclass
from functools import lru_cache

from listbridge.message.headers import Head, read_head

# The signs of an address, as they are, in web addresses, and in quoted-printable text.
_PLUS = rb"(?:\+|%2B|=2B)"
_AT = rb"(?:@|%40|=40)"
# Whom a message was sent to, as people write it and as servers note it down.
_RECIPIENTS = (
    *("To", "Cc", "Resent-To", "Resent-Cc"),
    *("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To"),
)


@dataclass(frozen=True)
class Cut:
    """A message without the password."""

    raw: bytes
    given: bool  #: it was sent to the address with the password
    head_changed: bool
    body_changed: bool


def mentions(raw: bytes, address: str) -> bool:
    """Say whether there is any sub-address of this address in a message."""
    local = address.rpartition("@")[0]
    return _pattern(local, None, "").search(raw) is not None


def cut(raw: bytes, address: str, password: str) -> Cut:
    """Take the password out of every place where it stands in the address."""
    local, _, domain = address.rpartition("@")
    secret = _pattern(local, password, domain)
    if secret.search(raw) is None:
        return Cut(raw, given=False, head_changed=False, body_changed=False)
    head, start = read_head(raw, 0, len(raw))
    return Cut(
        secret.sub(rb"\1", raw),
        given=_is_sent_to(head, secret),
        head_changed=secret.search(raw, 0, start) is not None,
        body_changed=secret.search(raw, start) is not None,
    )


def _is_sent_to(head: Head, secret: re.Pattern[bytes]) -> bool:
    return any(secret.search(one.value) for name in _RECIPIENTS for one in head.all(name))


@lru_cache(maxsize=256)
def _pattern(local: str, password: str | None, domain: str) -> re.Pattern[bytes]:
    """Nothing in it repeats, so that each byte of a message is looked at once."""
    before = rb"(" + re.escape(local.encode()) + rb")" + _PLUS
    if password is None:
        return re.compile(before, re.IGNORECASE)
    behind = rb"(?=" + _AT + re.escape(domain.encode()) + rb")"
    return re.compile(before + re.escape(password.encode()) + behind, re.IGNORECASE)
