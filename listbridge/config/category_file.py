"""One category's file: mail sessions merged in, checked as a whole, paths made absolute."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from listbridge.category import Category, CategoryBasics
from listbridge.config import halves, unsafe
from listbridge.config.models import HALVES, CategoryFile, Service
from listbridge.config.problems import Finding, merged, validate
from listbridge.config.service_file import no_session

#: What a category may be called.
SLUG = re.compile(r"[a-z0-9][a-z0-9._-]*")

_BAD_SLUG = (
    "the file's name is the category's slug, so it must begin with a lower-case letter or a digit "
    'and go on with these, ".", "_" and "-"; rename the file'
)
_NO_SERVER = "there is neither [incoming] nor [outgoing]; add at least one, or a mail_session"

_Halves = Mapping[str, Mapping[str, Any]]


def understand(
    slug: str, table: Mapping[str, Any], service: Service
) -> tuple[Category | None, list[Finding]]:
    """Return the category that a file's table comes to, or everything that is wrong with it."""
    sessions, unknown_sessions = _sessions(table, service)
    parsed, wrong = validate(CategoryFile, _overlaid(table, sessions))
    found = merged(unsafe.findings(table), wrong)
    found = [x for x in found if not _is_for_the_session(x, table, sessions, unknown_sessions)]
    found += unknown_sessions
    if not (sessions or unknown_sessions or table.keys() & HALVES.keys()):
        found.append(Finding((), _NO_SERVER))
    if not SLUG.fullmatch(slug):
        found.append(Finding((), _BAD_SLUG))
    if parsed is None or found:
        return None, found
    return _category(slug, parsed, service.folder), []


def _sessions(table: Mapping[str, Any], service: Service) -> tuple[_Halves, list[Finding]]:
    """Find what the named mail sessions supply to each half."""
    sessions: dict[str, Mapping[str, Any]] = {}
    found: dict[str, Finding] = {}
    for half in HALVES:
        own_key = f"{half}_session"
        key = own_key if own_key in table else "mail_session"
        name = table.get(key)
        if not isinstance(name, str) or not name:
            continue
        if name not in service.mail_sessions:
            found[key] = Finding((key,), no_session(name, service))
            continue
        supplied = getattr(service.mail_sessions[name], half)
        if supplied is not None:
            sessions[half] = supplied
        elif key == own_key:
            found[key] = Finding((key,), f"the mail session {name!r} has no half {half!r}")
    return sessions, list(found.values())


def _overlaid(table: Mapping[str, Any], sessions: _Halves) -> dict[str, Any]:
    """Lay the category's own tables over those of its mail sessions, key by key."""
    overlaid = dict(table)
    for half, supplied in sessions.items():
        own = table.get(half, {})
        if isinstance(own, dict):
            overlaid[half] = {**supplied, **own}
    return overlaid


def _is_for_the_session(
    found: Finding, table: Mapping[str, Any], sessions: _Halves, unknown: list[Finding]
) -> bool:
    """Say whether the blame is not this file's.

    What a session says wrongly is a problem of the service file, and what seems to be missing may
    be in the session that was misspelt.
    """
    if len(found.path) < 2 or found.path[0] not in HALVES:
        return False
    half, key, *_ = found.path
    if key in table.get(half, {}):
        return False
    return bool(unknown) or key in sessions.get(half, {})


def _category(slug: str, parsed: CategoryFile, folder: Path) -> Category:
    given = {name: getattr(parsed, name) for name in CategoryBasics.model_fields}
    if parsed.incoming is not None:
        username = parsed.incoming.username or parsed.address
        incoming = parsed.incoming.model_copy(update={"username": username})
        given["incoming"] = halves.absolute(incoming, folder)
    if parsed.outgoing is not None:
        given["outgoing"] = halves.absolute(parsed.outgoing, folder)
    if parsed.subscribers.file is not None:
        given["subscribers_file"] = folder / parsed.subscribers.file
    return Category(slug=slug, **given)
