"""Give single parts another transfer encoding where the way demands it; all other bytes stay.

Two ways demand it: a line over 998 octets or a NUL (RFC 5322 2.1.1, RFC 2045 2.7), and a server
without 8BITMIME (RFC 6152).
"""

import base64
import binascii
import re
from collections.abc import Iterator

from listbridge.message import content, dkim, headers, parts, protection, words
from listbridge.message.errors import MessageError
from listbridge.message.headers import Field, Head, folded
from listbridge.message.parts import Part
from listbridge.message.wire import is_deliverable, wire

_KNOWN_ENCODINGS = content.IDENTITY | {"quoted-printable", "base64"}
# Their octets are no lines of text: quoted-printable would change what looks like a line end.
_WIDE_CHARSETS = ("utf-16", "utf-32", "ucs-2", "ucs-4", "utf16", "utf32")
# What no specials of addresses and parameters (RFC 5322 3.2.3, RFC 2045 5.1) interrupt.
_RUN = re.compile(rb'[^ \t<>"(),;:@=]+')

_Edit = tuple[int, int, bytes]


class Unalterable(MessageError):
    """A message that cannot go out as it is and must not be altered; the sentence says why."""


def deliverable(message: bytes) -> bytes:
    """Return the message with every line within 998 octets and without NUL.

    Raise `Unalterable` where that would alter a signed or encrypted part, or cannot be done.
    """
    result = _applied(message, _deliverable_edits(message, parts.tree(message)))
    if not is_deliverable(result):
        raise Unalterable("a line is longer than 998 octets and cannot be broken")
    return result


def seven_bit(message: bytes) -> bytes | None:
    """Return the message in ASCII only, for a server without 8BITMIME.

    None where that would alter a signed or encrypted part, or cannot be done.
    """
    if message.isascii():
        return message
    try:
        result = _applied(message, _ascii_edits(message, parts.tree(message)))
    except MessageError:
        return None
    if not result.isascii() or not is_deliverable(result):
        return None
    # No signature outlives another encoding of what it signs.
    head, body = headers.split(result)
    head = dkim.rename_broken(head, head, body_changed=True)
    return wire(head.to_bytes(), body)


def _applied(message: bytes, edits: Iterator[_Edit]) -> bytes:
    pieces: list[bytes] = []
    position = 0
    for start, end, replacement in edits:
        pieces += (message[position:start], replacement)
        position = end
    return b"".join((*pieces, message[position:]))


def _deliverable_edits(raw: bytes, part: Part) -> Iterator[_Edit]:
    """Edits in the order of the bytes, none overlapping another."""
    if is_deliverable(raw, part.start, part.end):
        return
    # A part's own head is not covered by the signature that the part holds.
    head = short_lines(part.head)
    if is_deliverable(raw, part.body_start, part.end):
        yield part.start, part.body_start, head.to_bytes()
        return
    _refuse_if_protected(raw, part, "has a line over 998 octets or a NUL")
    if not part.children:
        head, body = _recoded(raw, part, head)
        yield part.start, part.end, head.to_bytes() + body
        return
    yield part.start, part.body_start, head.to_bytes()
    position = part.body_start
    for child in part.children:
        yield from _scrubbed(raw, position, child.start)
        yield from _deliverable_edits(raw, child)
        position = child.end
    yield from _scrubbed(raw, position, part.end)


def _scrubbed(raw: bytes, start: int, end: int) -> Iterator[_Edit]:
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
    yield start, end, b"".join(kept)


def _ascii_edits(raw: bytes, part: Part) -> Iterator[_Edit]:
    if raw[part.start : part.end].isascii():
        return
    head = _ascii_head(part.head)
    if parts.body(raw, part).isascii():
        yield part.start, part.body_start, head.to_bytes()
        return
    _refuse_if_protected(raw, part, "has 8-bit text")
    if not part.children:
        head, body = _recoded(raw, part, head)
        yield part.start, part.end, head.to_bytes() + body
        return
    if not part.content.params.get("boundary", b"").isascii():
        raise Unalterable("a boundary between its parts is not ASCII")
    # A container's own encoding says what lies inside, which is 7bit from now on.
    if part.content.encoding in ("8bit", "binary"):
        head = head.replaced("Content-Transfer-Encoding", "7bit")
    yield part.start, part.body_start, head.to_bytes()
    position = part.body_start
    for child in part.children:
        yield from _ascii_between(raw, position, child.start)
        yield from _ascii_edits(raw, child)
        position = child.end
    yield from _ascii_between(raw, position, part.end)


def _ascii_between(raw: bytes, start: int, end: int) -> Iterator[_Edit]:
    between = raw[start:end]
    if not between.isascii():
        yield start, end, between.decode("ascii", "replace").replace("\ufffd", "?").encode("ascii")


def _refuse_if_protected(raw: bytes, part: Part, trouble: str) -> None:
    if protection.is_protected(raw, part):
        raise Unalterable(f"a signed or encrypted part {trouble}; it must not be altered")


def _recoded(raw: bytes, part: Part, head: Head) -> tuple[Head, bytes]:
    what = part.content
    if what.encoding not in _KNOWN_ENCODINGS or what.main == "multipart":
        raise Unalterable(f"a part of type {what.type} cannot be encoded anew")
    octets = parts.payload(raw, part)
    is_text = what.main == "text" and not what.charset.startswith(_WIDE_CHARSETS)
    encoding = "quoted-printable" if is_text and what.encoding != "base64" else "base64"
    body = encoded(octets, encoding)
    if part.start == 0 and head.first("MIME-Version") is None:
        head = head.append("MIME-Version", "1.0")
    return head.replaced("Content-Transfer-Encoding", encoding), body


def encoded(octets: bytes, encoding: str) -> bytes:
    """Write octets in quoted-printable (they must be text) or base64, in lines with CRLF."""
    if encoding == "base64":
        return base64.encodebytes(octets).replace(b"\n", b"\r\n")
    lines = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return binascii.b2a_qp(lines, istext=True).replace(b"\n", b"\r\n")


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
