"""One category's file: mail sessions merged in, checked as a whole, paths made absolute."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from listbridge.category import Category, CategoryBasics
from listbridge.config import authserv, halves, unsafe
from listbridge.config.models import HALVES, CategoryFile, Service
from listbridge.config.problems import Finding, merged, validate
from listbridge.config.sessions import Session, Sessions, address_of
from listbridge.mailsession.layers import laid_over, names_of
from listbridge.notices.catalogue import Texts

#: What a category may be called.
SLUG = re.compile(r"[a-z0-9][a-z0-9._-]*")

_BAD_SLUG = (
    "the file's name is the category's slug, so it must begin with a lower-case letter or a digit "
    'and go on with these, ".", "_" and "-"; rename the file'
)
_NO_SERVER = "there is neither [incoming] nor [outgoing]; add at least one, or a mail_session"

#: No texts of notices but the built-in ones.
NO_TEXTS: Texts = MappingProxyType({})

_Halves = Mapping[str, Mapping[str, Any]]


def understand(
    slug: str, table: Mapping[str, Any], service: Service, texts: Texts = NO_TEXTS
) -> tuple[Category | None, list[Finding]]:
    """Return the category that a file's table comes to, or everything that is wrong with it."""
    named, unknown_sessions = _named(table, service.sessions)
    table, supplied = _supplied(slug, table, named)
    told_already = bool(unknown_sessions) or any(one.faulty for one in named.values())
    missing = [] if told_already else _missing_halves(table, supplied)
    parsed, wrong = validate(CategoryFile, _overlaid(table, supplied))
    found = merged(unsafe.findings(table), wrong)
    found = [x for x in found if not _is_for_the_session(x, table, supplied, told_already)]
    found += unknown_sessions + missing
    if not (supplied or told_already or missing or table.keys() & HALVES.keys()):
        found.append(Finding((), _NO_SERVER))
    if not SLUG.fullmatch(slug):
        found.append(Finding((), _BAD_SLUG))
    if not found and not told_already:
        found = wrong  # what only a pattern has led to
    if parsed is None or found:
        return None, found
    posting, unnamed = authserv.settled(parsed)
    if unnamed:
        return None, unnamed
    settled = parsed.model_copy(update={"posting": posting})
    return _category(slug, settled, service, texts), []


def _named(
    table: Mapping[str, Any], sessions: Sessions
) -> tuple[dict[str, Session], list[Finding]]:
    """Find the mail session that each half names."""
    named: dict[str, Session] = {}
    unknown: dict[str, Finding] = {}
    for half in HALVES:
        key = _session_key(table, half)
        name = table.get(key)
        if not isinstance(name, str) or not name:
            continue
        session = sessions.find(name)
        if session is None:
            unknown[key] = Finding((key,), sessions.unknown(name))
        else:
            named[half] = session
    return named, list(unknown.values())


def _session_key(table: Mapping[str, Any], half: str) -> str:
    own_key = f"{half}_session"
    return own_key if own_key in table else "mail_session"


def _supplied(
    slug: str, table: Mapping[str, Any], named: Mapping[str, Session]
) -> tuple[Mapping[str, Any], _Halves]:
    """Return what the sessions supply to each half, and the file's table with its address.

    Where the file gives no address, it is the user name that a session makes of the slug.
    """
    address = table.get("address")
    if address is None:
        address = address_of(_of_sessions(named, names_of(slug, None)))
        table = {**table, "address": address} if address else table
    return table, _of_sessions(named, names_of(slug, address if isinstance(address, str) else None))


def _of_sessions(named: Mapping[str, Session], names: Mapping[str, str]) -> dict[str, Any]:
    found = {half: session.halves(names).get(half) for half, session in named.items()}
    return {half: table for half, table in found.items() if table is not None}


def _missing_halves(table: Mapping[str, Any], supplied: _Halves) -> list[Finding]:
    found = []
    for half in HALVES:
        key = f"{half}_session"
        if isinstance(table.get(key), str) and table[key] and half not in supplied:
            text = f"the mail session {table[key]!r} has no half {half!r}"
            found.append(Finding((key,), text))
    return found


def _overlaid(table: Mapping[str, Any], sessions: _Halves) -> dict[str, Any]:
    """Lay the category's own tables over those of its mail sessions, key by key."""
    overlaid = dict(table)
    for half, supplied in sessions.items():
        own = table.get(half, {})
        if isinstance(own, dict):
            overlaid[half] = laid_over(supplied, own)
    return overlaid


def _is_for_the_session(
    found: Finding, table: Mapping[str, Any], sessions: _Halves, told_already: bool
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
    return told_already or key in sessions.get(half, {})


def _category(slug: str, parsed: CategoryFile, service: Service, texts: Texts) -> Category:
    folder, tokens = service.folder, service.tokens
    given = {name: getattr(parsed, name) for name in CategoryBasics.model_fields}
    if parsed.incoming is not None:
        username = parsed.incoming.username or parsed.address
        incoming = parsed.incoming.model_copy(update={"username": username})
        given["incoming"] = halves.absolute(incoming, folder, tokens)
    if parsed.outgoing is not None:
        outgoing = halves.signing(parsed.outgoing, folder, parsed.address)
        given["outgoing"] = halves.absolute(outgoing, folder, tokens)
    if parsed.posting.password is not None:
        password = halves.absolute_secret(parsed.posting.password, folder)
        given["posting"] = parsed.posting.model_copy(update={"password": password})
    if parsed.subscribers.file is not None:
        given["subscribers_file"] = folder / parsed.subscribers.file
    return Category(slug=slug, texts=texts, **given)
