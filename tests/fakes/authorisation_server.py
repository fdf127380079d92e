"""An OAuth 2.0 authorisation server on loopback that keeps count, and misbehaves when told to.

`server.instead["/token"] = says(500, b"…")` replaces the answer to requests for a path.
A refresh token that is used a second time takes its whole family with it, as real servers do
(RFC 9700 4.14.2): whoever refreshes twice with one loses the consent.
"""

import base64
import hashlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

CLIENT_ID = "our-client"
CLIENT_SECRET = "our-client-secret"
SCOPE = "mail"


class Refused(Exception):
    """The request is answered with an error of RFC 6749 5.2."""

    def __init__(self, error: str, status: int = 400, **more: object) -> None:
        super().__init__(error)
        self.status = status
        self.table = {"error": error, **more}


@dataclass
class Family:
    """One consent, and what came of it."""

    username: str
    alive: bool = True
    refreshable: str = ""  #: the one refresh token that is good
    challenge: str = ""  #: of PKCE, before the code is used
    redirect_uri: str = ""


@dataclass
class Request:
    """What a client has asked."""

    path: str
    fields: dict[str, str]


Behaviour = Callable[["Handler", dict[str, str]], None]


class AuthorisationServer:
    """Gives tokens to one client; any user may be served."""

    def __init__(self) -> None:
        self.behave()
        self._lock = threading.RLock()
        self._access: dict[str, tuple[Family, float]] = {}
        self._refresh: dict[str, Family] = {}
        self._codes: dict[str, Family] = {}
        self._stopping = threading.Event()

    def behave(self) -> None:
        """Forget what was asked, and do as a server should; tokens stay what they are."""
        self.lifetime: Any = 3600
        #: What token answers hold beside, or in the place of, the usual.
        self.more: dict[str, Any] = {}
        self.rotates = True
        self.token_length = 40
        self.instead: dict[str, Behaviour] = {}
        self.requests: list[Request] = []
        #: Errors for the next questions after a device code; then the consent is there.
        self.pending: list[str] = []
        self.user = ""  #: who sits in front of the browser
        self.denies = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def stopping(self) -> threading.Event:
        return self._stopping

    def asked(self, grant: str) -> int:
        """How many requests for a token there were of this grant type."""
        with self._lock:
            return sum(
                one.path == "/token" and one.fields.get("grant_type") == grant
                for one in self.requests
            )

    @property
    def refreshes(self) -> int:
        return self.asked("refresh_token")

    def settings(self, folder: Path, **fields: object) -> dict[str, Any]:
        """The keys of an `oauth2` table for this server."""
        return {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "token_endpoint": f"{self.url}/token",
            "device_endpoint": f"{self.url}/device",
            "authorization_endpoint": f"{self.url}/authorize",
            "scope": SCOPE,
            "token_file": str(folder / "token.json"),
            **fields,
        }

    def toml(self, **fields: object) -> str:
        """The same as TOML, without a token_file."""
        table = self.settings(Path(), **fields)
        del table["token_file"]
        pairs = ", ".join(f"{key} = {json.dumps(value)}" for key, value in table.items())
        return f"oauth2 = {{ {pairs} }}"

    def consent(self, username: str) -> dict[str, Any]:
        """Have the user agree, and return the tokens that the client would have got."""
        return self._given(Family(username))

    def write(self, file: Path, username: str, *, seconds_left: float = 3600) -> dict[str, Any]:
        """Put tokens into a file as `oauth login` would, good for so long by the file alone."""
        given = self.consent(username)
        file.parent.mkdir(parents=True, exist_ok=True)
        now = time.time()
        table = {
            "username": username,
            "client_id": CLIENT_ID,
            "token_endpoint": f"{self.url}/token",
            "access_token": given["access_token"],
            "refresh_token": given["refresh_token"],
            "refreshed_at": _written(now - max(0.0, 3600 - seconds_left)),
            "granted_at": _written(now),
            "expires_at": _written(now + seconds_left),
        }
        file.touch(0o600)
        file.write_text(json.dumps(table))
        return given

    def withdraw(self, username: str) -> None:
        """Have the user withdraw all consents: no token of his is good any more."""
        with self._lock:
            for family in {id(x): x for x in self._refresh.values()}.values():
                if family.username == username:
                    family.alive = False

    def forget_access_tokens(self) -> None:
        """End all access tokens before their time; refresh tokens stay good."""
        with self._lock:
            self._access.clear()

    def visit(self, url: str) -> str:
        """Do what a browser and its user do; return the address they are sent back to."""
        asked = dict(parse_qsl(urlsplit(url).query))
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        answer = {"state": asked["state"]}
        if self.denies:
            answer |= {"error": "access_denied", "error_description": "the user said no"}
        else:
            code = secrets.token_urlsafe(16)
            self._codes[code] = Family(
                self.user, challenge=asked["code_challenge"], redirect_uri=asked["redirect_uri"]
            )
            answer |= {"code": code}
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def __enter__(self) -> Self:
        server = self

        class OurHandler(Handler):
            site = server

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), OurHandler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    # What it answers.

    def answer(self, path: str, fields: dict[str, str]) -> dict[str, Any]:
        with self._lock:
            self.requests.append(Request(path, fields))
            if path == "/introspect":
                return self._introspected(fields.get("token", ""))
            self._check_client(path, fields)
            if path == "/device":
                return self._device()
            grants = {
                "refresh_token": self._refreshed,
                "authorization_code": self._exchanged,
                "client_credentials": lambda _: self._given(Family(self.user), refresh=False),
                "urn:ietf:params:oauth:grant-type:device_code": self._polled,
            }
            grant = fields.get("grant_type", "")
            if path != "/token" or grant not in grants:
                raise Refused("unsupported_grant_type")
            return grants[grant](fields)

    def _check_client(self, path: str, fields: Mapping[str, str]) -> None:
        if fields.get("client_id") != CLIENT_ID:
            raise Refused("invalid_client", 401)
        if path == "/token" and fields.get("client_secret") != CLIENT_SECRET:
            raise Refused("invalid_client", 401)

    def _given(self, family: Family, *, refresh: bool = True) -> dict[str, Any]:
        with self._lock:
            access = secrets.token_hex(self.token_length)[: self.token_length]
            lasts = self.lifetime if isinstance(self.lifetime, int | float) else 3600
            self._access[access] = (family, time.time() + lasts)
            table = {"access_token": access, "token_type": "Bearer", "expires_in": self.lifetime}
            if refresh and (self.rotates or not family.refreshable):
                family.refreshable = secrets.token_urlsafe(24)
                self._refresh[family.refreshable] = family
                table["refresh_token"] = family.refreshable
            return {k: v for k, v in (table | self.more).items() if v is not None}

    def _refreshed(self, fields: Mapping[str, str]) -> dict[str, Any]:
        family = self._refresh.get(fields.get("refresh_token", ""))
        if family is None or not family.alive:
            raise Refused("invalid_grant", error_description="Token has been expired or revoked.")
        if fields["refresh_token"] != family.refreshable:
            family.alive = False  # somebody has stolen it, or refreshes twice
            raise Refused("invalid_grant", error_description="it was used before")
        return self._given(family)

    def _exchanged(self, fields: Mapping[str, str]) -> dict[str, Any]:
        family = self._codes.pop(fields.get("code", ""), None)
        digest = hashlib.sha256(fields.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if family is None or challenge != family.challenge:
            raise Refused("invalid_grant")
        if fields.get("redirect_uri") != family.redirect_uri:
            raise Refused("invalid_grant")
        return self._given(family)

    def _device(self) -> dict[str, Any]:
        table = {
            "device_code": "the-device-code",
            "user_code": "ABCD-EFGH",
            "verification_uri": "https://login.example.org/device",
            "expires_in": 900,
            "interval": 1,
        }
        return table | self.more

    def _polled(self, fields: Mapping[str, str]) -> dict[str, Any]:
        if fields.get("device_code") != "the-device-code":
            raise Refused("invalid_grant")
        if self.pending:
            raise Refused(self.pending.pop(0))
        return self._given(Family(self.user))

    def _introspected(self, token: str) -> dict[str, Any]:
        family, ends = self._access.get(token, (Family("", alive=False), 0.0))
        if not family.alive or time.time() >= ends:
            return {"active": False}
        return {"active": True, "username": family.username, "scope": SCOPE, "exp": int(ends) + 1}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    site: AuthorisationServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        fields = dict(parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True))
        path = urlsplit(self.path).path
        instead = self.site.instead.get(path)
        if instead is not None:
            self.site.requests.append(Request(path, fields))
            instead(self, fields)
            return
        try:
            self.say(200, json.dumps(self.site.answer(path, fields)).encode())
        except Refused as err:
            self.say(err.status, json.dumps(err.table).encode())

    def say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


# What others do.


def says(status: int, body: bytes | dict[str, Any], **headers: str) -> Behaviour:
    """Answer with exactly this."""
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda handler, _: handler.say(status, octets, **headers)


def sends(octets: bytes) -> Behaviour:
    """Send these octets and hang up."""

    def behaviour(handler: Handler, _: dict[str, str]) -> None:
        handler.wfile.write(octets)
        handler.close_connection = True

    return behaviour


def never_answers(handler: Handler, _: dict[str, str]) -> None:
    """Keep the client waiting."""
    handler.site.stopping.wait(30)
    handler.close_connection = True


def drips(handler: Handler, _: dict[str, str]) -> None:
    """Send one octet now and then, so that no single wait is long."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
    while not handler.site.stopping.wait(0.1):
        handler.wfile.write(b" ")
    handler.close_connection = True


def hangs_up_after(grants: int) -> Behaviour:
    """Do what was asked, so many times, without saying so: the answer is lost."""
    left = [grants]

    def behaviour(handler: Handler, fields: dict[str, str]) -> None:
        handler.site.requests.pop()
        try:
            given = handler.site.answer("/token", fields)
        except Refused as err:
            handler.say(err.status, json.dumps(err.table).encode())
            return
        if left[0] > 0:
            left[0] -= 1
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
        else:
            handler.say(200, json.dumps(given).encode())

    return behaviour


def _written(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
