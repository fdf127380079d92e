"""The halves of a mail session: laid over each other from several sources, and filled in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: The two halves of a mail session, which are two tables of a category.
HALVES = ("incoming", "outgoing")
#: What may stand in braces in a session's texts: a category's slug, its address, and the two parts
#: of that.
PATTERNS = ("slug", "address", "local", "domain")

Table = Mapping[str, Any]

_PATTERN = re.compile(rf"\{{({'|'.join(PATTERNS)})\}}")
# A port goes with these, whose defaults are such; and a login is made in one of those ways.
_DECIDE_PORT = {"protocol": "imap", "security": "tls"}
_LOGINS = ("password", "oauth2")


@dataclass(frozen=True)
class Layer:
    """What one source says about the halves; it may hold passwords, so it is never shown."""

    origin: tuple[str, ...]  #: the key of the session that brought it in, such as ("provider",)
    halves: Mapping[str, Table]  #: by "incoming" and "outgoing"; what is missing is not touched


def laid_over(lower: Table, upper: Table) -> dict[str, Any]:
    """Return the table in which `upper` overrides `lower`, key by key.

    What `lower` says goes where it would contradict: its port if `upper` changes the protocol or
    the security, its password if `upper` logs in by OAuth2, and the other way round. What the two
    say about OAuth2 goes together.
    """
    kept = dict(lower)
    if any(
        key in upper and upper[key] != lower.get(key, default)
        for key, default in _DECIDE_PORT.items()
    ):
        kept.pop("port", None)
    if any(login in upper for login in _LOGINS):
        for login in _LOGINS:
            kept.pop(login, None)
    merged = {**kept, **upper}
    if isinstance(lower.get("oauth2"), dict) and isinstance(upper.get("oauth2"), dict):
        merged["oauth2"] = {**lower["oauth2"], **upper["oauth2"]}
    return merged


def names_of(slug: str, address: str | None) -> dict[str, str]:
    """Return what the patterns mean for a category; without an address only its slug."""
    if not address:
        return {"slug": slug}
    local, _, domain = address.rpartition("@")
    return {"slug": slug, "address": address, "local": local, "domain": domain}


def filled_in(value: Any, names: Mapping[str, str]) -> Any:
    """Return a table, or what stands in it, with the patterns replaced that `names` knows.

    A password that stands there itself is left as it is: braces are characters like any other.
    """
    if isinstance(value, str):
        return _PATTERN.sub(lambda found: names.get(found[1], found[0]), value)
    if isinstance(value, dict):
        return {
            key: inner
            if key in ("password", "client_secret") and isinstance(inner, str)
            else filled_in(inner, names)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [filled_in(inner, names) for inner in value]
    return value


def unfilled(value: object) -> str | None:
    """Return the first pattern that still stands in a text, such as "{slug}"."""
    found = _PATTERN.search(value) if isinstance(value, str) else None
    return found[0] if found else None
