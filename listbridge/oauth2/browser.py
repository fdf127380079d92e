"""Consent in a browser that comes back to this machine (RFC 8252), with PKCE (RFC 7636)."""

import base64
import hashlib
import hmac
import queue
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

from listbridge.oauth2 import refusals
from listbridge.oauth2.answers import Given
from listbridge.oauth2.errors import TokenRefused
from listbridge.oauth2.tokens import Client

_DONE = b"listbridge has what it needs; this window may be closed.\n"


@dataclass(frozen=True)
class Question:
    """The address that asks a person, and what proves that an answer belongs to it."""

    url: str
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)


def question(who: Client, scopes: Sequence[str], port: int) -> Question:
    """Make the address for the browser, which is to come back to this `port`."""
    redirect_uri = f"http://{who.settings.redirect_host}:{port}/"
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    digest = hashlib.sha256(verifier.encode()).digest()
    fields = {
        "response_type": "code",
        "client_id": who.client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
        # Both Google and Microsoft offer this account first; others do not look at it.
        "login_hint": who.username,
    }
    if scopes:
        fields["scope"] = " ".join(scopes)
    url = who.settings.authorization_url
    joint = "&" if urlsplit(url).query else "?"
    whole = f"{url}{joint}{urlencode(fields | who.settings.extra)}"
    return Question(whole, redirect_uri, state, verifier)


def is_answer(asked: Question, address: str) -> bool:
    """Say whether an address is the one a browser was sent back to after this question."""
    given = _fields(address).get("state", "")
    return hmac.compare_digest(given.encode("utf-8", "replace"), asked.state.encode())


def exchange(who: Client, asked: Question, address: str) -> Given:
    """Turn the answer into tokens; raise `OAuth2Error`."""
    if not is_answer(asked, address):
        raise TokenRefused("this is not the address that the browser was sent to in the end")
    found = _fields(address)
    if "error" in found:
        raise refusals.understood(400, found, who.title, who.username, [asked.state])
    code = found.get("code", "")
    answer = who.ask(
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": asked.redirect_uri,
            "code_verifier": asked.verifier,
        }
    )
    return who.given(answer, code, asked.verifier)


class Return:
    """Waits on a port of this machine for the browser to come back."""

    def __init__(self) -> None:
        self._came: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._asked: Question | None = None
        # A browser may open connections that it never uses.
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        """Return where it waits."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, asked: Question, seconds: float) -> str:
        """Return the address that the browser came back to; raise `TokenRefused` if it does not."""
        self._asked = asked
        try:
            return self._came.get(timeout=seconds)
        except queue.Empty:
            raise TokenRefused("nobody has answered in the browser in time") from None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        came = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 30

            def do_GET(self) -> None:
                asked = came._asked
                mine = asked is not None and is_answer(asked, self.path)
                self.send_response(200 if mine else 404)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Referrer-Policy", "no-referrer")
                self.end_headers()
                if mine:
                    self.wfile.write(_DONE)
                    came._came.put(self.path)

            def log_message(self, *_: object) -> None:
                """Say nothing: the path holds the code."""

        return Handler


def _fields(address: str) -> dict[str, str]:
    try:
        query = urlsplit(address.strip()).query
        return {name: values[0] for name, values in parse_qs(query, max_num_fields=50).items()}
    except ValueError:
        return {}
