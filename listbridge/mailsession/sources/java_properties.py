"""The format of java.util.Properties, as its `load` reads it, and Liferay's includes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from listbridge.mailsession.foreign import SourceError
from listbridge.mailsession.remarks import Remark
from listbridge.mailsession.sources import octets

#: The blanks of this format; others are part of the text.
_BLANKS = " \t\f"
_KEY = re.compile(r"(?:[^\\=:\x20\t\f]|\\.)*", re.DOTALL)
_SEPARATOR = re.compile(r"[ \t\f]*[=:]?[ \t\f]*")
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_LETTERS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_ENDS_OPEN = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")

_INCLUDE = "include-and-override"
_MOST_FILES = 50
_HOME = "${liferay.home}"


class BadLine(ValueError):
    """A line that Java would refuse too."""

    def __init__(self, number: int) -> None:
        super().__init__("\\u is not followed by four hexadecimal digits; write \\\\u")
        self.number = number  #: the first line is 1


@dataclass(frozen=True)
class Properties:
    """What one file and those that it includes say."""

    values: dict[str, str] = field(repr=False)  #: may hold passwords
    remarks: tuple[Remark, ...] = ()


def parse(text: str) -> list[tuple[str, str]]:
    """Return names and values in the file's order; raise `BadLine`."""
    return [_entry(number, line) for number, line in _logical_lines(text)]


def read(path: Path) -> Properties:
    """Read a file with its includes, whose values go before its own; raise `SourceError`."""
    remarks: list[Remark] = []
    return Properties(_Includes(path, remarks).read(path, ()), tuple(remarks))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    begun: str | None = None
    start = 0
    for number, natural in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        line = natural.lstrip(_BLANKS)
        if begun is None:
            if not line or line[0] in "#!":
                continue
            begun, start = "", number
        if _ENDS_OPEN.search(line):
            begun += line[:-1]
        else:
            yield start, begun + line
            begun = None
    if begun:
        yield start, begun


def _entry(number: int, line: str) -> tuple[str, str]:
    key = _KEY.match(line)
    end = key.end() if key else 0
    separator = _SEPARATOR.match(line, end)
    value = line[separator.end() if separator else end :]
    return _unescaped(number, line[:end]), _unescaped(number, value)


def _unescaped(number: int, text: str) -> str:
    def meant(match: re.Match[str]) -> str:
        what = match[1]
        if what == "u":
            raise BadLine(number)
        return chr(int(what[1:], 16)) if len(what) == 5 else _LETTERS.get(what, what)

    plain = _ESCAPE.sub(meant, text)
    # Java's characters are those of UTF-16, and one beyond them is written as two.
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class _Includes:
    """Reading one file with those it includes, each once at most on the way to another."""

    def __init__(self, first: Path, remarks: list[Remark]) -> None:
        self._home = first.parent  # by Liferay's convention the file lies in Liferay Home
        self._remarks = remarks
        self._files = 0

    def read(self, path: Path, on_the_way: tuple[Path, ...]) -> dict[str, str]:
        self._files += 1
        if path.resolve() in on_the_way:
            raise SourceError(
                f"{path} includes itself, by {_INCLUDE}", cure="take one of the includes out"
            )
        if self._files > _MOST_FILES:
            raise SourceError(f"{path}: more than {_MOST_FILES} files are included")
        entries = self._entries(path)
        values = dict(entries)
        values.pop(_INCLUDE, None)
        for included in (value for key, value in entries if key == _INCLUDE and value):
            found = self._place(path, included)
            if found is not None:
                values |= self.read(found, (*on_the_way, path.resolve()))
        return values

    def _entries(self, path: Path) -> list[tuple[str, str]]:
        try:
            return parse(octets.text(octets.read(path)))
        except BadLine as bad:
            raise SourceError(f"{path}: line {bad.number}: {bad}") from None

    def _place(self, path: Path, included: str) -> Path | None:
        """Return the included file, None if it cannot be known or is not there."""
        written = included.replace(_HOME, str(self._home))
        if "${" in written:
            text = f"{included!r} in {path} is not read; write its path instead of the placeholder"
        elif "\0" in written or not (path.parent / written).is_file():
            text = f"there is no file {included!r}, which {path} includes; nothing of it is read"
        else:
            return path.parent / written
        self._remarks.append(Remark(_INCLUDE, text))
        return None
