"""One POST to an authorisation server: bounded in time and size, verified, never redirected."""

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from urllib.parse import SplitResult, urlencode, urlsplit

from listbridge.oauth2.errors import TokenUnavailable

# Tokens are some kilobytes; no honest answer comes near this.
LARGEST_ANSWER = 64 * 1024
_SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    """What the server said; it may hold tokens."""

    status: int
    body: bytes = field(repr=False)


def endpoint_fault(url: str) -> str | None:
    """Say why secrets cannot be sent to this address, or return None (RFC 6749 3.2: TLS only)."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "write a web address"
    if not parts.hostname or parts.username is not None or parts.fragment:
        return 'write a web address, such as "https://login.example.org/token"'
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        return "write an address that begins with https://; secrets are sent there"
    return None


def post(url: str, fields: Mapping[str, str], seconds: float = _SECONDS) -> Answer:
    """Send a form and return the answer, whatever its status; raise `TokenUnavailable`.

    http.client and not urllib.request, whose socket cannot be cut when the time is over: its own
    limit is one for each single wait.
    """
    parts = urlsplit(url)
    body = urlencode(fields)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    connection = _connection(parts, seconds)
    target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    cut = threading.Event()
    try:
        connection.connect()
        with _cut_after(seconds, connection.sock, cut):
            connection.request("POST", target, body, headers)
            response = connection.getresponse()
            answered = _read(response, parts)
        if cut.is_set():
            raise TimeoutError  # what has come of it is not the whole
        return Answer(response.status, answered)
    except (OSError, http.client.HTTPException, ValueError) as err:
        raise _trouble(parts, TimeoutError() if cut.is_set() else err) from None
    finally:
        connection.close()


def _connection(parts: SplitResult, seconds: float) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=seconds)
    return http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=_context())


@cache
def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996
    return context


@contextmanager
def _cut_after(seconds: float, sock: socket.socket, cut: threading.Event) -> Iterator[None]:
    """End the conversation when the time is over, though each single wait may have been short."""

    def end() -> None:
        cut.set()
        with contextlib.suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    limit = threading.Timer(seconds, end)
    limit.daemon = True
    limit.start()
    try:
        yield
    finally:
        limit.cancel()


def _read(response: http.client.HTTPResponse, parts: SplitResult) -> bytes:
    body = response.read(LARGEST_ANSWER + 1)
    if len(body) > LARGEST_ANSWER:
        raise TokenUnavailable(
            f"the authorisation server {parts.hostname} sent more than {LARGEST_ANSWER} bytes",
            cure="check the endpoints",
        )
    return body


def _trouble(parts: SplitResult, err: Exception) -> TokenUnavailable:
    where = f"the authorisation server {parts.hostname}"
    if isinstance(err, ssl.SSLCertVerificationError):
        return TokenUnavailable(
            f"{where} shows a certificate that is not trusted ({err.verify_message})",
            cure="check the endpoints, and this machine's trust store",
        )
    # A name that cannot be written in the DNS, such as "a..b", is a UnicodeError.
    if isinstance(err, socket.gaierror | UnicodeError):
        return TokenUnavailable(f"{where} cannot be found", cure="check the endpoints, and the DNS")
    if isinstance(err, TimeoutError):
        return TokenUnavailable(f"{where} did not answer in time", cure="it is tried again")
    if isinstance(err, OSError):
        why = err.strerror or type(err).__name__
        return TokenUnavailable(f"{where} cannot be reached ({why})", cure="it is tried again")
    return TokenUnavailable(f"{where} does not speak HTTP", cure="check the endpoints")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
