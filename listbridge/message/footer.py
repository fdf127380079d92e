"""The footer under a post: inside its text, plain or HTML, or as a part of its own beside it."""

import hashlib
import html
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from listbridge.message import edits, parts, text, words
from listbridge.message.content import IDENTITY
from listbridge.message.edits import Edit
from listbridge.message.headers import Head
from listbridge.message.parts import Part
from listbridge.message.recode import KNOWN_ENCODINGS, encoded, encoded_pieces
from listbridge.message.wire import BLANK_LINE, clean_pieces, ended, joined

#: What may stand in a footer in braces; see `placeholders`.
NAMES = ("list_name", "list_address", "list_id")
#: What may do so in personal copies: the subscriber's address, and how he unsubscribes at once.
PERSONAL_NAMES = ("member", "unsubscribe")
# What an address or a link in HTML may end at.
_MAILTO = re.compile(r"mailto:[^\s<>\"']+")


def add(raw: bytes, root: Part, head: Head, footer: str) -> tuple[Head, bytes]:
    """Return the head, and behind a blank line the body with the footer; `head` is the edited one.

    A text gets it within, in its charset and transfer encoding; of alternatives each does, and of
    several parts the first. Where that cannot be done, everything is put, unchanged, into a
    multipart/mixed in front of it.
    """
    longer = _edits(raw, root, footer) if root.content.disposition != "attachment" else None
    if longer is None:
        return wrapped(head, raw, root.body_start, footer)
    return head, joined(chain((BLANK_LINE,), edits.applied(raw, longer, root.body_start)))


def _edits(raw: bytes, part: Part, footer: str) -> list[Edit] | None:
    """What puts the footer into a part; None where it does not fit."""
    if part.type == "multipart/alternative":
        # All say the same, and only one of them is shown.
        return _of_all(raw, part.children, footer)
    if part.type in ("multipart/mixed", "multipart/related"):
        return _of_all(raw, part.children[:1], footer)
    body = None
    if part.type == "text/plain":
        body = _longer_plain(raw, part, footer)
    elif part.type == "text/html":
        body = _longer_html(raw, part, footer)
    return None if body is None else [(part.body_start, part.end, body)]


def _of_all(raw: bytes, children: Iterable[Part], footer: str) -> list[Edit] | None:
    found: list[Edit] = []
    for child in children:
        longer = None
        if text.is_body(child) or child.children:
            longer = _edits(raw, child, footer)
        if longer is None:
            return None
        found += longer
    return found or None


def _longer_plain(raw: bytes, part: Part, footer: str) -> Iterable[bytes] | None:
    """The longer body, or None where charset or encoding cannot hold the footer."""
    what = part.content
    octets = _octets(footer, what.charset, flowed=what.param("format").lower() == "flowed")
    if octets is None:
        return None
    before = ended(clean_pieces(raw, part.body_start, part.end))
    if what.encoding == "quoted-printable":
        return chain(before, (encoded(octets, "quoted-printable"),))
    if what.encoding == "base64":
        decoded = ended(parts.payload_pieces(raw, part))
        return encoded_pieces(chain(decoded, (octets,)), "base64")
    if what.encoding not in IDENTITY:
        return None
    fits = octets.isascii() or what.encoding in ("8bit", "binary")
    return chain(before, (octets,)) if fits else None


def _longer_html(raw: bytes, part: Part, footer: str) -> Iterable[bytes] | None:
    """The longer body: the footer stands at the end of what is shown."""
    what = part.content
    if _codec(what.charset) is None or what.encoding not in KNOWN_ENCODINGS:
        return None
    payload = parts.payload(raw, part)
    at = _end_of_what_is_shown(payload)
    pieces = (payload[:at], _markup(footer), payload[at:])
    return pieces if what.encoding in IDENTITY else encoded_pieces(pieces, what.encoding)


def _end_of_what_is_shown(page: bytes) -> int:
    lowered = page.lower()
    found = (lowered.rfind(mark) for mark in (b"</body", b"</html"))
    return next((at for at in found if at >= 0), len(page))


def _markup(footer: str) -> bytes:
    """The footer as HTML in ASCII, which every charset holds."""
    lines = (_linked(html.escape(line.rstrip())) for line in footer.strip().splitlines())
    shown = "<br>\r\n".join(lines)
    return f"\r\n<p>{shown}</p>\r\n".encode("ascii", "xmlcharrefreplace")


def _linked(line: str) -> str:
    """The line with its `mailto:` addresses as links: nobody copies a token by hand."""
    return _MAILTO.sub(r'<a href="\g<0>">\g<0></a>', line)


def _codec(charset: str) -> str | None:
    """Python's name of a charset in which ASCII is written as ASCII; None for any other."""
    known = words.known_charset(charset)
    return known if known is not None and "<".encode(known, "replace") == b"<" else None


def _octets(footer: str, charset: str, *, flowed: bool) -> bytes | None:
    known = _codec(charset)
    if known is None:
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
