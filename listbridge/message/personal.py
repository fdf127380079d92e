"""Personal copies: one message for all, with stand-ins for what is each recipient's own.

A stand-in is nowhere else in the message. In the head, and in text that is not encoded, it is cut
out and replaced. In quoted-printable the whole line that it stands in is encoded anew, in base64
everything from its line to the end of the part: another length shifts what follows.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from listbridge.message import headers, parts, tokens, words
from listbridge.message.content import IDENTITY
from listbridge.message.errors import TooComplex
from listbridge.message.parts import Part
from listbridge.message.recode import encoded

# RFC 5321 4.5.3.1.3 leaves an address no more octets. The stand-in has as many, so that a line
# which holds it is never too long with somebody's address in its place.
_LONGEST_ADDRESS = 254
_BASE64_LINE = 57  # octets; our own encoder makes 76 digits of them, and a line end
_BASE64_WRITTEN = 78
# RFC 5322 2.1.1.
_LONGEST_LINE = 998
_SOFT_END = rb"(?:=[ \t]*\r\n)*"
# A line of quoted-printable text, up to the end that counts (RFC 2045 6.7).
_LOGICAL_LINE = re.compile(rb"(?:[^\r\n]*=[ \t]*\r\n)*[^\r\n]*")


@dataclass(frozen=True)
class StandIns:
    """What stands for a recipient's own; made of what looks like the secret of a token."""

    secret: str

    # Both are asked for each slot of each copy.
    @cached_property
    def code(self) -> str:
        """Stands for the token by which he leaves, and is as long."""
        return tokens.written_leave(self.secret)

    @cached_property
    def member(self) -> str:
        """Stands for his address."""
        return f"member-{self.secret}".ljust(_LONGEST_ADDRESS, "x")


def new_stand_ins() -> StandIns:
    """Return some that are in no message."""
    return StandIns(tokens.stand_in())


@dataclass(frozen=True)
class _Slot:
    """A stretch of the message that is made anew for each copy, decoded, with the stand-ins."""

    octets: bytes
    encoding: str  #: "" where it stands as it is
    charset: str  #: in which an address is written; "ascii" where nothing else may stand
    is_html: bool = False

    def filled(self, stand_ins: StandIns, member: str, code: str) -> bytes:
        octets = self.octets.replace(stand_ins.code.encode(), code.encode())
        octets = octets.replace(stand_ins.member.encode(), self._written(member))
        if not self.encoding:
            return octets
        made = encoded(octets, self.encoding)
        # The line end is what stands behind the slot.
        return made.removesuffix(b"\r\n") if self.encoding == "base64" else made

    def _written(self, member: str) -> bytes:
        if self.is_html:
            return html.escape(member).encode("ascii", "xmlcharrefreplace")
        try:
            return member.encode(self.charset)
        except UnicodeEncodeError:
            return member.encode("ascii", "replace")


@dataclass(frozen=True)
class Template:
    """A message that copies are made of."""

    stand_ins: StandIns
    pieces: tuple[memoryview | _Slot, ...]
    own_body: bool  #: whether the copies differ below their heads, too

    def copy(self, member: str, secret: str) -> bytes:
        """Return the copy for one recipient; `secret` is that of his token."""
        return self._filled(member, tokens.written_leave(secret))

    def for_several(self, member: str) -> bytes:
        """Return what may be shown to several: for a token it has a command that all can give.

        As a subject and in an address it does the same, once it is confirmed.
        """
        return self._filled(member, "unsubscribe")

    def _filled(self, member: str, code: str) -> bytes:
        return b"".join(
            one.filled(self.stand_ins, member, code) if isinstance(one, _Slot) else one
            for one in self.pieces
        )

    def own(self, of_all: bytes, member: str, secret: str) -> bytes:
        """Return a text from the head with what is one recipient's own."""
        slot = _Slot(of_all, "", "ascii")
        return slot.filled(self.stand_ins, member, tokens.written_leave(secret))


def template(octets: bytes, stand_ins: StandIns, *, seven_bit: bool = False) -> Template:
    """Find the stand-ins in a message as it leaves; in one over a cap, only those of the head.

    With `seven_bit` no copy gets 8-bit text that the message has not.
    """
    pieces: list[memoryview | _Slot] = []
    whole, position, body = memoryview(octets), 0, headers.body_start(octets)
    for start, end, slot in _slots(octets, body, stand_ins, seven_bit=seven_bit):
        pieces += (whole[position:start], slot)
        position = end
    return Template(stand_ins, (*pieces, whole[position:]), own_body=position > body)


def _slots(
    octets: bytes, body: int, stand_ins: StandIns, *, seven_bit: bool
) -> Iterator[tuple[int, int, _Slot]]:
    """Yield where each slot begins and ends, and the slot, in their order."""
    mark = stand_ins.secret.encode()
    in_head = _Slot(b"", "", "ascii")
    yield from _as_they_are(octets, 0, body, stand_ins, in_head)
    for part in _texts(octets):
        what = part.content
        is_html = what.type == "text/html"
        charset = words.known_charset(what.charset) or "ascii"
        if what.encoding in IDENTITY:
            may_be_8bit = what.encoding in ("8bit", "binary") and not seven_bit
            like = _Slot(b"", "", charset if may_be_8bit else "ascii", is_html)
            yield from _as_they_are(octets, part.body_start, part.end, stand_ins, like)
        elif what.encoding == "quoted-printable":
            yield from _in_lines(octets, part, mark, charset, is_html=is_html)
        elif what.encoding == "base64":
            yield from _to_the_end(octets, part, mark, charset, is_html=is_html)


def _texts(octets: bytes) -> Iterator[Part]:
    try:
        root = parts.tree(octets)
    except TooComplex:
        return  # `list_copy` has seen that there is nothing in it
    yield from (part for part in root.own() if part.content.main == "text")


def _as_they_are(
    octets: bytes, start: int, end: int, stand_ins: StandIns, like: _Slot
) -> Iterator[tuple[int, int, _Slot]]:
    mark = stand_ins.secret.encode()
    kinds = stand_ins.code.encode(), stand_ins.member.encode()
    found = octets.find(mark, start, end)
    while found >= 0:
        for whole in kinds:
            begin = found - whole.index(mark)
            if begin >= start and octets.startswith(whole, begin, end):
                yield begin, begin + len(whole), _like(like, whole)
                break
        found = octets.find(mark, found + len(mark), end)


def _like(one: _Slot, octets: bytes) -> _Slot:
    return _Slot(octets, one.encoding, one.charset, one.is_html)


def _in_lines(
    octets: bytes, part: Part, mark: bytes, charset: str, *, is_html: bool
) -> Iterator[tuple[int, int, _Slot]]:
    # No encoder writes letters and digits otherwise; it may only end its line between two of them.
    # So nothing is decoded but the lines themselves, however large the part is.
    broken = re.compile(_SOFT_END.join(bytes((sign,)) for sign in mark))
    position = part.body_start
    while found := broken.search(octets, position, part.end):
        start = _line_start(octets, part.body_start, found.start())
        line = _LOGICAL_LINE.match(octets, start, part.end)
        assert line is not None, "it matches anything"
        text = parts.decoded(line[0], "quoted-printable")
        if mark in text:
            yield *line.span(), _Slot(text, "quoted-printable", charset, is_html)
        position = line.end()


def _line_start(octets: bytes, begin: int, position: int) -> int:
    """Return where the line of quoted-printable text begins in which something stands."""
    # A bare CR ends a line as well, as it does where the line is matched: else that one would end
    # before the stand-in, which would be found again and again.
    while (end := max(octets.rfind(one, begin, position) for one in (b"\r", b"\n"))) >= 0:
        if not _ends_softly(octets[max(begin, end - _LONGEST_LINE) : end + 1]):
            return end + 1
        position = end - 1
    return begin


def _ends_softly(text: bytes) -> bool:
    return text.endswith(b"\r\n") and text[:-2].rstrip(b" \t").endswith(b"=")


def _to_the_end(
    octets: bytes, part: Part, mark: bytes, charset: str, *, is_html: bool
) -> Iterator[tuple[int, int, _Slot]]:
    text = parts.payload(octets, part)
    found = text.find(mark)
    if found < 0:
        return
    lines = max(0, found - _LONGEST_ADDRESS) // _BASE64_LINE
    start = part.body_start + lines * _BASE64_WRITTEN
    before = text[: lines * _BASE64_LINE]
    if encoded(before, "base64") != octets[part.body_start : start]:
        start, before = part.body_start, b""  # not in lines of our own
    end = part.body_start + len(octets[part.body_start : part.end].rstrip(b"\r\n"))
    yield start, end, _Slot(text[len(before) :], "base64", charset, is_html)
