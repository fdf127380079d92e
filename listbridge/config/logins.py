"""Tables that name two ways to log in."""

from collections.abc import Iterator, Mapping
from typing import Any

from listbridge.config.problems import Finding, Problem
from listbridge.config.source import Source

_TEXT = "is what is used; the password beside it is not"


def warnings(source: Source) -> tuple[Problem, ...]:
    """Warn of each table with a password and OAuth2, which goes before it."""
    return source.problems(_findings(source.table, ()))


def _findings(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Finding]:
    if "password" in table and "oauth2" in table:
        yield Finding((*path, "oauth2"), _TEXT)
    for key, value in table.items():
        if isinstance(value, dict) and key != "oauth2":
            yield from _findings(value, (*path, key))
