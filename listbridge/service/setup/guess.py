"""Servers that may be the right ones for an address, tried by connecting; nothing is sent."""

import socket
import ssl
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from listbridge.mailbox import IncomingSettings
from listbridge.service.setup.servers import Protocol, Server
from listbridge.submission import OutgoingSettings

_PATIENCE_SECONDS = 5


def incoming(
    domain: str, protocol: Protocol, answers: Callable[[Server], bool] | None = None
) -> Server | None:
    """Return the likeliest IMAP or POP3 server of a domain that answers."""
    first = "imap" if protocol == "imap" else "pop"
    names = (f"{first}.{domain}", f"mail.{domain}", domain)
    return _first((Server(protocol, name) for name in names), answers or _answers)


def outgoing(domain: str, answers: Callable[[Server], bool] | None = None) -> Server | None:
    """Return the likeliest SMTP server of a domain that answers."""
    names = (f"smtp.{domain}", f"mail.{domain}", domain)
    both = [Server("smtp", name) for name in names]
    both += [Server("smtp", name, "starttls") for name in names]
    return _first(both, answers or _answers)


def _first(likely: Iterable[Server], answers: Callable[[Server], bool]) -> Server | None:
    candidates = list(likely)
    with ThreadPoolExecutor(len(candidates)) as pool:
        answered = list(pool.map(answers, candidates))
    return next((one for one, there in zip(candidates, answered, strict=True) if there), None)


def _answers(server: Server) -> bool:
    """Say whether somebody listens there and, with TLS, can show that it is he."""
    try:
        address = (server.host, _port(server))
        with socket.create_connection(address, _PATIENCE_SECONDS) as connection:
            if server.security == "tls":
                context = ssl.create_default_context()
                context.wrap_socket(connection, server_hostname=server.host).close()
        return True
    except (OSError, UnicodeError):  # UnicodeError: a name that cannot be written in the DNS
        return False


def _port(server: Server) -> int:
    if server.protocol == "smtp":
        return OutgoingSettings(host=server.host, security=server.security).effective_port
    settings = IncomingSettings(
        protocol=server.protocol, host=server.host, security=server.security
    )
    return settings.effective_port
