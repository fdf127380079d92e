"""What a POP3 server must be before it sees a password, and what the operator is told."""

from pathlib import Path

import pytest

from listbridge.mailbox import (
    IncomingSettings,
    MailboxBusy,
    MailboxError,
    connect,
    open_mailbox,
)
from tests.fakes import certificates
from tests.fakes.pop_server import (
    PASSWORD,
    Behaviour,
    PopServer,
    Session,
    answers,
    drips,
    hangs_up,
    never_answers,
)


def settings(server: PopServer, **fields: object) -> IncomingSettings:
    defaults: dict[str, object] = {
        "protocol": "pop3",
        "host": "localhost",
        "port": server.port,
        "security": "none",
        "username": "list@example.org",
        "password": PASSWORD,
        "timeout": "5s",
    }
    return IncomingSettings(**(defaults | fields))  # type: ignore[arg-type]


def secret_was_seen(server: PopServer) -> bool:
    return any(line.startswith(b"PASS") for line in server.log)


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    return certificates.write_ca_file(tmp_path)


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_tls_with_a_trusted_certificate_logs_in(security: str, ca_file: Path) -> None:
    context = certificates.server_context()
    with PopServer(context=context, implicit_tls=security == "tls") as server:
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
        PopServer(context=context, implicit_tls=security == "tls") as server,
        pytest.raises(MailboxError, match=said),
    ):
        open_mailbox(settings(server, security=security, ca_file=ca_file))

    assert not secret_was_seen(server)


def test_stls_that_is_not_offered_ends_before_the_password() -> None:
    with PopServer() as server, pytest.raises(MailboxError, match="does not offer it"):
        open_mailbox(settings(server, security="starttls"))

    assert server.commands == ["STLS"]


def test_text_behind_the_stls_answer_ends_before_the_password() -> None:
    def answers_and_injects(session: Session, _: str) -> None:
        session.wire.send(b"+OK begin\r\n+OK name\r\n")

    with PopServer() as server:
        server.instead["STLS"] = answers_and_injects

        with pytest.raises(MailboxError, match="tampering"):
            open_mailbox(settings(server, security="starttls"))

    assert not secret_was_seen(server)


def test_refused_login_quotes_the_server_and_hides_the_password() -> None:
    with PopServer() as server, pytest.raises(MailboxError, match=r"\[AUTH\]") as caught:
        open_mailbox(settings(server, password="wrong-secret"))

    assert "list@example.org" in str(caught.value)
    assert "check username and password" in str(caught.value)
    assert "wrong-secret" not in str(caught.value)


def test_server_that_echoes_the_password_is_not_quoted() -> None:
    with PopServer() as server:
        server.instead["PASS"] = lambda session, args: session.send(f"-ERR bad PASS {args}")

        with pytest.raises(MailboxError, match="repeats the password") as caught:
            open_mailbox(settings(server))

    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "line", ["-ERR [IN-USE] locked", "-ERR [LOGIN-DELAY] wait", "-ERR [SYS/TEMP] disk"]
)
@pytest.mark.parametrize("command", ["USER", "PASS"])
def test_maildrop_in_use_is_busy(command: str, line: str) -> None:
    with PopServer() as server:
        server.instead[command] = answers(line)

        with pytest.raises(MailboxBusy, match="next poll"):
            open_mailbox(settings(server))


@pytest.mark.parametrize("password", ["a\r\nDELE 1", "a\nb", "a\0b"])
def test_password_with_line_breaks_never_reaches_the_server(password: str) -> None:
    with PopServer() as server, pytest.raises(MailboxError, match="control character"):
        open_mailbox(settings(server, password=password))

    assert server.log == []


@pytest.mark.parametrize(
    ("greeting", "said"),
    [
        ("-ERR closed for today", "closed for today"),
        ("* OK this is IMAP", "speaks IMAP there, not POP3"),
        ("hello there", "nonsense"),
        ("+" + "x" * 20_000, "line of more than"),
    ],
)
def test_greeting_of_another_kind_is_explained(greeting: str, said: str) -> None:
    with PopServer(greeting=greeting) as server, pytest.raises(MailboxError, match=said):
        open_mailbox(settings(server))

    assert server.log == []


@pytest.mark.parametrize("command", ["USER", "PASS"])
@pytest.mark.parametrize(
    ("behaviour", "said"),
    [(hangs_up, "closed the connection"), (never_answers, "did not answer in time")],
)
def test_every_step_of_opening_ends_in_a_sentence(
    command: str, behaviour: Behaviour, said: str
) -> None:
    with PopServer() as server:
        server.instead[command] = behaviour

        with pytest.raises(MailboxError, match=f"{said} while logging in"):
            open_mailbox(settings(server, timeout="1s"))


def test_server_that_drips_does_not_hold_the_opening_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connect, "_OPENING_WAITS", 1)
    with PopServer() as server:
        server.instead["PASS"] = drips

        with pytest.raises(MailboxError, match="took too long"):
            open_mailbox(settings(server, timeout="1s"))
