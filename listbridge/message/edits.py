"""Edits of a message by offsets: what is not replaced keeps its bytes, and is not copied whole."""

from collections.abc import Iterable, Iterator

#: Octets from here to there become these pieces.
Edit = tuple[int, int, Iterable[bytes]]
_PIECE = 1 << 20


def applied(raw: bytes, edits: Iterable[Edit], position: int) -> Iterator[bytes]:
    """The bytes from a position on in pieces, with the edits: in their order, none overlapping."""
    for start, end, replacement in edits:
        yield from _pieces(raw, position, start)
        yield from replacement
        position = end
    yield from _pieces(raw, position, len(raw))


def _pieces(raw: bytes, start: int, end: int) -> Iterator[bytes]:
    for position in range(start, end, _PIECE):
        yield raw[position : min(end, position + _PIECE)]
