"""What a receiving server found out about where a message comes from: Authentication-Results.

RFC 8601. Whoever sends a message can put such a field into it. Only those that the own mailbox's
server has put on top, under its own name, are worth anything (RFC 8601 7.1).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from listbridge.message.headers import Head

_FIELD = "Authentication-Results"
# A field that says more is not read: nothing of use is said so far behind.
_LONGEST = 16 * 1024
# A comment, a quoted text, or anything else up to the next of them (RFC 5322 3.2).
# A text that is not closed goes on to the end, so that no character is looked at twice.
_QUOTED = r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)'
_PIECE = re.compile(rf'{_QUOTED}|[()]|[^"()]+', re.DOTALL)
# method[/version] = result, with its properties behind it; `reason` is one of them here.
_NAME = "[A-Za-z0-9_./-]"
_PAIR = re.compile(rf'(?<!{_NAME})({_NAME}++)\s*+=\s*+({_QUOTED}|[^\s;"]+)', re.DOTALL)


@dataclass(frozen=True)
class Result:
    """What one method said."""

    method: str  #: such as "spf", "dkim", "dmarc"; lower case
    value: str  #: such as "pass", "fail", "none"; lower case
    properties: Mapping[str, str]  #: such as "header.d"; names in lower case


@dataclass(frozen=True)
class Authentication:
    """One field: who judged, and what came out."""

    server: str  #: the authserv-id, lower case; empty where the field has none
    results: tuple[Result, ...]

    def of(self, method: str) -> tuple[Result, ...]:
        """Return what this method said, once for each time it was asked."""
        return tuple(one for one in self.results if one.method == method)


def topmost(head: Head) -> Authentication | None:
    """Return what the server that put the topmost field there says in all of its fields.

    The server's fields are those on top of the first one by anybody else; None without any field.
    """
    first = on_top(head)
    if first is None:
        return None
    results = list(first.results)
    for field in head.all(_FIELD)[1:]:
        one = _read(field.value)
        if one.server != first.server:
            break
        results += one.results
    return Authentication(first.server, tuple(results))


def on_top(head: Head) -> Authentication | None:
    """Return what the topmost field alone says: all below it may have come with the message."""
    found = head.first(_FIELD)
    return _read(found.value) if found else None


def _read(value: bytes) -> Authentication:
    text = _without_comments(value[:_LONGEST].decode("utf-8", "replace"))
    server, *statements = _split(text)
    if "=" in server:
        # Microsoft's servers leave the name out.
        server, statements = "", [server, *statements]
    name = server.split()[0].lower() if server.split() else ""
    return Authentication(name, tuple(one for part in statements if (one := _result(part))))


def _result(statement: str) -> Result | None:
    pairs = [(name.lower(), value.strip('"')) for name, value in _PAIR.findall(statement)]
    if not pairs:
        return None  # "none": nothing was looked at (RFC 8601 2.2)
    (method, value), *properties = pairs
    return Result(method.partition("/")[0], value.lower(), dict(properties))


def _without_comments(text: str) -> str:
    kept, depth = [], 0
    for piece in _PIECE.findall(text):
        if piece == "(":
            depth += 1
        elif piece == ")":
            depth = max(0, depth - 1)
        elif depth == 0:
            kept.append(piece)
    return " ".join(kept)


def _split(text: str) -> list[str]:
    """Split at the semicolons that stand outside of quotes."""
    parts = [""]
    for piece in _PIECE.findall(text):
        first, *more = [piece] if piece.startswith('"') else piece.split(";")
        parts[-1] += first
        parts += more
    return parts
