"""Servers that want to see a certificate of ours."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from listbridge import tls
from listbridge.errors import ListbridgeError
from listbridge.mailbox import IncomingSettings, open_mailbox
from listbridge.submission import OutgoingSettings, SmtpCourier
from tests.fakes import certificates
from tests.fakes.imap_server import PASSWORD, ImapServer
from tests.fakes.pop_server import PopServer
from tests.fakes.smtp_server import Script, SmtpServer, in_thread

USER = "general@example.org"

Files = dict[str, Path]


@contextmanager
def imap() -> Iterator[int]:
    with ImapServer(context=certificates.demanding_context(), implicit_tls=True) as server:
        yield server.port


@contextmanager
def pop() -> Iterator[int]:
    with PopServer(context=certificates.demanding_context(), implicit_tls=True) as server:
        yield server.port


@contextmanager
def smtp() -> Iterator[int]:
    with in_thread(SmtpServer(Script(tls=certificates.demanding_context()))) as server:
        yield server.port


def read(protocol: str) -> Callable[[int, Files], None]:
    def visit(port: int, files: Files) -> None:
        values = {"host": "localhost", "port": port, "protocol": protocol, **files}
        values |= {"username": USER, "password": PASSWORD, "timeout": "5s"}
        open_mailbox(IncomingSettings.model_validate(values)).drop()

    return visit


def send(port: int, files: Files) -> None:
    values = {"host": "localhost", "port": port, "timeout": "5s", **files}

    async def once() -> None:
        courier = SmtpCourier(OutgoingSettings.model_validate(values))
        try:
            async with courier.connection():
                pass
        finally:
            await courier.close()

    asyncio.run(once())


WAYS = [(imap, read("imap")), (pop, read("pop3")), (smtp, send)]


@pytest.mark.parametrize(("server", "visit"), WAYS, ids=["imap", "pop3", "smtp"])
def test_a_server_that_wants_a_certificate_serves_only_who_shows_it(
    server: Callable[[], AbstractContextManager[int]],
    visit: Callable[[int, Files], None],
    tmp_path: Path,
) -> None:
    certificate, key = certificates.write_client_files(tmp_path)
    trust = {"ca_file": certificates.write_ca_file(tmp_path)}
    with server() as port:
        visit(port, trust | {"client_certificate": certificate, "client_key": key})

        with pytest.raises(ListbridgeError):
            visit(port, trust)


def test_certificate_and_key_may_share_a_file(tmp_path: Path) -> None:
    certificate, key = certificates.write_client_files(tmp_path)
    certificate.write_bytes(certificate.read_bytes() + key.read_bytes())

    tls.context(None, certificate)


@pytest.mark.parametrize("broken", ["gone", "no key", "another's key", "nonsense"])
def test_a_certificate_that_cannot_be_used_is_told_with_its_file(
    tmp_path: Path, broken: str
) -> None:
    certificate, key = certificates.write_client_files(tmp_path)
    if broken == "gone":
        certificate.unlink()
    elif broken == "nonsense":
        certificate.write_text("no certificate")
    elif broken == "another's key":
        (tmp_path / "other").mkdir()
        _, key = certificates.write_client_files(tmp_path / "other")

    with pytest.raises(tls.TlsError, match=f"the client_certificate {certificate}") as caught:
        tls.context(None, certificate, None if broken == "no key" else key)

    assert "client_key" in str(caught.value.cure)
