"""Logins by access token to servers that answer as Google's and Microsoft's do, and worse.

The words are those quoted in public: Google's challenge, "Invalid SASL argument", "Lookup failed"
(mscdex/node-imap #233, jstedfast/MailKit #1786); Microsoft's "AUTHENTICATE failed." and 535 5.7.3
and 5.7.139 (MicrosoftDocs/office-developer-exchange-docs #87, simonrob/email-oauth2-proxy #193).
"""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from listbridge.mailbox import (
    IncomingSettings,
    LoginRefused,
    MailboxBusy,
    MailboxError,
    open_mailbox,
)
from listbridge.submission import AccountTrouble, OutgoingSettings, SmtpCourier
from tests.fakes import imap_server, pop_server
from tests.fakes.authorisation_server import AuthorisationServer
from tests.fakes.imap_server import ImapServer
from tests.fakes.pop_server import PopServer
from tests.fakes.smtp_server import Script, SmtpServer

USER = "list@example.org"
CHALLENGE = b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}'


@pytest.fixture
def authorisation(tmp_path: Path) -> Iterator[AuthorisationServer]:
    with AuthorisationServer() as server:
        server.write(tmp_path / "token.json", USER)
        yield server


@pytest.fixture
def settings(authorisation: AuthorisationServer, tmp_path: Path) -> Callable[..., IncomingSettings]:
    def made(server: ImapServer | PopServer, **fields: object) -> IncomingSettings:
        given: dict[str, object] = {
            "host": "localhost",
            "port": server.port,
            "protocol": "imap" if isinstance(server, ImapServer) else "pop3",
            "security": "none",
            "username": USER,
            "oauth2": authorisation.settings(tmp_path),
            "timeout": "5s",
        }
        return IncomingSettings(**given | fields)  # type: ignore[arg-type]

    return made


Settings = Callable[..., IncomingSettings]


def _lets_in(session: imap_server.Session, tag: str, args: str) -> None:
    """Take whatever comes, at once or after a "+"."""
    if " " not in args:
        session.send("+ ")
        session.wire.readline()
    session.send(f"{tag} OK hello")


def _refuses(words: str, challenge: bytes = CHALLENGE) -> imap_server.Behaviour:
    """Say why in a challenge, wait for its answer, and refuse."""

    def behaviour(session: imap_server.Session, tag: str, args: str) -> None:
        if " " not in args:
            session.send("+ ")
            session.wire.readline()
        if challenge:
            session.send(b"+ " + base64.b64encode(challenge))
            session.wire.readline()
        session.send(f"{tag} {words}")

    return behaviour


def _first(user: str = USER) -> str:
    return base64.b64encode(f"user={user}\1auth=Bearer ".encode()).decode()[:24]


def test_the_token_goes_with_the_command_where_that_is_offered(settings: Settings) -> None:
    with ImapServer(capabilities="IMAP4rev1 SASL-IR AUTH=XOAUTH2") as server:
        server.instead["AUTHENTICATE"] = _lets_in
        open_mailbox(settings(server)).finish()

    [command] = [one for one in server.commands if one.startswith("AUTHENTICATE")]
    assert command.startswith(f"AUTHENTICATE XOAUTH2 {_first()}")


def test_the_token_waits_for_the_server_where_it_is_not(settings: Settings) -> None:
    with ImapServer(capabilities="IMAP4rev1 AUTH=XOAUTH2") as server:
        server.instead["AUTHENTICATE"] = _lets_in
        open_mailbox(settings(server)).finish()

    assert "AUTHENTICATE XOAUTH2" in server.commands
    assert any(line.startswith(_first().encode()) for line in server.log)


def test_a_server_without_tokens_gets_none(
    settings: Settings, authorisation: AuthorisationServer
) -> None:
    with (
        ImapServer(capabilities="IMAP4rev1 AUTH=PLAIN") as server,
        pytest.raises(MailboxError, match=r"offers no login by OAuth2 \(it offers PLAIN\)"),
    ):
        open_mailbox(settings(server))

    assert not [one for one in server.commands if one.startswith("AUTH")]
    assert authorisation.refreshes == 0


@pytest.mark.parametrize(
    "capabilities", ["IMAP4rev1 AUTH=XOAUTH2", "IMAP4rev1 SASL-IR AUTH=XOAUTH2"]
)
@pytest.mark.parametrize(
    ("words", "challenge"),
    [
        ("NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)", CHALLENGE),
        ("NO Lookup failed cf29mb85450632edb", CHALLENGE),
        ("BAD Invalid SASL argument. qk7if1705226pac.117", b""),
        ("NO AUTHENTICATE failed.", b""),
        ("NO AUTHENTICATE failed.", b"nonsense"),
    ],
)
def test_a_refused_token_is_renewed_once_and_then_said(
    settings: Settings,
    authorisation: AuthorisationServer,
    capabilities: str,
    words: str,
    challenge: bytes,
) -> None:
    with ImapServer(capabilities=capabilities) as server:
        server.instead["AUTHENTICATE"] = _refuses(words, challenge)
        with pytest.raises(LoginRefused) as caught:
            open_mailbox(settings(server))

    assert f"refuses the access token of {USER}" in str(caught.value)
    assert words.split(" ", 1)[1].split("]")[-1].strip() in str(caught.value)
    assert authorisation.refreshes == 1
    assert sum(one.startswith("AUTHENTICATE") for one in server.commands) == 2


def test_a_server_that_is_busy_is_no_refusal(
    settings: Settings, authorisation: AuthorisationServer
) -> None:
    with ImapServer(capabilities="IMAP4rev1 AUTH=XOAUTH2") as server:
        server.instead["AUTHENTICATE"] = _refuses("NO [UNAVAILABLE] later", b"")
        with pytest.raises(MailboxBusy):
            open_mailbox(settings(server))

    assert authorisation.refreshes == 0


def test_a_token_that_is_repeated_is_not_quoted(settings: Settings) -> None:
    said: list[str] = []

    def echoes(session: imap_server.Session, tag: str, args: str) -> None:
        said.append(args.split()[1])
        session.send(f"{tag} NO I do not like {said[-1]}")

    with ImapServer(capabilities="IMAP4rev1 SASL-IR AUTH=XOAUTH2") as server:
        server.instead["AUTHENTICATE"] = echoes
        with pytest.raises(LoginRefused, match="repeats the password") as caught:
            open_mailbox(settings(server))

    assert len(said) == 2
    assert not any(one in str(caught.value) for one in said)


@pytest.mark.parametrize("answer", ["+ ", "+ !!!", "+ e30="])
def test_a_server_that_asks_for_ever_is_left(settings: Settings, answer: str) -> None:
    def asks(session: imap_server.Session, _tag: str, _args: str) -> None:
        for _ in range(10):
            session.send(answer)
            session.wire.readline()

    with ImapServer(capabilities="IMAP4rev1 AUTH=XOAUTH2") as server:
        server.instead["AUTHENTICATE"] = asks
        with pytest.raises(MailboxError, match="answered nonsense"):
            open_mailbox(settings(server))


# POP3.


def _capa(mechanisms: str) -> pop_server.Behaviour:
    return pop_server.sends(f"+OK\r\nUIDL\r\nSASL {mechanisms}\r\n.\r\n".encode())


def _pop_auth(end: str, challenge: bytes = b"") -> pop_server.Behaviour:
    def behaviour(session: pop_server.Session, _args: str) -> None:
        session.send("+ ")
        session.wire.readline()
        if challenge:
            session.send(b"+ " + base64.b64encode(challenge))
            session.wire.readline()
        session.send(end)

    return behaviour


def test_over_pop3_the_token_waits_for_the_server(settings: Settings) -> None:
    """RFC 5034 4: a command has 255 octets at most, and tokens have more."""
    with PopServer(b"raw\r\n") as server:
        server.instead["CAPA"] = _capa("PLAIN XOAUTH2")
        server.instead["AUTH"] = _pop_auth("+OK welcome")
        box = open_mailbox(settings(server))
        assert len(box.list()) == 1
        box.finish()

    assert "AUTH XOAUTH2" in server.commands
    assert not [one for one in server.commands if one.startswith(("USER", "PASS"))]


@pytest.mark.parametrize("challenge", [b"", CHALLENGE])
def test_over_pop3_a_refused_token_is_renewed_once_and_then_said(
    settings: Settings, authorisation: AuthorisationServer, challenge: bytes
) -> None:
    with PopServer() as server:
        server.instead["CAPA"] = _capa("XOAUTH2")
        server.instead["AUTH"] = _pop_auth(
            "-ERR Authentication failure: unknown user name or bad password.", challenge
        )
        with pytest.raises(LoginRefused, match="Authentication failure"):
            open_mailbox(settings(server))

    assert authorisation.refreshes == 1


def test_over_pop3_a_server_without_tokens_gets_none(settings: Settings) -> None:
    with PopServer() as server, pytest.raises(MailboxError, match="offers no login by OAuth2"):
        open_mailbox(settings(server))

    assert not [one for one in server.commands if one.startswith("AUTH")]


# SMTP.


async def _connects(authorisation: AuthorisationServer, folder: Path, script: Script) -> SmtpServer:
    async with SmtpServer(script) as server:
        settings = OutgoingSettings(
            host="127.0.0.1",
            port=server.port,
            security="none",
            username=USER,
            oauth2=authorisation.settings(folder),  # type: ignore[arg-type]
            timeout="5s",  # type: ignore[arg-type]
        )
        courier = SmtpCourier(settings)
        try:
            async with courier.connection():
                pass
        finally:
            await courier.close()
    return server


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
async def test_smtp_takes_the_token(
    authorisation: AuthorisationServer, tmp_path: Path, mechanism: str
) -> None:
    script = Script(mechanisms=("LOGIN", mechanism), replies={"auth": "235 2.7.0 Accepted"})

    server = await _connects(authorisation, tmp_path, script)

    assert server.commands("AUTH")[0].startswith(f"AUTH {mechanism} ")


async def test_over_smtp_a_long_token_waits_for_the_server(
    authorisation: AuthorisationServer, tmp_path: Path
) -> None:
    authorisation.token_length = 2000
    authorisation.write(tmp_path / "token.json", USER)
    script = Script(mechanisms=("XOAUTH2",), replies={"auth": "235 2.7.0 Accepted"})

    server = await _connects(authorisation, tmp_path, script)

    assert server.commands("AUTH") == ["AUTH XOAUTH2"]


@pytest.mark.parametrize(
    "reply",
    [
        "535 5.7.3 Authentication unsuccessful [FR3P281CA0094.DEUP281.PROD.OUTLOOK.COM]",
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the "
        "Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.",
        "535-5.7.8 Username and Password not accepted. For more information, go to\r\n"
        "535 5.7.8  https://support.google.com/mail/?p=BadCredentials x19sm-1 - gsmtp",
    ],
)
async def test_over_smtp_a_refused_token_is_renewed_once_and_then_said(
    authorisation: AuthorisationServer, tmp_path: Path, reply: str
) -> None:
    script = Script(mechanisms=("XOAUTH2",), replies={"auth": reply})

    with pytest.raises(AccountTrouble, match="refuses the access token") as caught:
        await _connects(authorisation, tmp_path, script)

    assert reply[4:30].strip("-") in str(caught.value)
    assert authorisation.refreshes == 1


async def test_over_smtp_later_is_no_refusal(
    authorisation: AuthorisationServer, tmp_path: Path
) -> None:
    reply = "454 4.7.0 Temporary authentication failure"
    script = Script(mechanisms=("XOAUTH2",), replies={"auth": reply})

    with pytest.raises(AccountTrouble, match="Temporary"):
        await _connects(authorisation, tmp_path, script)

    assert authorisation.refreshes == 0


async def test_over_smtp_a_server_without_tokens_gets_none(
    authorisation: AuthorisationServer, tmp_path: Path
) -> None:
    with pytest.raises(AccountTrouble, match=r"offers no login by OAuth2 \(login plain\)"):
        await _connects(authorisation, tmp_path, Script(mechanisms=("LOGIN", "PLAIN")))
