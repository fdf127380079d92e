"""What a token endpoint says (RFC 6749 5), taken with care: whatever of it is of use is kept."""

import base64
import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from listbridge.oauth2 import refusals
from listbridge.oauth2.errors import TokenUnavailable
from listbridge.oauth2.http import Answer

# RFC 6749 5.1 leaves the lifetime out where it is "otherwise documented"; an hour is what Google
# and Microsoft give. A token that ends sooner is renewed when a mail server refuses it.
_USUAL_LIFETIME = timedelta(hours=1)
_LONGEST_LIFETIME = timedelta(days=3650)
# RFC 6749 A.12 and A.17, without the blank that no token has.
_TOKEN = re.compile(r"[\x21-\x7e]{1,32768}")


@dataclass(frozen=True)
class Given:
    """What was given; at least one of the two tokens."""

    access_token: str | None = field(repr=False)
    lifetime: timedelta
    refresh_token: str | None = field(repr=False)
    #: How long the refresh token is good for, where the server tells.
    consent_lasts: timedelta | None
    granted_by: str | None  #: whose consent it is, where the server tells


def table_of(answer: Answer) -> dict[str, Any] | None:
    """Return the JSON object that an answer holds, or None."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def given(answer: Answer, title: str, username: str, secrets: Collection[str]) -> Given:
    """Read the answer of a token endpoint; raise what its refusal means, or `TokenUnavailable`.

    A new refresh token is kept even where the rest is unusable: the old one may be worth nothing.
    """
    table = table_of(answer)
    if answer.status != 200 or table is None or "error" in table:
        raise refusals.understood(answer.status, table, title, username, secrets)
    kind = table.get("token_type", "bearer")
    access = _token(table.get("access_token"))
    if not (isinstance(kind, str) and kind.lower() == "bearer"):  # RFC 6749 5.1
        access = None
    refresh = _token(table.get("refresh_token"))
    if access is None and refresh is None:
        raise unusable(title, username)
    ends = _seconds(table.get("refresh_token_expires_in"))
    return Given(
        access,
        _lifetime(table.get("expires_in")),
        refresh,
        # Some say 0 for "no end".
        ends if ends else None,
        _granted_by(table.get("id_token")),
    )


def unusable(title: str, username: str) -> TokenUnavailable:
    """Return the error for an answer without a token that could be used."""
    return TokenUnavailable(
        f"{title} answered without a usable access token for {username}",
        cure="it is tried again; if it stays so, check the endpoints",
    )


def _token(value: object) -> str | None:
    return value if isinstance(value, str) and _TOKEN.fullmatch(value) else None


def _lifetime(value: object) -> timedelta:
    seconds = _seconds(value)
    return _USUAL_LIFETIME if seconds is None else seconds


def _seconds(value: object) -> timedelta | None:
    """Read a number of seconds, also as some servers write it, in quotes; below 0 is 0."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return timedelta(seconds=min(max(value, 0), _LONGEST_LIFETIME.total_seconds()))


def _granted_by(id_token: object) -> str | None:
    """Return the account's name in an ID token, which came from its issuer itself over TLS.

    So its signature need not be looked at (OpenID Connect Core 3.1.3.7).
    """
    if not isinstance(id_token, str) or id_token.count(".") != 2:
        return None
    payload = id_token.split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return None
    names = (
        (claims.get(x) for x in ("email", "preferred_username")) if isinstance(claims, dict) else ()
    )
    return next(
        (x for x in names if isinstance(x, str) and x.isprintable() and 0 < len(x) < 320), None
    )
