"""How an access token is shown to a mail server: SASL's XOAUTH2 and OAUTHBEARER.

XOAUTH2 is Google's, and Microsoft took it over; both document only that one, and Microsoft offers
no other. OAUTHBEARER is the standard (RFC 7628) that Google offers as well. Where a server has
both, XOAUTH2 is taken: it is what every other mail program uses there.
"""

import base64
import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TypeAlias

_MECHANISMS = ("XOAUTH2", "OAUTHBEARER")
_STATUS = re.compile(r"[45][0-9]{2}|invalid_(request|token)|insufficient_scope")
_UNCLEAR = "?"


@dataclass(frozen=True)
class AccessToken:
    """A bearer token (RFC 6750); whoever has it may log in."""

    text: str = field(repr=False)

    def spellings(self, username: str, host: str, port: int) -> frozenset[str]:
        """Return the forms in which a server could repeat it: plain, and as they are sent."""
        sent = (first_answer(one, username, self, host, port) for one in _MECHANISMS)
        return frozenset({self.text, *(base64.b64encode(one).decode() for one in sent)})


#: What shows that we may log in: a password, or a token.
Credential: TypeAlias = str | AccessToken


def first_answer(mechanism: str, username: str, token: AccessToken, host: str, port: int) -> bytes:
    """Return what the client says first."""
    bearer = f"auth=Bearer {token.text}\1"
    if mechanism == "XOAUTH2":
        return f"user={username}\1{bearer}\1".encode()
    # RFC 5801 4: "=" and "," are written so in a name.
    name = username.replace("=", "=3D").replace(",", "=2C")
    return f"n,a={name},\1host={host}\1port={port}\1{bearer}\1".encode()


class Exchange:
    """The client's side of one login; everything in base64, as it stands on the wire."""

    def __init__(self, mechanism: str, first: bytes) -> None:
        self.mechanism = mechanism
        self.first = base64.b64encode(first)
        self._said = ""
        #: What is still to be said, in this order.
        self._left = [self.first, b"*"]

    @property
    def complaint(self) -> str:
        """Return what the server has said about the token, in brackets, or nothing."""
        return f" ({self._said})" if self._said and self._said != _UNCLEAR else ""

    def answer(self, challenge: bytes) -> bytes:
        """Return what to say to a challenge; ValueError if it is none that makes sense.

        The first one is empty and asks for `first`, unless that went with the command. The one
        behind it says in JSON why the login will fail, and wants a word for the refusal to come.
        """
        decoded = base64.b64decode(challenge.strip(), validate=True)
        if decoded and not self._said:
            self._left = [b"*"]
            self._said = _status(decoded)
            # RFC 7628 3.2.3; XOAUTH2 wants an empty line.
            return base64.b64encode(b"\1" if self.mechanism == "OAUTHBEARER" else b"")
        if not self._left:
            raise ValueError("a challenge after the end")
        # The last one breaks the login off (RFC 4954 4, RFC 3501 6.2.2, RFC 5034 4).
        return self._left.pop(0)


def exchange(
    offered: Collection[str], username: str, token: AccessToken, host: str, port: int
) -> Exchange | None:
    """Begin a login by a mechanism that the server offers; None if it offers none that takes it."""
    names = {name.upper() for name in offered}
    mechanism = next((name for name in _MECHANISMS if name in names), None)
    if mechanism is None:
        return None
    return Exchange(mechanism, first_answer(mechanism, username, token, host, port))


def _status(challenge: bytes) -> str:
    """Return the status in the server's JSON: "401" at Google, "invalid_token" in RFC 7628."""
    try:
        status = json.loads(challenge).get("status")
    except (ValueError, AttributeError, RecursionError):
        return _UNCLEAR
    # No other words of it are shown: they could be anything, the token too.
    return status if isinstance(status, str) and _STATUS.fullmatch(status) else _UNCLEAR
