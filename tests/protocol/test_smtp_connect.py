"""Connecting, TLS and login: what goes wrong is one sentence, and no password leaks."""

import asyncio
import base64
import socket
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from listbridge.submission import (
    AccountTrouble,
    Envelope,
    OutgoingSettings,
    Result,
    SmtpCourier,
    connect,
)
from tests.fakes.fault_proxy import network
from tests.fakes.smtp_server import (
    Script,
    SmtpServer,
    greets_with_554,
    hangs_at,
    hangs_up_at,
    injects_after_starttls,
    refuses_login,
    says,
    without_starttls,
)

ANN = "ann@example.org"
MESSAGE = b"Subject: hello\r\n\r\nHello.\r\n"
LOGIN = {"username": "user", "password": "secret"}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def identity(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def attempt(server: SmtpServer, security: str = "none", **more: object) -> Result:
    values = {
        "host": "127.0.0.1",
        "port": server.port,
        "security": security,
        "timeout": timedelta(seconds=5),
    }
    courier = SmtpCourier(OutgoingSettings.model_validate(values | more))
    try:
        async with courier.connection() as connection:
            ended = await connection.deliver(Envelope("list@example.org", (ANN,)), MESSAGE)
    finally:
        await courier.close()
    return ended[ANN].result


async def trouble(script: Script, security: str = "none", **more: object) -> tuple[str, SmtpServer]:
    async with SmtpServer(script) as server:
        with pytest.raises(AccountTrouble) as caught:
            await attempt(server, security, **more)
    sentence = str(caught.value)
    assert f"127.0.0.1:{server.port}" in sentence
    assert "\n" not in sentence
    return sentence, server


def password_seen(server: SmtpServer) -> bool:
    forms = ["secret", base64.b64encode(b"secret").decode()]
    forms.append(base64.b64encode(b"\0user\0secret").decode())
    return any(form in line for form in forms for line in server.lines)


async def test_implicit_tls_with_login(authority: trustme.CA, ca_file: Path) -> None:
    async with SmtpServer(Script(tls=identity(authority), mechanisms=("PLAIN",))) as server:
        result = await attempt(server, "tls", ca_file=ca_file, **LOGIN)

    assert result is Result.SENT
    assert server.lines[-1] == "QUIT"


async def test_starttls_with_login(authority: trustme.CA, ca_file: Path) -> None:
    script = Script(starttls=identity(authority), mechanisms=("PLAIN",))
    async with SmtpServer(script) as server:
        result = await attempt(server, "starttls", ca_file=ca_file, **LOGIN)

    assert result is Result.SENT
    verbs = [line.split(" ")[0] for line in server.lines]
    assert verbs == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]


async def test_a_large_message_passes_through_tls(authority: trustme.CA, ca_file: Path) -> None:
    message = b"Subject: large\r\n\r\n" + b"Line after line.\r\n" * 100_000
    async with SmtpServer(Script(tls=identity(authority))) as server:
        settings = OutgoingSettings(host="127.0.0.1", port=server.port, ca_file=ca_file)
        courier = SmtpCourier(settings)
        async with courier.connection() as connection:
            await connection.deliver(Envelope("list@example.org", (ANN,)), message)
        await courier.close()

    assert server.messages[0].body == message


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("CRAM-MD5", "LOGIN", "PLAIN"), "AUTH PLAIN"),
        (("CRAM-MD5", "LOGIN"), "AUTH LOGIN"),
        (("CRAM-MD5",), "AUTH CRAM-MD5"),
    ],
)
async def test_a_wrong_password_is_tried_once(offered: tuple[str, ...], chosen: str) -> None:
    sentence, server = await trouble(refuses_login(mechanisms=offered), **LOGIN)

    assert len(server.commands("AUTH")) == 1
    assert server.commands("AUTH")[0].startswith(chosen)
    assert "refuses the login of user" in sentence
    assert "535 5.7.8 bad credentials" in sentence


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_a_right_password_logs_in(mechanism: str) -> None:
    async with SmtpServer(Script(mechanisms=(mechanism,))) as server:
        result = await attempt(server, **LOGIN)

    assert result is Result.SENT


@pytest.mark.parametrize("echoed", ["secret", "c2VjcmV0", "AHVzZXIAc2VjcmV0"])
async def test_a_password_that_the_server_repeats_is_not_shown(echoed: str) -> None:
    sentence, _ = await trouble(refuses_login(f"535 5.7.8 wrong: {echoed}\x07"), **LOGIN)

    assert echoed not in sentence
    assert "\x07" not in sentence


async def test_a_long_refusal_is_cut() -> None:
    sentence, _ = await trouble(refuses_login("535 5.7.8 " + "no " * 1000), **LOGIN)

    assert len(sentence) < 400


async def test_a_server_without_login_is_named() -> None:
    sentence, server = await trouble(Script(mechanisms=("GSSAPI",)), **LOGIN)

    assert "no login we know (gssapi)" in sentence
    assert not password_seen(server)


async def test_a_user_without_a_password_is_named_before_connecting() -> None:
    sentence, server = await trouble(Script(), username="user")

    assert "no password for user" in sentence
    assert server.connections == 0


async def test_a_secret_that_cannot_be_read_is_trouble_of_the_account() -> None:
    async with SmtpServer() as server:
        with pytest.raises(AccountTrouble, match="NO_SUCH_VARIABLE_HERE"):
            await attempt(server, username="user", password={"env": "NO_SUCH_VARIABLE_HERE"})


async def test_starttls_that_is_not_offered_sends_no_password() -> None:
    sentence, server = await trouble(without_starttls(), "starttls", **LOGIN)

    assert "does not offer STARTTLS" in sentence
    assert not password_seen(server)
    assert server.commands("AUTH") == server.commands("MAIL") == []


async def test_starttls_that_is_refused_sends_no_password(authority: trustme.CA) -> None:
    script = Script(starttls=identity(authority), replies={"starttls": "454 4.7.0 not now"})

    sentence, server = await trouble(script, "starttls", **LOGIN)

    assert "454 4.7.0 not now" in sentence
    assert not password_seen(server)


@pytest.mark.parametrize("injected", [b"250 injected\r\n", b"2", b"235 2.7.0 welcome\r\n" * 3])
async def test_bytes_injected_after_starttls_send_no_password(
    authority: trustme.CA, ca_file: Path, injected: bytes
) -> None:
    script = injects_after_starttls(identity(authority), injected)

    sentence, server = await trouble(script, "starttls", ca_file=ca_file, **LOGIN)

    assert "tampering" in sentence
    assert not password_seen(server)
    assert len(server.commands("EHLO")) == 1


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_certificate_of_an_unknown_authority_sends_no_password(
    authority: trustme.CA, security: str
) -> None:
    context = identity(authority)
    script = Script(tls=context) if security == "tls" else Script(starttls=context)

    sentence, server = await trouble(script, security, **LOGIN)

    assert "certificate that is not trusted" in sentence
    assert "ca_file" in sentence
    assert not password_seen(server)


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_certificate_of_another_name_sends_no_password(
    authority: trustme.CA, ca_file: Path, security: str
) -> None:
    context = identity(authority, "other.example")
    script = Script(tls=context) if security == "tls" else Script(starttls=context)

    sentence, server = await trouble(script, security, ca_file=ca_file, **LOGIN)

    assert "certificate for another name" in sentence
    assert not password_seen(server)


async def test_a_ca_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("no certificate here\n")

    for name in ("missing.pem", "empty.pem"):
        sentence, _ = await trouble(Script(), "tls", ca_file=tmp_path / name)

        assert name in sentence


async def test_tls_to_a_server_without_it_names_the_keys_at_odds() -> None:
    sentence, _ = await trouble(Script(), "tls")

    assert "over TLS" in sentence
    assert "port and security" in sentence


async def test_a_greeting_that_refuses_is_quoted() -> None:
    sentence, server = await trouble(greets_with_554())

    assert "554 5.7.1 no service for you" in sentence
    assert server.lines == []


async def test_a_refused_hello_names_its_key() -> None:
    sentence, _ = await trouble(says("ehlo", "550 5.7.1 bad name"))

    assert "hello_name" in sentence


@pytest.mark.parametrize("step", ["connect", "ehlo", "auth"])
async def test_a_server_that_hangs_while_connecting_is_given_up(step: str) -> None:
    script = Script(hang_at=step, mechanisms=("PLAIN",))

    sentence, _ = await trouble(script, timeout=timedelta(seconds=0.5), **LOGIN)

    assert "did not answer within 0.5 s" in sentence


@pytest.mark.parametrize("step", ["connect", "ehlo", "auth"])
async def test_a_server_that_hangs_up_while_connecting_is_named(step: str) -> None:
    script = Script(hang_up_at=step, mechanisms=("PLAIN",))

    sentence, _ = await trouble(script, **LOGIN)

    assert "closed the connection" in sentence


async def test_a_server_that_hangs_in_the_handshake_is_given_up(authority: trustme.CA) -> None:
    script = Script(starttls=identity(authority), hang_at="starttls")
    over_tls = hangs_at("connect")

    for security, behaviour in (("starttls", script), ("tls", over_tls)):
        sentence, _ = await trouble(behaviour, security, timeout=timedelta(seconds=0.5))

        assert "did not answer within 0.5 s" in sentence


async def test_a_connection_over_tls_that_fell_silent_is_closed_at_once(
    authority: trustme.CA, ca_file: Path
) -> None:
    async with SmtpServer(Script(tls=identity(authority), hang_at="ehlo")) as server:
        with network() as net:
            proxy = net.before(server.port)
            wait = timedelta(seconds=0.3)
            settings = OutgoingSettings(
                host="127.0.0.1", port=proxy.port, ca_file=ca_file, timeout=wait
            )
            smtp = await connect.new_client(settings)
            await connect.open_connection(smtp, settings)
            net.silence(proxy)
            sock = smtp.get_transport_info("socket")
            with pytest.raises(connect.TROUBLE):
                await smtp.ehlo()
            await asyncio.sleep(0.1)

            assert sock.fileno() == -1


async def test_something_that_is_no_mail_server_is_named() -> None:
    sentence, _ = await trouble(Script(greeting="HTTP/1.1 400 Bad Request"))

    assert "does not answer like a mail server" in sentence


async def test_a_refused_connection_is_named() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        courier = SmtpCourier(OutgoingSettings(host="127.0.0.1", port=port, security="none"))

        with pytest.raises(AccountTrouble, match="refuses connections"):
            async with courier.connection():
                pass


async def test_an_unknown_host_is_named() -> None:
    courier = SmtpCourier(OutgoingSettings(host="no-such-host.invalid", security="none"))

    with pytest.raises(AccountTrouble, match=r"no-such-host\.invalid:25 has a host name that"):
        async with courier.connection():
            pass


async def test_the_hello_name_is_the_one_given() -> None:
    async with SmtpServer() as server:
        await attempt(server, hello_name="bridge.example.org")

    assert server.lines[0] == "EHLO bridge.example.org"


async def test_hanging_up_leaves_nothing_open() -> None:
    _, server = await trouble(hangs_up_at("ehlo"))

    assert server.open == 0
