"""The bytes that may leave: CRLF only, no NUL, ending with a line end.

A bare CR or LF lets some servers see the end of a message where others see text, so that a second
message can be smuggled in (CVE-2023-51764 and its family). None leaves, wherever it came from.
"""

import io
from collections.abc import Iterable, Iterator
from itertools import chain

LONGEST_LINE = 998  # RFC 5322 2.1.1, without CRLF
#: Between head and body; what begins with it is a body alone.
BLANK_LINE = b"\r\n"
# A large body is mended and joined piece by piece, since each copy of it is as large as itself.
_PIECE = 1 << 20


def wire(head: bytes, body: bytes, start: int = 0) -> bytes:
    """Join head (blank line included) and body into what is given to the server.

    The body begins in `body` at the offset `start`. One that is clean already passes byte for
    byte; one that lacks the last line end gets it.
    """
    return joined(ended(chain((clean(head),), clean_pieces(body, start))))


def joined(pieces: Iterable[bytes]) -> bytes:
    """Join pieces as they are made, so that all of them never lie beside the whole."""
    sink = io.BytesIO()
    for piece in pieces:
        sink.write(piece)
    return sink.getvalue()


def ended(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces, and behind them a line end where they lack the last one; of nothing, nothing."""
    last = b""
    for piece in pieces:
        yield piece
        last = piece[-1:] or last
    if last not in (b"", b"\n"):
        yield b"\r\n"


def clean(data: bytes) -> bytes:
    """Return `data` with CRLF line ends only and without NUL; the same object when it is clean."""
    if b"\0" not in data:
        crlf = data.count(b"\r\n")
        if data.count(b"\n") == crlf == data.count(b"\r"):
            return data
    return joined(clean_pieces(data, 0))


def clean_pieces(data: bytes, start: int, end: int | None = None) -> Iterator[bytes]:
    """The data from an offset on, cleaned, in pieces of which none begins within a line end."""
    for piece in with_lf(_without_nul(data, start, len(data) if end is None else end)):
        yield piece.replace(b"\n", b"\r\n")


def _without_nul(data: bytes, start: int, end: int) -> Iterator[bytes]:
    for position in range(start, end, _PIECE):
        yield data[position : min(end, position + _PIECE)].replace(b"\0", b"")


def with_lf(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces with LF for every line end, none of which is cut in two."""
    cut = b""
    for piece in pieces:
        piece = cut + piece
        # Without it a CRLF could be cut in two, and become two line ends.
        cut = b"\r" if piece.endswith(b"\r") else b""
        piece = piece[: len(piece) - len(cut)]
        # Not by a regular expression, which takes gigabytes for a large body of line ends.
        yield piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if cut:
        yield b"\n"


def is_deliverable(data: bytes, start: int = 0, end: int | None = None) -> bool:
    """Say whether nothing but line ends may have to be mended: no NUL, no line over 998 octets."""
    end = len(data) if end is None else end
    return data.find(b"\0", start, end) < 0 and not _has_long_line(data, start, end)


def _has_long_line(data: bytes, start: int, end: int) -> bool:
    """From the start of a line, jump behind the last line end that a lawful line can be away."""
    while start + LONGEST_LINE < end:
        window_end = start + LONGEST_LINE + 1
        line_end = max(data.rfind(b"\n", start, window_end), data.rfind(b"\r", start, window_end))
        if line_end < 0:
            return True
        start = line_end + 1
    return False
