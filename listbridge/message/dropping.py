"""Parts that a list does not send on: files of some kinds or sizes, and HTML where text will do.

The tree is put together anew only where something goes; every other part keeps its bytes and its
place. Of each file that goes a line of text remains, so that readers know what to ask for.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

from listbridge.message import content, pages, parts, protection, text, words
from listbridge.message.files import File
from listbridge.message.headers import Field, Head, folded
from listbridge.message.parts import Part
from listbridge.message.recode import encoded
from listbridge.message.wire import BLANK_LINE, clean_pieces, joined

_NOTES = {
    "en": "[Attachment removed: {}]",
    "de": "[Anhang entfernt: {}]",
    "fr": "[Pièce jointe retirée : {}]",
}
_LONGEST_NAME = 100
#: Where one child that is left can stand for the whole.
_COLLAPSING = ("multipart/mixed", "multipart/alternative", "multipart/related")
# Parameters besides the boundary without which a multipart is not what it was (RFC 2387, 6522).
_KEPT_PARAMETERS = ("type", "start", "report-type")

#: What becomes of HTML: it stays, it becomes text, or it goes, since the same is there as text.
_Html = Literal["keep", "text", "gone"]


@dataclass(frozen=True)
class Drops:
    """What is left out of the copies of a list; nothing, unless something is said."""

    kinds: tuple[str, ...] = ()  #: of files, see `File.is_of`
    above: int | None = None  #: octets; larger files go
    html_to_text: bool = False
    language: str = "en"  #: of the lines that stand for what went

    def __bool__(self) -> bool:
        return bool(self.kinds) or self.above is not None or self.html_to_text


@dataclass(frozen=True)
class _Piece:
    """A part as it will be sent."""

    head: Head
    body: Callable[[], Iterable[bytes]]

    def whole(self) -> Iterator[bytes]:
        yield self.head.to_bytes()
        yield from self.body()


@dataclass(frozen=True)
class _Left:
    """What is left of a part: in its place, and what has to stand behind what it belongs to.

    A piece of an alternative or a page stands behind it, or it would be shown in its place or not
    at all. A line that stands for a file is a `str`.
    """

    kept: _Piece | None
    behind: tuple[_Piece | str, ...] = ()
    changed: bool = True

    @property
    def all(self) -> tuple[_Piece | str, ...]:
        return self.behind if self.kept is None else (self.kept, *self.behind)


def without(raw: bytes, head: Head, root: Part, drops: Drops) -> bytes | None:
    """Return the message without what is dropped; None where nothing is. `head` is the edited one.

    Not to be asked of signed or encrypted mail, which must not be altered.
    """
    left = _Dropping(raw, drops, text.named_body(raw, root)).part(root, _mode(drops))
    if not left.changed or not left.all:
        return None
    only = _only(left.all)
    piece = only if only is not None else _assembled(Head(), "multipart/mixed", left.all)
    outer = _with_content(head, piece.head).replaced("MIME-Version", "1.0")
    body = joined(piece.body())
    if piece is not only and not body.isascii():
        outer = outer.append("Content-Transfer-Encoding", "8bit")
    return outer.to_bytes() + body


def _mode(drops: Drops) -> _Html:
    return "text" if drops.html_to_text else "keep"


@dataclass(frozen=True)
class _Dropping:
    raw: bytes
    drops: Drops
    spared: Part | None  #: a file by its name, and the text of the message

    def part(self, part: Part, html: _Html) -> _Left:
        if part.content.main == "multipart" and part.children:
            return self._multipart(part, html)
        if text.is_body(part) or part is self.spared:
            return self._body(part, html)
        if part.end > part.body_start and self._goes(part):
            return _Left(None, (self._note(part),))
        if part.content.main == "message" and part.children:
            return self._attached(part)
        return self._as_it_is(part)

    def _as_it_is(self, part: Part) -> _Left:
        return _Left(_Piece(part.head, lambda: _cleaned(self.raw, part)), changed=False)

    def _body(self, part: Part, html: _Html) -> _Left:
        if part.type != "text/html" or html == "keep":
            return self._as_it_is(part)
        if html == "gone":
            return _Left(None)
        source = words.text(parts.payload(self.raw, part), part.content.charset)
        shown = pages.as_text(source)
        # A page too long to be read through, or of pictures alone, says nothing as text.
        return self._as_it_is(part) if not shown else _Left(_of_text(shown))

    def _goes(self, part: Part) -> bool:
        file = File(part.type, content.file_names(part.head))
        above = self.drops.above
        if above is not None and parts.decoded_size(self.raw, part) > above:
            return True
        return any(file.is_of(kind) for kind in self.drops.kinds)

    def _note(self, part: Part) -> str:
        name = "".join(sign for sign in part.content.filename if sign.isprintable())
        what = f"{part.type}, {_size(parts.decoded_size(self.raw, part))}"
        shown = f"{name[:_LONGEST_NAME]} ({what})" if name else what
        return _NOTES.get(self.drops.language, _NOTES["en"]).format(shown)

    def _attached(self, part: Part) -> _Left:
        """Look for files within an attached message; its text is nobody's to change."""
        [inner] = part.children
        if protection.of_message(self.raw, inner):
            return self._as_it_is(part)
        changed = without(self.raw, inner.head, inner, replace(self.drops, html_to_text=False))
        if changed is None:
            return self._as_it_is(part)
        return _Left(_Piece(part.head, lambda: (changed,)))

    def _multipart(self, part: Part, html: _Html) -> _Left:
        alternative = part.type == "multipart/alternative"
        if html != "keep" and self._says_plainly(part):
            # Only of alternatives one says what the others say.
            html = "gone" if alternative else "text"
        left = [self.part(child, html) for child in part.children]
        if not any(one.changed for one in left):
            return self._as_it_is(part)
        if alternative:
            left = self._without_blank_text(part, left, html)
            kept = tuple(one.kept for one in left if one.kept is not None)
            return _Left(self._together(part, kept), _behind(left))
        items = tuple(chain.from_iterable(one.all for one in left))
        if html == "gone":
            return _Left(None, items)
        if part.type == "multipart/related":
            return self._page(part, left)
        return _Left(self._together(part, items))

    def _page(self, part: Part, left: list[_Left]) -> _Left:
        """What is left of a page with its pictures (RFC 2387); as text it has none in it."""
        first, *others = left
        if first.changed and self.drops.html_to_text:
            items = chain.from_iterable(one.all for one in others)
            return _Left(first.kept, (*first.behind, *items))
        kept = tuple(one.kept for one in left if one.kept is not None)
        return _Left(self._together(part, kept), _behind(left))

    def _without_blank_text(self, part: Part, left: list[_Left], html: _Html) -> list[_Left]:
        """Leave out the text that programs write who know nothing but HTML, where that is text."""
        if html != "text":
            return left
        return [
            _Left(None) if child.type == "text/plain" and text.is_body(child) else one
            for child, one in zip(part.children, left, strict=True)
        ]

    def _together(self, part: Part, items: tuple[_Piece | str, ...]) -> _Piece | None:
        if not items:
            return None
        only = _only(items) if part.type in _COLLAPSING else None
        return only if only is not None else _assembled(part.head, part.type, items)

    def _says_plainly(self, part: Part) -> bool:
        return any(
            one.type == "text/plain" and text.is_body(one) and parts.payload(self.raw, one).strip()
            for one in part.own()
        )


def _behind(left: Iterable[_Left]) -> tuple[_Piece | str, ...]:
    return tuple(chain.from_iterable(one.behind for one in left))


def _cleaned(raw: bytes, part: Part) -> Iterator[bytes]:
    return clean_pieces(raw, part.body_start, part.end)


def _of_text(written: str) -> _Piece:
    head = (
        Head()
        .append("Content-Type", "text/plain; charset=utf-8")
        .append("Content-Disposition", "inline")
        .append("Content-Transfer-Encoding", "quoted-printable")
    )
    octets = f"{written}\n".encode("utf-8", "replace").replace(b"\n", b"\r\n")
    body = encoded(octets, "quoted-printable")
    return _Piece(head, lambda: (body,))


def _pieces(items: Iterable[_Piece | str]) -> list[_Piece]:
    """The parts, lines that follow each other in one of them."""
    found: list[_Piece] = []
    lines: list[str] = []
    for item in items:
        if isinstance(item, str):
            lines.append(item)
            continue
        if lines:
            found.append(_of_text("\n".join(lines)))
            lines = []
        found.append(item)
    return [*found, _of_text("\n".join(lines))] if lines else found


def _only(items: Iterable[_Piece | str]) -> _Piece | None:
    found = _pieces(items)
    return found[0] if len(found) == 1 else None


def _with_content(head: Head, of_piece: Head) -> Head:
    """Put the Content fields of a part into the place of a message's own."""
    own = tuple(one for one in head.fields if not one.key.startswith("content-"))
    return Head((*own, *_content_fields(of_piece)))


def _content_fields(head: Head) -> tuple[Field, ...]:
    return tuple(one for one in head.fields if one.key.startswith("content-"))


def _assembled(head: Head, kind: str, items: Iterable[_Piece | str]) -> _Piece:
    """Make a multipart of these; the boundary is the same every time."""
    found = _pieces(items)
    boundary = _boundary(found)
    field = f'{kind}; boundary="{boundary.decode("ascii")}"'.encode()
    params = content.read(head).params
    for name in _KEPT_PARAMETERS:
        if name in params:
            quoted = params[name].replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            field += b"; " + name.encode() + b'="' + quoted + b'"'
    mark = b"--" + boundary

    def body() -> Iterator[bytes]:
        for piece in found:
            yield mark + BLANK_LINE
            yield from piece.whole()
            yield BLANK_LINE
        yield mark + b"--" + BLANK_LINE

    return _Piece(head.put(folded("Content-Type", field)), body)


def _boundary(found: Sequence[_Piece]) -> bytes:
    """Return a boundary that stands in none of the parts."""
    whole = [joined(piece.whole()) for piece in found]
    number = 0
    while True:
        digest = hashlib.sha256(b"%d:" % number)
        for one in whole:
            digest.update(one)
        boundary = b"=_listbridge_" + digest.hexdigest()[:32].encode("ascii")
        if not any(boundary in one for one in whole):
            return boundary
        number += 1


def _size(octets: int) -> str:
    """A size for people, such as `12 KB`."""
    for unit, step in (("MB", 1_000_000), ("KB", 1_000)):
        if octets >= step:
            return (
                f"{octets / step:.1f} {unit}" if octets < 10 * step else f"{octets // step} {unit}"
            )
    return f"{octets} bytes"
