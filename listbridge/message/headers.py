"""The head of a message, field by field, in its own bytes.

Anything may come in: no head at all, bare LF or CR, NUL, 8-bit text, an mbox line in front, no
blank line before the body. Reading never raises, and a field that nobody edits keeps its bytes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from listbridge.guard import safe
from listbridge.message import words

# RFC 5322 2.2: printable US-ASCII except the colon. The obsolete syntax allows blanks before the
# colon (4.5). Both are bounded so that no line costs more than one look.
_NAME = re.compile(rb"([!-9;-~]{1,256})[ \t]{0,16}:")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_LINE_CONTENT_END = re.compile(rb"[\r\n]")
_FOLD = re.compile(rb"(?:\r\n|\r|\n)+")
_MBOX = (b"From ", b">From ")
_BLANK = (b" ", b"\t")
_NICE_LINE = 78


@dataclass(frozen=True)
class Field:
    """One header field: its name as written, and its whole bytes, folds and line end included."""

    name: str
    raw: bytes

    @cached_property
    def value(self) -> bytes:
        """What follows the colon, unfolded and stripped; a NUL is a blank, as in `to_bytes`."""
        value = self.raw.partition(b":")[2].replace(b"\0", b" ")
        return _FOLD.sub(b"", value).strip(b" \t")

    @property
    def text(self) -> str:
        """The value for people: decoded, without control characters, blanks folded."""
        return words.decode(self.value)

    @cached_property
    def key(self) -> str:
        """The name for comparing (names are case-insensitive)."""
        return self.name.lower()

    def to_bytes(self) -> bytes:
        """The field as it may be sent: CRLF, no blank before the colon, no empty fold, no NUL.

        A NUL becomes a blank: what it kept apart must not grow together, or subscribers would get
        another message than the one that was judged.
        """
        value = self.raw.partition(b":")[2].replace(b"\0", b" ")
        lines = [line for line in _LINE_END.split(value) if line.strip(b" \t")]
        return self.name.encode("ascii") + b":" + b"\r\n".join(lines) + b"\r\n"


def field(name: str, value: str | bytes) -> Field:
    """Make a field of our own, folded at blanks; text beyond ASCII becomes encoded words.

    Raise `UnsafeText` for a value with a line break or control character.
    """
    what = f"the value of {name}"
    if isinstance(value, str):
        value = words.encode(value, what)
    else:
        safe(value.decode("utf-8", "replace"), what)
    return folded(name, value)


def folded(name: str, value: bytes) -> Field:
    """Write an unfolded value that may be an author's own, controls within the line and all."""
    return Field(name, fold(name.encode("ascii") + b": " + value) + b"\r\n")


def fold(line: bytes, width: int = _NICE_LINE) -> bytes:
    """Break one unfolded field at blanks so that its lines stay within `width` where they can."""
    if len(line) <= width:
        return line
    lines: list[bytes] = []
    start, last_blank, length = 0, -1, len(line)
    # The blank after the colon is no place to fold: some readers drop a field that starts empty.
    position = line.find(b":") + 2
    while position < length:
        blank = _next_blank(line, position)
        if blank - start > width and last_blank > start:
            lines.append(line[start:last_blank])
            start = last_blank
        if blank >= length:
            break
        last_blank = blank
        position = blank + 1
    lines.append(line[start:])
    return b"\r\n".join(lines)


def _next_blank(line: bytes, position: int) -> int:
    found = [at for at in (line.find(b" ", position), line.find(b"\t", position)) if at >= 0]
    return min(found, default=len(line))


@dataclass(frozen=True)
class Head:
    """The fields of a head in their order; every edit returns a new head."""

    fields: tuple[Field, ...] = ()

    @cached_property
    def _named(self) -> dict[str, list[Field]]:
        """The fields by their keys: each head is asked for some thirty names."""
        named: dict[str, list[Field]] = {}
        for one in self.fields:
            named.setdefault(one.key, []).append(one)
        return named

    def first(self, name: str) -> Field | None:
        """The topmost field of that name."""
        found = self._named.get(name.lower())
        return found[0] if found else None

    def all(self, name: str) -> tuple[Field, ...]:
        """All fields of that name, topmost first."""
        return tuple(self._named.get(name.lower(), ()))

    def value(self, name: str) -> bytes:
        """The topmost field's value; empty when there is none."""
        found = self.first(name)
        return found.value if found else b""

    def text(self, name: str) -> str:
        """The topmost field's value for people; empty when there is none."""
        found = self.first(name)
        return found.text if found else ""

    def without(self, *names: str) -> "Head":
        """Leave out every field of these names."""
        gone = {name.lower() for name in names}
        return replace(self, fields=tuple(f for f in self.fields if f.key not in gone))

    def append(self, name: str, value: str | bytes) -> "Head":
        """Put a field at the end."""
        return replace(self, fields=(*self.fields, field(name, value)))

    def replaced(self, name: str, value: str | bytes) -> "Head":
        """Put the field where its first namesake stood, and leave out the others."""
        return self.put(field(name, value))

    def put(self, new: Field) -> "Head":
        """As `replaced`, with a field that is ready made."""
        if self.first(new.name) is None:
            return replace(self, fields=(*self.fields, new))
        fields: list[Field] = []
        placed = False
        for old in self.fields:
            if old.key != new.key:
                fields.append(old)
            elif not placed:
                fields.append(new)
                placed = True
        return replace(self, fields=tuple(fields))

    def renamed(self, old: str, new: str) -> "Head":
        """Give every field of that name another one; the value's bytes stay."""
        wanted = old.lower()
        return replace(
            self,
            fields=tuple(renamed(f, new) if f.key == wanted else f for f in self.fields),
        )

    def to_bytes(self) -> bytes:
        """The head as it may be sent: CRLF throughout, ending with the blank line."""
        return b"".join(f.to_bytes() for f in self.fields) + b"\r\n"


def renamed(old: Field, name: str) -> Field:
    """The same value, byte for byte, under another name."""
    return Field(name, name.encode("ascii") + b":" + old.raw.partition(b":")[2])


def split(raw: bytes) -> tuple[Head, bytes]:
    """Part a message into head and body; the body is the same bytes, the head loses only garbage.

    A line that is no field ends the head, as it does for Postfix and for Python's own parser, and
    is the first line of the body. mbox lines and stray continuation lines on top are passed over.
    """
    head, start = read_head(raw, 0, len(raw))
    return head, raw[start:]


def body_start(raw: bytes) -> int:
    """Return the offset at which the body begins that `split` would copy."""
    return read_head(raw, 0, len(raw))[1]


def read_head(raw: bytes, start: int, end: int) -> tuple[Head, int]:
    """Read the head that begins at `start`; return it and the offset at which its body begins."""
    fields: list[Field] = []
    name, field_start = "", start
    body = end
    for line_start, content_end, line_end in _lines(raw, start, end):
        if content_end == line_start:
            body = line_end
            break
        if raw.startswith(_BLANK, line_start, end):
            continue
        _close(fields, name, raw[field_start:line_start])
        name, field_start = "", line_start
        if not fields and raw.startswith(_MBOX, line_start, end):
            continue
        match = _NAME.match(raw, line_start, content_end)
        if match is not None:
            name = match[1].decode("ascii")
        elif not raw.startswith(b":", line_start, end):
            body = line_start
            break
    else:
        line_start = end
    _close(fields, name, raw[field_start:line_start])
    return Head(tuple(fields)), body


def _close(fields: list[Field], name: str, raw: bytes) -> None:
    if name:
        fields.append(Field(name, raw))


def _lines(raw: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield start, end of content, and end with its line end, for each line; nothing is copied."""
    while start < end:
        found = _LINE_CONTENT_END.search(raw, start, end)
        if found is None:
            yield start, end, end
            return
        content_end = found.start()
        line_end = content_end + (2 if raw.startswith(b"\r\n", content_end, end) else 1)
        yield start, content_end, line_end
        start = line_end
