"""One TOML file that was read: its table, and on which line what stands."""

import os
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from listbridge.config.lines import key_lines
from listbridge.config.problems import Finding, Problem

# Thousands of mail sessions fit in; reading costs time and memory by the byte.
_LARGEST = 4_000_000
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True)
class Source:
    """A file's content; it may hold passwords, so neither text nor table is ever shown."""

    file: Path  #: as it is named to people
    text: str = field(default="", repr=False)
    table: dict[str, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def _lines(self) -> dict[tuple[str, ...], int]:
        return key_lines(self.text)

    def line_of(self, path: tuple[str, ...]) -> int | None:
        """Return the line of a key, or of the nearest table around it that stands in the file."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines[path] if path else None

    def problems(self, found: Iterable[Finding]) -> tuple[Problem, ...]:
        """Say where in this file things were found, in the file's order."""
        all_of_them = [Problem(self.file, self.line_of(x.path), x.key, x.text) for x in found]
        return tuple(sorted(all_of_them, key=lambda one: one.line or 0))


def read(path: Path) -> Source | Problem:
    """Read one file, or say why it cannot be read."""
    file = shown(path)
    try:
        if path.stat().st_size > _LARGEST:
            text = f"has more than {_LARGEST} bytes, so it is hardly meant; a file has some hundred"
            return Problem(file, None, None, text)
        # Windows' editors put a byte order mark in front; TOML itself knows none.
        text = path.read_bytes().decode("utf-8-sig")
        return Source(file, text, tomllib.loads(text))
    except OSError as err:
        return Problem(file, None, None, f"cannot be read: {err.strerror}")
    except UnicodeDecodeError as err:
        line = err.object.count(b"\n", 0, err.start) + 1
        return Problem(file, line, None, "is not UTF-8 text; save it as UTF-8")
    except tomllib.TOMLDecodeError as err:
        return _broken_toml(file, text, str(err))
    except RecursionError:
        return Problem(file, None, None, "is nested too deeply to be read")


def shown(path: Path) -> Path:
    """Return the path as people are told it: from the current folder if it lies in there."""
    current = Path.cwd()
    near = path.relative_to(current) if path.is_relative_to(current) else path
    # A name that is not UTF-8 could not be printed.
    return Path(os.fsencode(near).decode("utf-8", "backslashreplace"))


def _broken_toml(file: Path, text: str, message: str) -> Problem:
    place = _PLACE.search(message)
    reason = _PLACE.sub("", message)
    line = int(place[1]) if place and place[1] else len(text.splitlines()) or 1
    return Problem(file, line, None, f"is not valid TOML: {reason}")
