"""Attacks on TLS: whatever is done to the connection, no server sees a password or a message.

Every way of the program to a server × every attack, judged by what the server was sent: nothing
but the commands that come before a login.
"""

import asyncio
import base64
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from listbridge import tls
from listbridge.errors import ListbridgeError
from listbridge.mailbox import IncomingSettings, open_mailbox, open_watch
from listbridge.mailbox.inspect import Inspection
from listbridge.submission import Envelope, OutgoingSettings, SmtpCourier
from listbridge.submission.inspect import inspect
from tests.fakes import certificates
from tests.fakes.imap_server import ALL_CAPABILITIES, PASSWORD, ImapServer
from tests.fakes.imap_server import answers as imap_answers
from tests.fakes.pop_server import PopServer
from tests.fakes.pop_server import answers as pop_answers
from tests.fakes.smtp_server import Script, SmtpServer, in_thread

USER = "list@example.org"
MESSAGE = b"Subject: confidential\r\n\r\nconfidential\r\n"
BEFORE_A_LOGIN = (b"CAPABILITY", b"CAPA", b"STARTTLS", b"STLS", b"EHLO", b"QUIT", b"LOGOUT")

Log = Callable[[], list[bytes]]


@dataclass(frozen=True)
class Attack:
    """What is done to a connection that is to be secured; the defaults are an honest server."""

    security: str = "starttls"
    certificate: Callable[[], ssl.SSLContext] = certificates.server_context
    in_clear: bool = False  #: no TLS where there should be
    stripped: bool = False  #: STARTTLS is not offered
    refused: bool = False  #: STARTTLS is answered with no
    behind: bool = False  #: text in the clear behind the answer to STARTTLS
    ahead: bool = False  #: an answer to STARTTLS before it is asked for
    preauth: bool = False  #: IMAP: we are said to be logged in already


def _self_signed() -> ssl.SSLContext:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with authority.private_key_pem.tempfile() as key, authority.cert_pem.tempfile() as chain:
        context.load_cert_chain(chain, key)
    return context


def _old(version: ssl.TLSVersion) -> Callable[[], ssl.SSLContext]:
    """Make a server that speaks this version of TLS at most."""

    def context() -> ssl.SSLContext:
        # Not the one that other tests share.
        made = certificates.server_context.__wrapped__()
        return _speaking(made, version)

    return context


def _speaking(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    # OpenSSL 3 has these versions below its default level only.
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


CERTIFICATES: dict[str, Callable[[], ssl.SSLContext]] = {
    "another name": lambda: certificates.server_context("other.example.org"),
    "expired": lambda: certificates.server_context(expired=True),
    "self-signed": _self_signed,
    "unknown authority": lambda: certificates.server_context(foreign=True),
    "TLS 1.0": _old(ssl.TLSVersion.TLSv1),
    "TLS 1.1": _old(ssl.TLSVersion.TLSv1_1),
}
ATTACKS = {
    f"{name}, {security}": Attack(security, certificate)
    for name, certificate in CERTIFICATES.items()
    for security in ("tls", "starttls")
} | {
    "no TLS, tls": Attack("tls", in_clear=True),
    "stripped": Attack(stripped=True),
    "refused": Attack(refused=True),
    "injected behind": Attack(behind=True),
    "injected ahead": Attack(ahead=True),
}
PREAUTH = {
    "PREAUTH, tls": Attack("tls", preauth=True),
    "PREAUTH, starttls": Attack(preauth=True),
}


# The servers, each with its wire log.


@contextmanager
def imap(attack: Attack) -> Iterator[tuple[int, Log]]:
    capabilities = ALL_CAPABILITIES + " IDLE" + ("" if attack.stripped else " STARTTLS")
    greeting = "* PREAUTH welcome back" if attack.preauth else "* OK ready"
    server = ImapServer(
        capabilities=capabilities,
        greeting=greeting + ("\r\n* OK begin" if attack.ahead else ""),
        context=attack.certificate(),
        implicit_tls=attack.security == "tls" and not attack.in_clear,
    )
    if attack.stripped or attack.refused:
        server.instead["STARTTLS"] = imap_answers("NO", "not today")
    if attack.ahead:
        # Nobody can answer ahead where tags are random: what came ahead must not count.
        server.instead["STARTTLS"] = lambda session, _tag, _args: session.send("W1 OK begin")
    if attack.behind:
        server.instead["STARTTLS"] = lambda session, tag, _: session.wire.send(
            f"{tag} OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n".encode()
        )
    with server:
        yield server.port, lambda: [line.split(b" ", 1)[-1] for line in server.log]


@contextmanager
def pop(attack: Attack) -> Iterator[tuple[int, Log]]:
    server = PopServer(
        greeting="+OK ready" + ("\r\n+OK begin" if attack.ahead else ""),
        context=attack.certificate(),
        implicit_tls=attack.security == "tls" and not attack.in_clear,
    )
    if attack.stripped or attack.refused:
        server.instead["STLS"] = pop_answers("-ERR not today")
    if attack.behind:
        server.instead["STLS"] = lambda session, _: session.wire.send(b"+OK begin\r\n+OK name\r\n")
    with server:
        yield server.port, lambda: list(server.log)


@contextmanager
def smtp(attack: Attack) -> Iterator[tuple[int, Log]]:
    over_tls = attack.security == "tls"
    script = Script(
        tls=attack.certificate() if over_tls and not attack.in_clear else None,
        starttls=None if over_tls or attack.stripped else attack.certificate(),
        mechanisms=("PLAIN", "LOGIN"),
        login=(USER, PASSWORD),
        replies={"starttls": "454 4.7.0 not today"} if attack.refused else {},
        append=({"starttls": b"250 injected\r\n"} if attack.behind else {})
        | ({"ehlo": b"220 2.0.0 go ahead\r\n"} if attack.ahead else {}),
    )
    with in_thread(SmtpServer(script)) as server:
        yield (
            server.port,
            lambda: [
                *(line.encode() for line in server.lines),
                *(one.wire for one in server.messages),
            ],
        )


# The ways of the program to a server; each raises what went wrong.


def _incoming(protocol: str, port: int, security: str, ca_file: Path) -> IncomingSettings:
    values: dict[str, Any] = {"host": "localhost", "port": port, "protocol": protocol}
    values |= {"security": security, "ca_file": ca_file, "timeout": "5s"}
    return IncomingSettings(**values, username=USER, password=PASSWORD)  # type: ignore[arg-type]


def poll_imap(port: int, security: str, ca_file: Path) -> None:
    open_mailbox(_incoming("imap", port, security, ca_file)).finish()


def poll_pop(port: int, security: str, ca_file: Path) -> None:
    open_mailbox(_incoming("pop3", port, security, ca_file)).finish()


def idle(port: int, security: str, ca_file: Path) -> None:
    open_watch(_incoming("imap", port, security, ca_file)).drop()


def check_imap(port: int, security: str, ca_file: Path) -> None:
    _look(_incoming("imap", port, security, ca_file))


def check_pop(port: int, security: str, ca_file: Path) -> None:
    _look(_incoming("pop3", port, security, ca_file))


def _look(settings: IncomingSettings) -> None:
    for _, seen in Inspection(settings, PASSWORD).steps():
        if isinstance(seen, ListbridgeError):
            raise seen


def _outgoing(port: int, security: str, ca_file: Path) -> OutgoingSettings:
    values: dict[str, Any] = {"host": "localhost", "port": port, "security": security}
    values |= {"ca_file": ca_file, "username": USER, "password": PASSWORD, "timeout": "5s"}
    return OutgoingSettings.model_validate(values)


def send(port: int, security: str, ca_file: Path) -> None:
    async def once() -> None:
        courier = SmtpCourier(_outgoing(port, security, ca_file))
        try:
            async with courier.connection() as connection:
                await connection.deliver(Envelope(USER, ("ann@example.org",)), MESSAGE)
        finally:
            await courier.close()

    asyncio.run(once())


def check_smtp(port: int, security: str, ca_file: Path) -> None:
    async def once() -> list[object]:
        settings = _outgoing(port, security, ca_file)
        return [seen async for _, seen in inspect(settings, PASSWORD, 1_000_000)]

    for seen in asyncio.run(once()):
        if isinstance(seen, ListbridgeError):
            raise seen


WAYS = [
    (imap, poll_imap),
    (imap, check_imap),
    (imap, idle),
    (pop, poll_pop),
    (pop, check_pop),
    (smtp, send),
    (smtp, check_smtp),
]
MATRIX = [
    pytest.param(server, way, attack, id=f"{way.__name__}-{name}")
    for server, way in WAYS
    for name, attack in (ATTACKS | (PREAUTH if server is imap else {})).items()
]


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    return certificates.write_ca_file(tmp_path)


def secret_was_seen(log: list[bytes]) -> bool:
    wire = b"\n".join(log)
    secret = PASSWORD.encode()
    plain = f"\0{USER}\0{PASSWORD}".encode()
    return any(form in wire for form in (secret, *map(base64.b64encode, (secret, plain))))


@pytest.mark.parametrize(("server", "way", "attack"), MATRIX)
def test_an_attacked_connection_carries_nothing_but_what_comes_before_a_login(
    server: Any, way: Any, attack: Attack, ca_file: Path
) -> None:
    with server(attack) as (port, log):
        with pytest.raises(ListbridgeError, match=f"localhost:{port}") as caught:
            way(port, attack.security, ca_file)
        seen = log()

    if not attack.in_clear:  # there the log shows the beginning of a handshake
        assert [line for line in seen if not line.startswith(BEFORE_A_LOGIN)] == []
    assert not secret_was_seen(seen)
    assert b"confidential" not in b"".join(seen)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize(("server", "way"), WAYS)
def test_an_honest_server_gets_the_password(
    server: Any, way: Any, security: str, ca_file: Path
) -> None:
    with server(Attack(security)) as (port, log):
        way(port, security, ca_file)

        assert secret_was_seen(log())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_the_servers_with_an_old_tls_would_serve_whoever_speaks_it(version: Any) -> None:
    client = _speaking(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), version)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    with (
        imap(Attack("tls", _old(version))) as (port, _),
        socket.create_connection(("127.0.0.1", port), 5) as connection,
        client.wrap_socket(connection) as secured,
    ):
        assert secured.recv(4) == b"* OK"


def test_old_versions_are_refused_whatever_the_system_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    default = ssl.create_default_context

    def lenient() -> ssl.SSLContext:
        context = default()
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        return context

    monkeypatch.setattr(ssl, "create_default_context", lenient)
    context = tls._context.__wrapped__(None, None, None, ())

    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
