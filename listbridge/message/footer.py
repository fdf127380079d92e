"""The footer under a post: inside a plain text, or as a part of its own beside anything else."""

import hashlib

from listbridge.message import parts, words
from listbridge.message.content import IDENTITY
from listbridge.message.headers import Head
from listbridge.message.parts import Part
from listbridge.message.recode import encoded
from listbridge.message.wire import clean


def add(raw: bytes, root: Part, head: Head, footer: str) -> tuple[Head, bytes]:
    """Return the head and the body with the footer; `head` is the edited one.

    A lone plain text gets it within, in its charset and transfer encoding. Everything else is put,
    unchanged, into a multipart/mixed in front of it.
    """
    body = clean(parts.body(raw, root))
    if _is_plain(root):
        longer = _appended(body, root, footer)
        if longer is not None:
            return head, longer
    return wrapped(head, body, footer)


def _is_plain(root: Part) -> bool:
    return root.type == "text/plain" and root.content.disposition != "attachment"


def _appended(body: bytes, root: Part, footer: str) -> bytes | None:
    """The longer body, or None where charset or encoding cannot hold the footer."""
    what = root.content
    octets = _octets(footer, what.charset, flowed=what.param("format").lower() == "flowed")
    if octets is None:
        return None
    if what.encoding == "quoted-printable":
        return _ended(body) + encoded(octets, "quoted-printable")
    if what.encoding == "base64":
        return encoded(_ended(parts.decoded(body, "base64")) + octets, "base64")
    if what.encoding not in IDENTITY:
        return None
    fits = octets.isascii() or what.encoding in ("8bit", "binary")
    return _ended(body) + octets if fits else None


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


def _ended(body: bytes) -> bytes:
    return body if not body or body.endswith((b"\r\n", b"\n")) else body + b"\r\n"


def wrapped(head: Head, body: bytes, footer: str) -> tuple[Head, bytes]:
    """Put the whole content into a multipart/mixed; its Content fields move with it."""
    inner = Head(tuple(f for f in head.fields if f.key.startswith("content-")))
    first = inner.to_bytes() + body
    octets = _octets(footer, "utf-8", flowed=False) or b""
    second = (
        Head()
        .append("Content-Type", "text/plain; charset=utf-8")
        .append("Content-Disposition", "inline")
        .append("Content-Transfer-Encoding", "quoted-printable")
        .to_bytes()
    )
    boundary = _boundary(first)
    mark = b"--" + boundary
    pieces = (mark, first, mark, second + encoded(octets, "quoted-printable"), mark + b"--", b"")
    outer = (
        head.without(*(f.name for f in inner.fields))
        .replaced("MIME-Version", "1.0")
        .append("Content-Type", f'multipart/mixed; boundary="{boundary.decode("ascii")}"')
    )
    if not body.isascii():
        outer = outer.append("Content-Transfer-Encoding", "8bit")
    return outer, b"\r\n".join(pieces)


def _boundary(content: bytes) -> bytes:
    """A boundary that the content does not hold, the same every time."""
    number = 0
    while True:
        seed = hashlib.sha256(b"%d:" % number + content).hexdigest()
        boundary = b"=_listbridge_" + seed[:32].encode("ascii")
        if boundary not in content:
            return boundary
        number += 1
