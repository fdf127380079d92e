"""How a message is known again: by its bytes, or by what it says whatever the way did to it."""

import hashlib
from collections.abc import Iterator

from listbridge.message import addresses, derived, parts
from listbridge.message.headers import Head
from listbridge.message.parts import Part

# Replacing would take a second for each 30 MB of them.
_CR_TO_LF = bytes.maketrans(b"\r", b"\n")


def raw_hash(raw: bytes) -> str:
    """SHA-256 of the stored bytes, as hex: equal means the very same message."""
    return hashlib.sha256(raw).hexdigest()


def derived_message_id(raw: bytes) -> str:
    """A Message-ID for a message without one: always the same for the same bytes."""
    return f"<{raw_hash(raw)[:32]}@listbridge.invalid>"


def fingerprint(raw: bytes, root: Part | None = None) -> str:
    """SHA-256, as hex, over author, date, subject and decoded parts in their order.

    Trace, list and signature fields do not count, nor do folding, header encoding, transfer
    encoding, line ends or boundaries. `root` is the structure where it is known already.
    Raise `TooComplex` as `parts.tree` does.
    """
    digest = hashlib.sha256()
    for piece in _message(raw, root or parts.tree(raw)):
        # The length in front keeps two neighbours from being taken for two others.
        digest.update(b"%d:" % len(piece))
        digest.update(piece)
    return digest.hexdigest()


def _message(raw: bytes, root: Part) -> Iterator[bytes]:
    for text in (_author(root.head), _date(root.head), root.head.text("Subject")):
        yield text.encode("utf-8", "replace")
    yield from _part(raw, root)


def _author(head: Head) -> str:
    return addresses.author(head).address or head.text("From")


def _date(head: Head) -> str:
    date = derived.lenient_date(head)
    return date.isoformat() if date else head.text("Date")


def _part(raw: bytes, part: Part) -> Iterator[bytes]:
    yield b"begin " + part.type.encode("ascii", "replace")
    if part.content.main == "message" and part.children:
        yield from _message(raw, part.children[0])
    elif part.children:
        for child in part.children:
            yield from _part(raw, child)
    else:
        yield _content_hash(raw, part)
    yield b"end"


def _content_hash(raw: bytes, part: Part) -> bytes:
    """Hash the decoded body with LF only and without line ends at its end, which come and go."""
    digest = hashlib.sha256()
    line_ends = 0
    cut = b""
    for chunk in parts.chunks(raw, part):
        # A CRLF may be cut in two by the chunks.
        data = cut + chunk
        cut = b"\r" if data.endswith(b"\r") else b""
        data = data[: len(data) - len(cut)].replace(b"\r\n", b"\n").translate(_CR_TO_LF)
        words = data.rstrip(b"\n")
        if words:
            digest.update(b"\n" * line_ends)
            digest.update(words)
            line_ends = 0
        line_ends += len(data) - len(words)
    return digest.digest()
