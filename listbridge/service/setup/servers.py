"""A mail server as people name it: `imap.example.org`, or `imap.example.org:143`."""

import re
from dataclasses import dataclass
from typing import Literal

from listbridge.guard import is_safe

Protocol = Literal["imap", "pop3", "smtp"]
Security = Literal["tls", "starttls", "none"]

# What a port says of itself. Security is never "none" unless somebody asks for it by that word.
_BY_PORT: dict[int, tuple[Protocol, Security]] = {
    993: ("imap", "tls"),
    143: ("imap", "starttls"),
    995: ("pop3", "tls"),
    110: ("pop3", "starttls"),
    465: ("smtp", "tls"),
    587: ("smtp", "starttls"),
    25: ("smtp", "starttls"),
}
_NAMED = re.compile(r"(?P<host>[^\s:/@]+)(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True)
class Server:
    """Where to connect and how."""

    protocol: Protocol
    host: str
    security: Security = "tls"
    port: int | None = None  #: None: the usual one for protocol and security

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host


def incoming(
    host: str,
    *,
    port: int | None = None,
    security: Security | None = None,
    protocol: Protocol | None = None,
) -> Server:
    """Complete what is known of an incoming server by what its port says."""
    port_protocol, port_security = _BY_PORT.get(port or 0, ("imap", "tls"))
    if port_protocol == "smtp":
        port_protocol, port_security = "imap", "tls"
    return Server(protocol or port_protocol, host, security or port_security, port)


def outgoing(host: str, *, port: int | None = None, security: Security | None = None) -> Server:
    """Complete what is known of an outgoing server by what its port says."""
    port_protocol, port_security = _BY_PORT.get(port or 0, ("smtp", "tls"))
    if port_protocol != "smtp":
        port_security = "tls"
    return Server("smtp", host, security or port_security, port)


def usual(protocol: Protocol, host: str, security: Security, port: int) -> Server:
    """Return a server, without its port if that follows from the rest."""
    standard = _BY_PORT.get(port) == (protocol, security) and port != 25
    return Server(protocol, host, security, None if standard else port)


def parse(text: str) -> tuple[str, int | None]:
    """Read `host` or `host:port`; raise `ValueError` with a sentence for anything else."""
    match = _NAMED.fullmatch(text.strip())
    if match is None or not is_safe(text):
        raise ValueError('write the name of a server, such as "mail.example.org", or "name:port"')
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 1 <= port <= 65535:
        raise ValueError("a port is a number from 1 to 65535")
    return match["host"], port
