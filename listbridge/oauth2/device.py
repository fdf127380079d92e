"""Consent by a code that a person types in on any device (RFC 8628)."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from listbridge import guard
from listbridge.oauth2 import answers, http, refusals
from listbridge.oauth2.answers import Given
from listbridge.oauth2.errors import TokenRefused, TokenUnavailable
from listbridge.oauth2.tokens import Client

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
# RFC 8628 3.2 and 3.5.
_USUAL_INTERVAL = 5.0
_SLOWER = 5.0
_LONGEST_INTERVAL = 60.0
_LONGEST_WAIT = 3600.0


@dataclass(frozen=True)
class Prompt:
    """What to show to the person, and how to ask whether it was done."""

    page: str
    user_code: str
    device_code: str = field(repr=False)
    seconds: float  #: how long the code is good for
    interval: float  #: seconds between two questions


def begin(who: Client, scopes: Sequence[str]) -> Prompt:
    """Ask for a code; raise `OAuth2Error`."""
    fields = {"client_id": who.client_id} | ({"scope": " ".join(scopes)} if scopes else {})
    answer = http.post(who.settings.device_url, fields)
    table = answers.table_of(answer)
    if answer.status != 200 or table is None or "error" in table:
        hidden = [who.secret() or ""]
        raise refusals.understood(answer.status, table, who.title, who.username, hidden)
    # The draft of RFC 8628 said verification_url, and some kept it.
    page = table.get("verification_uri", table.get("verification_url"))
    code, device = table.get("user_code"), table.get("device_code")
    if not (_shows(page) and _shows(code) and _shows(device)):
        raise TokenUnavailable(f"{who.title} gave no code", cure="check the endpoints")
    wait = _number(table.get("expires_in"), _LONGEST_WAIT)
    return Prompt(
        str(page),
        str(code),
        str(device),
        min(wait, _LONGEST_WAIT),
        min(_number(table.get("interval"), _USUAL_INTERVAL), _LONGEST_INTERVAL),
    )


def wait(who: Client, prompt: Prompt, sleep: Callable[[float], None] = time.sleep) -> Given:
    """Ask until the person has agreed; raise `TokenRefused` if not, or if it took too long."""
    interval, left = prompt.interval, prompt.seconds
    while left > 0:
        sleep(interval)
        left -= max(interval, 1.0)
        try:
            answer = who.ask({"grant_type": _GRANT, "device_code": prompt.device_code})
        except TokenUnavailable:
            interval = min(interval * 2, _LONGEST_INTERVAL)  # RFC 8628 3.5
            continue
        error = (answers.table_of(answer) or {}).get("error")
        if error == "authorization_pending" or answer.status >= 500:
            continue
        if error == "slow_down":
            interval = min(interval + _SLOWER, _LONGEST_INTERVAL)
            continue
        if error == "expired_token":
            break
        # Microsoft says authorization_declined for what RFC 8628 calls access_denied.
        if error in ("access_denied", "authorization_declined"):
            raise TokenRefused(f"the consent for {who.username} was refused at {who.title}")
        return who.given(answer, prompt.device_code)
    raise TokenRefused(f"nobody has typed in the code at {prompt.page} in time", cure="begin again")


def _shows(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) < 4096 and guard.is_safe(value)


def _number(value: Any, usual: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return usual
    return float(min(value, _LONGEST_WAIT))
