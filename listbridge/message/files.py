"""Every file that comes along with a message, in attached messages too, by what it calls itself."""

from collections.abc import Iterator
from dataclasses import dataclass

from listbridge.message import content, text
from listbridge.message.parts import Part
from listbridge.wildcards import pattern


@dataclass(frozen=True)
class File:
    """One file; nothing about it is to be believed."""

    type: str  #: such as "image/png"
    names: tuple[str, ...]  #: decoded; programs go by one or the other where there are two

    def is_of(self, kind: str) -> bool:
        """Say whether it is of a kind, such as ".exe" or "image/*", by its type or any name."""
        return any(self.is_of_by(name, kind) for name in self.names or ("",))

    def is_of_by(self, name: str, kind: str) -> bool:
        """As `is_of`, by this one of its names."""
        if kind.startswith("."):
            return _plain(name).endswith(kind)
        return pattern(kind).matches(self.type)


def every(root: Part) -> Iterator[File]:
    """Yield the files below a part, and the part itself if it is one."""
    for child in root.children:
        yield from every(child)
    is_container = root.content.main == "multipart" and root.children
    if is_container or root.end <= root.body_start:
        return
    names = content.file_names(root.head)
    if names or not text.is_body(root):
        yield File(root.type, names)


def _plain(name: str) -> str:
    # Windows drops dots and blanks at the end of a name.
    return name.lower().rstrip(". ")
