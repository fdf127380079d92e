"""What FETCH brought, by UID. The usual answers are read at a glance, all others by imapclient.

imapclient looks at each character by itself, which takes longer than all else in a mailbox of many
small messages.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from imapclient.response_parser import parse_response

Fields = dict[bytes, Any]
# What imaplib makes of an answer: a line, or a line that ends with a literal and this literal.
Piece = bytes | tuple[bytes, bytes]

_NUMBER = rb"(UID|RFC822\.SIZE) (\d+)"
_DATE = rb'(INTERNALDATE) "([^"\\]*)"'
_FLAGS = rb'(FLAGS) \(([^()"{]*)\)'
_ITEM = re.compile(rb"%s|%s|%s" % (_NUMBER, _DATE, _FLAGS))
_LISTED = re.compile(rb"\d+ \((?:%s)(?: (?:%s))*\)" % (_ITEM.pattern, _ITEM.pattern))
_WITH_MESSAGE = re.compile(rb"\d+ \(UID (\d+) BODY\[\] \{\d+\}")


def by_uid(pieces: Sequence[Piece]) -> dict[int, Fields]:
    """Return each message's fields; answers that do not name their UID belong to nobody."""
    fetched: dict[int, Fields] = {}
    for fields in _at_a_glance(pieces) or _in_full(pieces):
        if isinstance(uid := fields.get(b"UID"), int):
            fetched.setdefault(uid, {}).update(fields)
    return fetched


def _at_a_glance(pieces: Sequence[Piece]) -> list[Fields] | None:
    """Read answers of which every one has the usual form; None for all if one has another."""
    found: list[Fields] = []
    rest = iter(pieces)
    for piece in rest:
        fields = _listed(piece) if isinstance(piece, bytes) else _with_message(piece, rest)
        if fields is None:
            return None
        found.append(fields)
    return found


def _listed(line: bytes) -> Fields | None:
    if _LISTED.fullmatch(line) is None:
        return None
    fields: Fields = {}
    for match in _ITEM.finditer(line):
        number, octets, date, moment, flags, names = match.groups()
        if number:
            fields[number] = int(octets)
        elif date:
            fields[date] = moment
        else:
            fields[flags] = tuple(names.split())
    return fields


def _with_message(piece: tuple[bytes, bytes], rest: Iterator[Piece]) -> Fields | None:
    match = _WITH_MESSAGE.fullmatch(piece[0])
    if match is None or next(rest, None) != b")":
        return None
    return {b"UID": int(match[1]), b"BODY[]": piece[1]}


def _in_full(pieces: Sequence[Piece]) -> Iterable[Fields]:
    """Read any answers; imapclient's own `fetch` files those without UID under another number."""
    response = iter(parse_response(pieces))
    for _, answer in zip(response, response, strict=True):
        pairs = zip(answer[::2], answer[1::2], strict=True)
        yield {name.upper(): value for name, value in pairs}
