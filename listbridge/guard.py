"""The one guard for text that goes into a protocol command, an address or a header.

imapclient's `login`, `search`, `fetch` and poplib's `user` pass CR and LF through on Python 3.11,
so nothing below us can be relied upon (CVE-2025-15366, CVE-2025-15367).
"""

from listbridge.errors import UnsafeText

# Line separators that some software treats as a line end although they are no control characters.
_LINE_SEPARATORS = "\u2028\u2029"


def is_safe(text: str) -> bool:
    """Say whether `text` is free of C0 and C1 controls, DEL, and Unicode line separators."""
    return text.isprintable() or not any(
        ch < " " or "\x7f" <= ch <= "\x9f" or ch in _LINE_SEPARATORS for ch in text
    )


def safe(text: str, what: str) -> str:
    """Return `text` unchanged, or raise `UnsafeText` naming `what` (never the text itself)."""
    if not is_safe(text):
        raise UnsafeText(f"{what} contains a control character or line break; remove it")
    return text
