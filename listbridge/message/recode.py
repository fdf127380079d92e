"""Give single parts another transfer encoding where the way demands it; all other bytes stay.

Two ways demand it: a line over 998 octets or a NUL (RFC 5322 2.1.1, RFC 2045 2.7), and a server
without 8BITMIME (RFC 6152).
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from listbridge.message import content, dkim, parts, protection, words
from listbridge.message.edits import Edit, applied
from listbridge.message.errors import MessageError
from listbridge.message.headers import Field, Head, folded
from listbridge.message.parts import Part
from listbridge.message.wire import BLANK_LINE, ended, is_deliverable, joined, with_lf

#: What can be undone and done again (RFC 2045 6).
KNOWN_ENCODINGS = content.IDENTITY | {"quoted-printable", "base64"}
# Their octets are no lines of text: quoted-printable would change what looks like a line end.
_WIDE_CHARSETS = ("utf-16", "utf-32", "ucs-2", "ucs-4", "utf16", "utf32")
# What no specials of addresses and parameters (RFC 5322 3.2.3, RFC 2045 5.1) interrupt.
_RUN = re.compile(rb'[^ \t<>"(),;:@=]+')

_PIECE = 1 << 20
_BASE64_LINE = 57  # octets


class Unalterable(MessageError):
    """A message that cannot go out as it is and must not be altered; the sentence says why."""


def deliverable(head: Head, source: bytes, start: int) -> tuple[Head, bytes | None]:
    """Return the head, and the body with every line within 998 octets and without NUL.

    The body is that of `source` from `start` on: None where that will do, else behind a blank line.
    Raise `Unalterable` where that would alter a signed or encrypted part, or cannot be done.
    """
    if is_deliverable(source, start):
        return short_lines(head), None
    root = parts.tree_below(head, source, start)
    head, edits = _deliverable(source, root)
    body = joined(chain((BLANK_LINE,), applied(source, edits, start)))
    if not is_deliverable(body):
        raise Unalterable("a line is longer than 998 octets and cannot be broken")
    return _of_mime(head, root), body


def seven_bit(message: bytes) -> bytes | None:
    """Return the message in ASCII only, for a server without 8BITMIME.

    None where that would alter a signed or encrypted part, or cannot be done.
    """
    if message.isascii():
        return message
    try:
        root = parts.tree(message)
        head, edits = _in_ascii(message, root)
        if edits:
            head = _of_mime(head, root)
        # No signature outlives another encoding of what it signs.
        head = dkim.rename_broken(head, head, body_changed=True)
        body = applied(message, edits, root.body_start)
        result = joined(ended(chain((head.to_bytes(),), body)))
    except MessageError:
        return None
    return result if result.isascii() and is_deliverable(result) else None


def _of_mime(head: Head, root: Part) -> Head:
    """Add what RFC 2045 4 demands where the message itself, being a single part, was encoded."""
    if root.children or head.first("MIME-Version") is not None:
        return head
    return head.append("MIME-Version", "1.0")


def _deliverable_edits(raw: bytes, part: Part) -> Iterator[Edit]:
    """Edits in the order of the bytes, none overlapping another."""
    if not is_deliverable(raw, part.start, part.end):
        head, edits = _deliverable(raw, part)
        yield part.start, part.body_start, (head.to_bytes(),)
        yield from edits


def _deliverable(raw: bytes, part: Part) -> tuple[Head, Iterable[Edit]]:
    """The new head of a part, and the edits of its body."""
    # A part's own head is not covered by the signature that the part holds.
    head = short_lines(part.head)
    if is_deliverable(raw, part.body_start, part.end):
        return head, ()
    _refuse_if_protected(raw, part, "has a line over 998 octets or a NUL")
    if part.children:
        return head, _inside(raw, part, _scrubbed, _deliverable_edits)
    return _recoded(raw, part, head)


def _inside(
    raw: bytes,
    part: Part,
    between: Callable[[bytes, int, int], Iterator[Edit]],
    edits: Callable[[bytes, Part], Iterator[Edit]],
) -> Iterator[Edit]:
    """The edits of all that a container holds: of its parts, and of what stands between them."""
    position = part.body_start
    for child in part.children:
        yield from between(raw, position, child.start)
        yield from edits(raw, child)
        position = child.end
    yield from between(raw, position, part.end)


def _scrubbed(raw: bytes, start: int, end: int) -> Iterator[Edit]:
    """What stands before, between and after parts is for nobody to read: bad lines are left out.

    A delimiter stays, without the blanks that made it long.
    """
    between = raw[start:end]
    if is_deliverable(between):
        return
    kept: list[bytes] = []
    for line in between.splitlines(keepends=True):
        if not is_deliverable(line):
            line = line.rstrip() + b"\r\n"
        if is_deliverable(line):
            kept.append(line)
    yield start, end, kept


def _ascii_edits(raw: bytes, part: Part) -> Iterator[Edit]:
    if not raw[part.start : part.end].isascii():
        head, edits = _in_ascii(raw, part)
        yield part.start, part.body_start, (head.to_bytes(),)
        yield from edits


def _in_ascii(raw: bytes, part: Part) -> tuple[Head, Iterable[Edit]]:
    """The new head of a part, and the edits of its body."""
    head = _ascii_head(part.head)
    if parts.body(raw, part).isascii():
        return head, ()
    _refuse_if_protected(raw, part, "has 8-bit text")
    if not part.children:
        return _recoded(raw, part, head)
    if not part.content.params.get("boundary", b"").isascii():
        raise Unalterable("a boundary between its parts is not ASCII")
    # A container's own encoding says what lies inside, which is 7bit from now on.
    if part.content.encoding in ("8bit", "binary"):
        head = head.replaced("Content-Transfer-Encoding", "7bit")
    return head, _inside(raw, part, _ascii_between, _ascii_edits)


def _ascii_between(raw: bytes, start: int, end: int) -> Iterator[Edit]:
    between = raw[start:end]
    if not between.isascii():
        text = between.decode("ascii", "replace").replace("\ufffd", "?")
        yield start, end, (text.encode("ascii"),)


def _refuse_if_protected(raw: bytes, part: Part, trouble: str) -> None:
    if protection.of_part(raw, part):
        raise Unalterable(f"a signed or encrypted part {trouble}; it must not be altered")


def _recoded(raw: bytes, part: Part, head: Head) -> tuple[Head, Iterable[Edit]]:
    what = part.content
    if what.encoding not in KNOWN_ENCODINGS or what.main == "multipart":
        raise Unalterable(f"a part of type {what.type} cannot be encoded anew")
    is_text = what.main == "text" and not what.charset.startswith(_WIDE_CHARSETS)
    encoding = "quoted-printable" if is_text and what.encoding != "base64" else "base64"
    body = encoded_pieces(parts.payload_pieces(raw, part), encoding)
    head = head.replaced("Content-Transfer-Encoding", encoding)
    return head, ((part.body_start, part.end, body),)


def encoded(octets: bytes, encoding: str) -> bytes:
    """Write octets in quoted-printable (they must be text) or base64, in lines with CRLF."""
    return b"".join(encoded_pieces((octets,), encoding))


def encoded_pieces(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """As `encoded`, of what comes in pieces."""
    encode = _in_base64 if encoding == "base64" else _in_quoted_printable
    for piece in encode(pieces):
        yield piece.replace(b"\n", b"\r\n")


def _in_base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        octets = rest + piece
        whole = len(octets) - len(octets) % _BASE64_LINE
        yield base64.encodebytes(octets[:whole])
        rest = octets[whole:]
    yield base64.encodebytes(rest)


def _in_quoted_printable(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in with_lf(pieces):
        text = rest + piece
        # Between lines if possible; a long line goes on behind a soft line break.
        whole = text.rfind(b"\n") + 1
        rest = text[whole:]
        yield binascii.b2a_qp(text[:whole], istext=True)
        if len(rest) > _PIECE:
            yield binascii.b2a_qp(rest, istext=True) + b"=\n"
            rest = b""
    yield binascii.b2a_qp(rest, istext=True)


def short_lines(head: Head) -> Head:
    """Fold fields whose lines are too long; raise `Unalterable` where there is no blank for it."""
    return Head(tuple(_short_lines(f) for f in head.fields))


def _short_lines(old: Field) -> Field:
    raw = old.to_bytes()
    if is_deliverable(raw):
        return old
    new = folded(old.name, old.value)
    if not is_deliverable(new.raw):
        raise Unalterable(f"the field {old.name} has over 998 octets without a blank to fold at")
    return new


def _ascii_head(head: Head) -> Head:
    return Head(tuple(f if f.raw.isascii() else _ascii_field(f) for f in head.fields))


def _ascii_field(old: Field) -> Field:
    """Make encoded words of the 8-bit runs, and leave alone what gives the field its structure."""
    pieces: list[bytes] = []
    position = 0
    after_encoded = False
    for match in _RUN.finditer(old.value):
        between = old.value[position : match.start()]
        pieces.append(between)
        if match[0].isascii():
            pieces.append(match[0])
        else:
            # The blank between two encoded words does not count, so the second one holds it.
            blank = " " if after_encoded and between and not between.strip() else ""
            pieces.append(words.encoded(blank + words.text(match[0], "utf-8")))
        after_encoded = not match[0].isascii()
        position = match.end()
    return folded(old.name, b"".join((*pieces, old.value[position:])))
