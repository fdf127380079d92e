"""What an IMAP server must be before it sees a password, and what the operator is told."""

import base64
from pathlib import Path

import pytest

from listbridge.mailbox import (
    IncomingSettings,
    LoginRefused,
    MailboxBusy,
    MailboxError,
    connect,
    open_mailbox,
)
from tests.fakes import certificates
from tests.fakes.imap_server import (
    PASSWORD,
    ImapServer,
    answers,
    drips,
    hangs_up,
    never_answers,
    says,
    says_goodbye,
)


def settings(server: ImapServer, **fields: object) -> IncomingSettings:
    defaults: dict[str, object] = {
        "host": "localhost",
        "port": server.port,
        "security": "none",
        "username": "list@example.org",
        "password": PASSWORD,
        "timeout": "5s",
    }
    return IncomingSettings(**(defaults | fields))  # type: ignore[arg-type]


def secret_was_seen(server: ImapServer) -> bool:
    wire = b"".join(server.log)
    encoded = base64.b64encode(f"\0list@example.org\0{PASSWORD}".encode())
    return PASSWORD.encode() in wire or encoded in wire or b"LOGIN" in wire


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    return certificates.write_ca_file(tmp_path)


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_tls_with_a_trusted_certificate_logs_in(security: str, ca_file: Path) -> None:
    context = certificates.server_context()
    with ImapServer(
        context=context,
        implicit_tls=security == "tls",
        capabilities="IMAP4rev1 STARTTLS AUTH=PLAIN",
    ) as server:
        mailbox = open_mailbox(settings(server, security=security, ca_file=ca_file))

        assert mailbox.list() == []
        assert mailbox.finish() == []


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize(
    ("certificate", "said"),
    [
        ({"expired": True}, "expired"),
        ({"foreign": True}, "ca_file"),
        ({"name": "other.example.org"}, "another name"),
    ],
)
def test_doubtful_certificate_gets_no_password(
    security: str, certificate: dict[str, object], said: str, ca_file: Path
) -> None:
    context = certificates.server_context(**certificate)  # type: ignore[arg-type]
    with (
        ImapServer(
            context=context,
            implicit_tls=security == "tls",
            capabilities="IMAP4rev1 STARTTLS AUTH=PLAIN",
        ) as server,
        pytest.raises(MailboxError, match=said),
    ):
        open_mailbox(settings(server, security=security, ca_file=ca_file))

    assert not secret_was_seen(server)


def test_starttls_that_is_not_offered_ends_before_the_password(ca_file: Path) -> None:
    with ImapServer() as server, pytest.raises(MailboxError, match="does not offer it"):
        open_mailbox(settings(server, security="starttls", ca_file=ca_file))

    assert not secret_was_seen(server)


def test_starttls_that_is_refused_ends_before_the_password(ca_file: Path) -> None:
    with ImapServer(capabilities="IMAP4rev1 STARTTLS") as server:
        server.instead["STARTTLS"] = answers("NO", "not today")

        with pytest.raises(MailboxError, match="refused it"):
            open_mailbox(settings(server, security="starttls", ca_file=ca_file))

    assert not secret_was_seen(server)


def test_text_behind_the_starttls_answer_ends_before_the_password(ca_file: Path) -> None:
    def answers_and_injects(session: object, tag: str, _: str) -> None:
        session.wire.send(f"{tag} OK begin\r\n* CAPABILITY IMAP4rev1\r\n".encode())  # type: ignore[attr-defined]

    with ImapServer(capabilities="IMAP4rev1 STARTTLS") as server:
        server.instead["STARTTLS"] = answers_and_injects

        with pytest.raises(MailboxError, match="tampering"):
            open_mailbox(settings(server, security="starttls", ca_file=ca_file))

    assert not secret_was_seen(server)


@pytest.mark.parametrize("security", ["none", "starttls"])
def test_preauth_greeting_ends_before_the_password(security: str) -> None:
    with (
        ImapServer(greeting="* PREAUTH welcome back") as server,
        pytest.raises(MailboxError, match="PREAUTH"),
    ):
        open_mailbox(settings(server, security=security))

    assert not secret_was_seen(server)


def test_plain_text_on_the_tls_port_is_explained() -> None:
    with ImapServer() as server, pytest.raises(MailboxError, match="does not speak TLS"):
        open_mailbox(settings(server, security="tls"))


def test_login_disabled_is_explained() -> None:
    with (
        ImapServer(capabilities="IMAP4rev1 STARTTLS LOGINDISABLED") as server,
        pytest.raises(MailboxError, match='set security to "tls"'),
    ):
        open_mailbox(settings(server))

    assert not secret_was_seen(server)


def test_login_quotes_user_and_password_where_plain_is_missing() -> None:
    with ImapServer(capabilities="IMAP4rev1") as server:
        open_mailbox(settings(server, username='li"st {5}', password='p\\a"ss')).finish()

    assert r'LOGIN "li\"st {5}" "p\\a\"ss"' in server.commands


def test_password_beyond_ascii_needs_plain() -> None:
    with (
        ImapServer(capabilities="IMAP4rev1") as server,
        pytest.raises(MailboxError, match="AUTH=PLAIN"),
    ):
        open_mailbox(settings(server))

    assert not secret_was_seen(server)


def test_refused_login_quotes_the_server_and_hides_the_password() -> None:
    with (
        ImapServer() as server,
        pytest.raises(MailboxError, match="AUTHENTICATIONFAILED") as caught,
    ):
        open_mailbox(settings(server, password="wrong-secret"))

    assert "list@example.org" in str(caught.value)
    assert "wrong-secret" not in str(caught.value)


def test_server_that_echoes_the_password_is_not_quoted() -> None:
    with ImapServer(capabilities="IMAP4rev1") as server:
        server.instead["LOGIN"] = lambda session, tag, args: session.send(f"{tag} NO {args}")

        with pytest.raises(MailboxError, match="repeats the password") as caught:
            open_mailbox(settings(server, password="hunter2"))

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("password", ["a\r\nb", "a\nb", "a\0b"])
def test_password_with_line_breaks_never_reaches_the_server(password: str) -> None:
    with ImapServer() as server, pytest.raises(MailboxError, match="control character"):
        open_mailbox(settings(server, password=password))

    assert server.log == []


def test_missing_password_and_missing_client_are_explained() -> None:
    with ImapServer() as server:
        with pytest.raises(MailboxError, match="no password"):
            open_mailbox(settings(server, password=None))
        with pytest.raises(LoginRefused, match="there is no client_id for Google"):
            open_mailbox(settings(server, password=None, oauth2={"provider": "google"}))


def test_missing_folder_is_named() -> None:
    with ImapServer() as server, pytest.raises(MailboxError, match=r"'Lists'.*no such folder"):
        open_mailbox(settings(server, folder="Lists"))


def test_folder_without_right_to_delete_is_explained() -> None:
    with ImapServer() as server:
        server.instead["SELECT"] = says("* OK [READ-ONLY] look, do not touch")

        with pytest.raises(MailboxError, match="only for reading"):
            open_mailbox(settings(server))


def test_folder_in_use_is_busy() -> None:
    with ImapServer() as server:
        server.instead["SELECT"] = answers("NO", "[INUSE] locked")

        with pytest.raises(MailboxBusy, match="next poll"):
            open_mailbox(settings(server))


def test_dry_run_only_examines() -> None:
    with ImapServer(b"raw") as server:
        mailbox = open_mailbox(settings(server), read_only=True)
        listed = mailbox.list()

        assert [batch[0].raw for batch in mailbox.fetch(listed)] == [b"raw"]
        with pytest.raises(MailboxError, match="only for looking"):
            mailbox.delete(listed)
        mailbox.drop()

    assert 'EXAMINE "INBOX"' in server.commands
    assert not [one for one in server.commands if "STORE" in one or "SELECT" in one]


@pytest.mark.parametrize(
    ("greeting", "said"),
    [
        ("* BYE too many connections", "refused connecting: too many connections at the same time"),
        ("220 smtp.example.org", "speaks SMTP there, not IMAP"),
        ("+OK ready", "speaks POP3 there, not IMAP"),
        ("", ".* while connecting"),
    ],
)
def test_greeting_of_another_kind_is_explained(greeting: str, said: str) -> None:
    with (
        ImapServer(greeting=greeting) as server,
        pytest.raises(MailboxError, match=f"^localhost:{server.port} {said}"),
    ):
        open_mailbox(settings(server))


@pytest.mark.parametrize("command", ["CAPABILITY", "AUTHENTICATE", "SELECT"])
@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (hangs_up, "closed the connection"),
        (never_answers, "did not answer in time"),
        (says_goodbye, "maintenance"),
    ],
)
def test_every_step_of_opening_ends_in_a_sentence(
    command: str, behaviour: object, said: str
) -> None:
    with ImapServer() as server:
        server.instead[command] = behaviour  # type: ignore[assignment]

        with pytest.raises(MailboxError, match=said):
            open_mailbox(settings(server, timeout="1s"))


def test_server_that_drips_does_not_hold_the_opening_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connect, "_OPENING_WAITS", 1)
    with ImapServer() as server:
        server.instead["SELECT"] = drips

        with pytest.raises(MailboxError, match="took too long"):
            open_mailbox(settings(server, timeout="1s"))


def test_unknown_host_and_closed_port_are_explained() -> None:
    with ImapServer() as server:
        gone = settings(server)
    unknown = gone.model_copy(update={"host": "nowhere.invalid"})

    with pytest.raises(MailboxError, match="refuses the connection"):
        open_mailbox(gone)
    with pytest.raises(MailboxError, match="not known by that name"):
        open_mailbox(unknown)
    with pytest.raises(MailboxError, match="not known by that name"):
        open_mailbox(gone.model_copy(update={"host": "a..b"}))


def test_ca_file_that_is_missing_or_empty_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    with ImapServer() as server:
        with pytest.raises(MailboxError, match=r"missing\.pem cannot be read"):
            open_mailbox(settings(server, security="tls", ca_file=tmp_path / "missing.pem"))
        with pytest.raises(MailboxError, match=r"empty\.pem holds no certificate"):
            open_mailbox(settings(server, security="tls", ca_file=empty))


def test_password_goes_out_only_as_auth_plain_where_offered() -> None:
    with ImapServer() as server:
        open_mailbox(settings(server)).finish()

    assert secret_was_seen(server)
    assert not [one for one in server.commands if one.startswith("LOGIN")]
