"""What a moderator is shown of a held post: how it begins, and the whole of it as an attachment."""

from itertools import islice
from textwrap import wrap

from listbridge.message import tokens
from listbridge.message.recode import seven_bit
from listbridge.message.wire import clean, is_deliverable
from listbridge.moderation.password import Opened

_LINES, _WIDTH = 30, 76
_LARGEST_ATTACHED = 500_000  #: octets


def excerpt(text: str) -> str:
    """Return the beginning of a text, marked line by line: nothing in it looks like our own."""
    pieces = (
        piece
        for line in text[: 2 * _LINES * _WIDTH].expandtabs().splitlines()
        for piece in wrap(line, _WIDTH) or [""]
    )
    some = list(islice(pieces, _LINES))
    is_all = sum(map(len, text.split())) == sum(len(x) for line in some for x in line.split())
    return "\n".join(f"    | {line}".rstrip() for line in (some if is_all else [*some, "…"]))


def attachable(read: Opened) -> bytes | None:
    """Return the post as it can be attached, without secrets, or None where that cannot be.

    It is in ASCII, so that a server without 8BITMIME takes it (RFC 2046 5.2.1).
    """
    if read.remains or len(read.raw) > _LARGEST_ATTACHED:
        return None
    whole = clean(tokens.blotted_bytes(read.raw, read.parsed.root))
    return seven_bit(whole) if is_deliverable(whole) else None
