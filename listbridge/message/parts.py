"""The MIME tree by offsets: where head and body of each part begin and end in the raw bytes.

Nothing is decoded or copied, so that one part can be changed and every other byte stays. The caps
of `limits` are checked while reading, in linear time, and before any library sees the message.
"""

import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from listbridge.message import content
from listbridge.message.content import Content
from listbridge.message.headers import Head
from listbridge.message.limits import HEAD_BYTES, PART_HEAD_BYTES, Budget

_BLANKS = b" \t"
_BOUNDARY_LENGTH = 200  # RFC 2046 5.1.1 allows 70


@dataclass(frozen=True)
class Part:
    """One part of a message, or the message itself; offsets count in the raw bytes."""

    head: Head
    content: Content
    start: int  #: where the head begins
    body_start: int
    end: int  #: after the body, before the line end that belongs to the next delimiter
    children: tuple["Part", ...] = ()

    @property
    def type(self) -> str:
        """The content type in lower case."""
        return self.content.type

    def own(self) -> Iterator["Part"]:
        """This part and all below it in their order, without what is inside an attached message."""
        yield self
        if self.content.main != "message":
            for child in self.children:
                yield from child.own()


def tree(raw: bytes) -> Part:
    """Read the structure of a whole message; raise `TooComplex` when it is over a cap."""
    return _message(raw, 0, len(raw), 0, Budget())


def head(raw: bytes) -> Head:
    """Read the head of a whole message alone; raise `TooComplex` when it is over a cap."""
    return Budget().head(raw, 0, len(raw), HEAD_BYTES)[0]


def tree_below(head: Head, raw: bytes, start: int) -> Part:
    """As `tree`, of a message with this head, of which `raw` holds the body from `start` on."""
    budget = Budget()
    budget.part(0)
    return _with_children(raw, head, start, start, len(raw), 0, budget, "text/plain")


def _message(raw: bytes, start: int, end: int, depth: int, budget: Budget) -> Part:
    return _part(raw, start, end, depth, budget, HEAD_BYTES, "text/plain")


def _part(
    raw: bytes, start: int, end: int, depth: int, budget: Budget, cap: int, default: str
) -> Part:
    budget.part(depth)
    head, body_start = budget.head(raw, start, end, cap)
    return _with_children(raw, head, start, body_start, end, depth, budget, default)


def _with_children(
    raw: bytes,
    head: Head,
    start: int,
    body_start: int,
    end: int,
    depth: int,
    budget: Budget,
    default: str,
) -> Part:
    what = content.read(head, default)
    children: tuple[Part, ...] = ()
    if what.main == "multipart":
        children = _multipart(raw, body_start, end, what, depth, budget)
    elif what.type in ("message/rfc822", "message/global") and what.encoding in content.IDENTITY:
        # RFC 2046 5.2.1: an attached message is never encoded itself.
        children = (_message(raw, body_start, end, depth + 1, budget),)
    return Part(head, what, start, body_start, end, children)


def _multipart(
    raw: bytes, start: int, end: int, what: Content, depth: int, budget: Budget
) -> tuple[Part, ...]:
    budget.multipart()
    boundary = what.params.get("boundary", b"").rstrip(_BLANKS)
    if not 0 < len(boundary) <= _BOUNDARY_LENGTH:
        return ()
    default = "message/rfc822" if what.type == "multipart/digest" else "text/plain"
    children: list[Part] = []
    child_start = -1
    for line_start, line_end, closing in _delimiters(raw, boundary, start, end, budget):
        if child_start >= 0:
            child_end = max(child_start, _before_line_end(raw, line_start))
            children.append(
                _part(raw, child_start, child_end, depth + 1, budget, PART_HEAD_BYTES, default)
            )
        child_start = -1 if closing else line_end
        if closing:
            break
    if child_start >= 0:
        children.append(_part(raw, child_start, end, depth + 1, budget, PART_HEAD_BYTES, default))
    return tuple(children)


def _delimiters(
    raw: bytes, boundary: bytes, start: int, end: int, budget: Budget
) -> Iterator[tuple[int, int, bool]]:
    """Yield start, end and closing of each delimiter line (RFC 2046 5.1.1)."""
    needle = b"--" + boundary
    for line_start in _lines_that_begin(raw, needle, start, end):
        budget.candidate()
        after = line_start + len(needle)
        closing = raw.startswith(b"--", after, end)
        after += 2 if closing else 0
        while after < end and raw[after] in _BLANKS:
            after += 1
        line_end = _after_line_end(raw, after, end)
        if line_end > after or after == end:
            yield line_start, line_end, closing


def _lines_that_begin(raw: bytes, needle: bytes, start: int, end: int) -> Iterator[int]:
    if raw.startswith(needle, start, end):
        yield start
    after_lf = raw.find(b"\n" + needle, start, end)
    # A bare CR ends a line too, as it will in the copy that goes out.
    after_cr = raw.find(b"\r" + needle, start, end)
    while after_lf >= 0 or after_cr >= 0:
        if after_cr < 0 or 0 <= after_lf < after_cr:
            yield after_lf + 1
            after_lf = raw.find(b"\n" + needle, after_lf + 1, end)
        else:
            yield after_cr + 1
            after_cr = raw.find(b"\r" + needle, after_cr + 1, end)


def _after_line_end(raw: bytes, position: int, end: int) -> int:
    if raw.startswith(b"\r\n", position, end):
        return position + 2
    return position + 1 if raw[position : min(position + 1, end)] in (b"\r", b"\n") else position


def _before_line_end(raw: bytes, line_start: int) -> int:
    if raw.endswith(b"\r\n", 0, line_start):
        return line_start - 2
    return line_start - 1


def body(raw: bytes, part: Part) -> bytes:
    """The part's body as it stands in the message."""
    return raw[part.body_start : part.end]


def payload(raw: bytes, part: Part) -> bytes:
    """The part's body with its transfer encoding undone; never raises, garbage stays as it is."""
    return decoded(body(raw, part), part.content.encoding)


def decoded(data: bytes, encoding: str) -> bytes:
    """Undo a transfer encoding (RFC 2045 6); an unknown one is left as it is."""
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data)
    if encoding != "base64":
        return data
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        return _lenient_base64(data)


_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))
_CHUNK = 1 << 20


def _lenient_base64(data: bytes) -> bytes:
    return _from_digits(data.translate(None, _NOT_BASE64))


def _from_digits(digits: bytes) -> bytes:
    digits = digits[: len(digits) - (len(digits) % 4 == 1)]
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))


def chunks(raw: bytes, part: Part) -> Iterator[bytes]:
    """The payload in pieces, so that a large attachment is never decoded as a whole.

    What is no base64 within base64 is passed over here, padding included.
    """
    if part.content.encoding == "quoted-printable":
        yield from _lines_decoded(raw, part)
        return
    digits = b""
    for start in range(part.body_start, part.end, _CHUNK):
        piece = raw[start : min(part.end, start + _CHUNK)]
        if part.content.encoding != "base64":
            yield piece
            continue
        digits += piece.translate(None, _NOT_BASE64)
        whole = len(digits) - len(digits) % 4
        yield binascii.a2b_base64(digits[:whole])
        digits = digits[whole:]
    yield _from_digits(digits)


def _lines_decoded(raw: bytes, part: Part) -> Iterator[bytes]:
    """Decode quoted-printable in pieces of whole lines: nothing in it reaches beyond an LF."""
    start = part.body_start
    while start < part.end:
        line_end = raw.find(b"\n", min(part.end, start + _CHUNK), part.end)
        stop = part.end if line_end < 0 else line_end + 1
        yield binascii.a2b_qp(raw[start:stop])
        start = stop


def payload_pieces(raw: bytes, part: Part) -> Iterator[bytes]:
    """What `payload` gives, in pieces."""
    if part.content.encoding == "base64":
        padding = raw.find(b"=", part.body_start, part.end)
        if padding >= 0 and raw[padding : part.end].translate(None, _NOT_BASE64):
            # What follows is not read by everybody, hence not by `chunks` as `payload` does it.
            yield payload(raw, part)
            return
    yield from chunks(raw, part)


def decoded_size(raw: bytes, part: Part) -> int:
    """The size in octets that the part has for people, without decoding a large one."""
    length = part.end - part.body_start
    if part.content.encoding == "quoted-printable":
        # "=3D" stands for one octet, and a soft line break for none.
        marks = raw.count(b"=", part.body_start, part.end)
        return max(0, length - 2 * marks - raw.count(b"=\r\n", part.body_start, part.end))
    if part.content.encoding != "base64":
        return length
    blanks = sum(raw.count(ch, part.body_start, part.end) for ch in (b"\r", b"\n", b" ", b"\t"))
    padding = raw.count(b"=", max(part.body_start, part.end - 8), part.end)
    return max(0, (length - blanks) * 3 // 4 - padding)
