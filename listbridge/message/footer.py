"""The footer under a post: inside a plain text, or as a part of its own beside anything else."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from listbridge.message import parts, words
from listbridge.message.content import IDENTITY
from listbridge.message.headers import Head
from listbridge.message.parts import Part
from listbridge.message.recode import encoded, encoded_pieces
from listbridge.message.wire import BLANK_LINE, clean_pieces, ended, joined


def add(raw: bytes, root: Part, head: Head, footer: str) -> tuple[Head, bytes]:
    """Return the head, and behind a blank line the body with the footer; `head` is the edited one.

    A lone plain text gets it within, in its charset and transfer encoding. Everything else is put,
    unchanged, into a multipart/mixed in front of it.
    """
    if _is_plain(root):
        longer = _appended(raw, root, footer)
        if longer is not None:
            return head, joined(chain((BLANK_LINE,), longer))
    return wrapped(head, raw, root.body_start, footer)


def _is_plain(root: Part) -> bool:
    return root.type == "text/plain" and root.content.disposition != "attachment"


def _appended(raw: bytes, root: Part, footer: str) -> Iterable[bytes] | None:
    """The longer body, or None where charset or encoding cannot hold the footer."""
    what = root.content
    octets = _octets(footer, what.charset, flowed=what.param("format").lower() == "flowed")
    if octets is None:
        return None
    text = ended(clean_pieces(raw, root.body_start))
    if what.encoding == "quoted-printable":
        return chain(text, (encoded(octets, "quoted-printable"),))
    if what.encoding == "base64":
        decoded = ended(parts.payload_pieces(raw, root))
        return encoded_pieces(chain(decoded, (octets,)), "base64")
    if what.encoding not in IDENTITY:
        return None
    fits = octets.isascii() or what.encoding in ("8bit", "binary")
    return chain(text, (octets,)) if fits else None


def _octets(footer: str, charset: str, *, flowed: bool) -> bytes | None:
    known = words.known_charset(charset)
    if known is None or known.startswith(("utf-16", "utf-32")):
        return None
    lines = [_without_trailing_blanks(line) for line in footer.splitlines()]
    if flowed:
        # RFC 3676 4.4: a line that starts like a quote, a blank or `From ` is stuffed with a blank.
        lines = [f" {line}" if line.startswith((" ", ">", "From ")) else line for line in lines]
    try:
        return "".join(f"{line}\r\n" for line in lines).encode(known)
    except UnicodeEncodeError:
        return None


def _without_trailing_blanks(line: str) -> str:
    """A blank at the end of a flowed line joins it to the next, save in `-- ` (RFC 3676 4.3)."""
    stripped = line.rstrip()
    return "-- " if stripped == "--" else stripped


def wrapped(head: Head, source: bytes, start: int, footer: str) -> tuple[Head, bytes]:
    """Put the whole content into a multipart/mixed; its Content fields move with it.

    The content is the body of `source`, from `start` on; the new one stands behind a blank line.
    """
    inner = Head(tuple(f for f in head.fields if f.key.startswith("content-")))
    octets = _octets(footer, "utf-8", flowed=False) or b""
    second = (
        Head()
        .append("Content-Type", "text/plain; charset=utf-8")
        .append("Content-Disposition", "inline")
        .append("Content-Transfer-Encoding", "quoted-printable")
        .to_bytes()
    ) + encoded(octets, "quoted-printable")

    def first() -> Iterator[bytes]:
        yield inner.to_bytes()
        yield from clean_pieces(source, start)

    boundary, body = _bounded(first, second)
    outer = (
        head.without(*(f.name for f in inner.fields))
        .replaced("MIME-Version", "1.0")
        .append("Content-Type", f'multipart/mixed; boundary="{boundary.decode("ascii")}"')
    )
    if not body.isascii():
        outer = outer.append("Content-Transfer-Encoding", "8bit")
    return outer, body


def _bounded(first: Callable[[], Iterable[bytes]], second: bytes) -> tuple[bytes, bytes]:
    """Return a boundary that the parts do not hold, the same every time, and the body it makes."""
    number = 0
    while True:
        digest = hashlib.sha256(b"%d:" % number)
        for piece in first():
            digest.update(piece)
        boundary = b"=_listbridge_" + digest.hexdigest()[:32].encode("ascii")
        mark = b"--" + boundary
        before = BLANK_LINE + mark + b"\r\n"
        behind = b"\r\n" + mark + b"\r\n" + second + b"\r\n" + mark + b"--\r\n"
        body = joined(chain((before,), first(), (behind,)))
        if body.count(boundary) == 3:
            return boundary, body
        number += 1
