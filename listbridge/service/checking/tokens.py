"""Findings about the tokens of accounts that log in by OAuth 2.0."""

from datetime import datetime, timedelta
from typing import Protocol

from listbridge import clock
from listbridge.errors import ListbridgeError
from listbridge.oauth2 import Credential, OAuth2Error, OAuth2Settings, token_file
from listbridge.oauth2.token_file import Tokens
from listbridge.oauth2.tokens import client
from listbridge.service.checking.finding import Finding, fine, wrong

# What many categories share is renewed once, for all that are looked at now.
_JUST_NOW = timedelta(minutes=1)


class Renew(Protocol):
    """Returns a token that came after a moment."""

    def __call__(self, *, newer_than: datetime) -> Credential | None: ...


def renewed(
    slug: str, half: str, settings: OAuth2Settings, username: str | None, renew: Renew
) -> tuple[Finding, Credential | None]:
    """Have the token renewed, which alone shows that the consent stands; return it as well."""
    try:
        credential = renew(newer_than=clock.now() - _JUST_NOW)
    except ListbridgeError as err:
        cure = err.cure or f"run `listbridge oauth login {username or slug}`"
        return wrong(slug, f"{half} token", err.fault, cure), None
    return kept(slug, half, settings, username), credential


def kept(slug: str, half: str, settings: OAuth2Settings, username: str | None) -> Finding:
    """Say what lies in the token file; without a word to any server."""
    what = f"{half} token"
    try:
        who = client(settings, username)
        found = token_file.read(who.file)
    except OAuth2Error as err:
        return wrong(slug, what, err.fault, err.cure or "check oauth2")
    if found is None and settings.effective_flow == "client_credentials":
        return fine(slug, what, "none yet; the first login fetches it")
    login = f"run `listbridge oauth login {username}`"
    if found is None:
        return wrong(slug, what, f"nobody has allowed it yet at {who.title}", login)
    if not who.owns(found):
        seen = f"{who.file} was made for another user, client_id or provider"
        return wrong(slug, what, seen, f"{login}, or set another token_file")
    if found.refused_because:
        return wrong(slug, what, found.refused_because, "do what it says, and check again")
    return fine(slug, what, _described(found))


def _described(found: Tokens) -> str:
    ends = f"good until {_shown(found.expires_at)}, renewed {_shown(found.refreshed_at)}"
    whom = f"; allowed by {found.granted_by}" if found.granted_by else ""
    last = f"; the consent ends {_shown(found.consent_ends)}" if found.consent_ends else ""
    return f"{ends}{whom}{last}"


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
