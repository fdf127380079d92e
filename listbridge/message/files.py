"""Every file that comes along with a message, in attached messages too, by what it calls itself."""

from collections.abc import Iterator
from dataclasses import dataclass

from listbridge.message import content, text
from listbridge.message.parts import Part


@dataclass(frozen=True)
class File:
    """One file; nothing about it is to be believed."""

    type: str  #: such as "image/png"
    names: tuple[str, ...]  #: decoded; programs go by one or the other where there are two


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
