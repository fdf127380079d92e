"""Whom a list of addresses, domains and patterns names."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from listbridge import message
from listbridge.wildcards import Pattern, is_pattern, pattern


def named(address: str, entries: tuple[str, ...]) -> str | None:
    """Return the entry that names the address, or None.

    An entry is an address, a domain without those below it, or a pattern; one without an @ is
    compared with the domain.
    """
    if not entries or not address:
        return None
    whole = message.key(address)
    domain = whole.rpartition("@")[2]
    known = _sorted(entries)
    for plain in (whole, domain):
        if plain in known.plain:
            return plain
    for text, like in known.patterns:
        if like.matches(whole if "@" in text else domain):
            return text
    return None


@dataclass(frozen=True)
class _Sorted:
    plain: frozenset[str]
    patterns: Sequence[tuple[str, Pattern]]


@lru_cache(maxsize=1024)
def _sorted(entries: tuple[str, ...]) -> _Sorted:
    patterns = [(one, pattern(one)) for one in entries if is_pattern(one)]
    return _Sorted(frozenset(x for x in entries if not is_pattern(x)), patterns)
