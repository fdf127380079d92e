"""What an authorisation server's refusals mean, decided in this one place.

Microsoft's numbers are those of learn.microsoft.com/entra/identity-platform/reference-error-codes;
where they change, the general sentence for the error of RFC 6749 5.2 is what remains. Google's
words are those its token endpoint is known for ("Token has been expired or revoked.").
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from listbridge import guard
from listbridge.oauth2.errors import OAuth2Error, TokenRefused, TokenUnavailable

_LONGEST_QUOTE = 200
_NUMBER = re.compile(r"AADSTS([0-9]{1,8})\b")
# Microsoft adds its own marks to each answer; nobody reads them.
_MARKS = re.compile(r"\s*(Trace ID|Correlation ID|Timestamp): .*", re.DOTALL)

# RFC 6749 4.1.2.1 and 5.2, RFC 8628 3.5.
_LATER = {"temporarily_unavailable", "server_error", "slow_down"}
_LOGIN = "run `listbridge oauth login {}`"
_RENEW = "make a new client secret at the provider, and put it where client_secret says"
_MEANINGS: Mapping[str, tuple[str, str]] = {
    "invalid_grant": ("the consent has been withdrawn, or has ended", _LOGIN),
    "invalid_client": (
        "the client is unknown, or its secret wrong",
        "check client_id and client_secret",
    ),
    "deleted_client": (
        "the client has been deleted",
        "register one, set its client_id, and " + _LOGIN,
    ),
    "unauthorized_client": (
        "the client may not do this",
        "check its registration, client_id and tenant",
    ),
    "invalid_scope": ("the scope is not known there", "check scope, and the client's permissions"),
    "unsupported_grant_type": ("this flow is not offered", "check flow and the endpoints"),
    "access_denied": ("the consent was refused", "somebody has to allow it: " + _LOGIN),
    "consent_required": ("the consent is missing", _LOGIN),
    "interaction_required": ("a person has to log in", _LOGIN),
}
_NUMBERS: Mapping[int, tuple[str, str]] = {
    7000222: ("the client secret has expired", _RENEW),
    7000215: ("the client secret is wrong", "check client_secret: its value is meant, not its id"),
    7000218: ("a client secret is wanted", "set client_secret, or allow public client flows"),
    700016: ("the client is unknown in this tenant", "check client_id and tenant"),
    90002: ("the tenant is unknown", "check tenant"),
    700082: ("the consent has ended, as it was not used for long", _LOGIN),
    70008: ("the consent has ended", _LOGIN),
    50173: ("the consent has ended, as the password was changed", _LOGIN),
    50076: ("a second factor is wanted", _LOGIN),
    50079: ("a second factor has to be set up", _LOGIN),
    53003: ("a rule of the organisation forbids it", "ask its administrator (Conditional Access)"),
    50057: ("the account is disabled", "ask its administrator"),
    50034: ("the account does not exist in this tenant", "check tenant and username"),
    65001: ("nobody has allowed the client to use the mailbox", _LOGIN),
    9002346: ("the client is for personal accounts only", 'set tenant = "consumers"'),
    50194: ("the client is for one organisation only", "set tenant to that organisation"),
    9002313: ("the request was not understood", "check the endpoints and client_id"),
}


def understood(
    status: int,
    table: Mapping[str, Any] | None,
    title: str,
    username: str,
    secrets: Collection[str],
) -> OAuth2Error:
    """Return the error for an answer that brings no token; `table` is its JSON, if it was any."""
    error = table.get("error") if table else None
    if not isinstance(error, str) or error in _LATER or status >= 500 or status == 429:
        return TokenUnavailable(
            f"{title} gives no access token for {username} now (HTTP {status})",
            cure="it is tried again; if it stays so, check the endpoints",
        )
    words = (table or {}).get("error_description")
    described = words if isinstance(words, str) else ""
    number = _NUMBER.search(described)
    meaning = _NUMBERS.get(int(number[1])) if number else None
    fault, cure = meaning or _MEANINGS.get(error, ("the request is refused", _LOGIN))
    said = quoted(f"{error}: {described}" if described else error, secrets)
    return TokenRefused(
        f"{title} gives no access token for {username}: {fault} ({said})",
        cure=cure.format(username),
    )


def quoted(words: str, secrets: Collection[str]) -> str:
    """Return the server's words in quotes, cleaned and cut, or a remark in their place."""
    if any(secret in words for secret in secrets if secret):
        return "in an answer that repeats a secret"
    clean = "".join(ch if guard.is_safe(ch) else " " for ch in _MARKS.sub("", words))
    return f'"{" ".join(clean.split())[:_LONGEST_QUOTE]}"'
