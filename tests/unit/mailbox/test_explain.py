import base64
import imaplib
import poplib
import socket

import pytest
from imapclient.exceptions import LoginError

from listbridge.mailbox import MailboxBusy, MailboxError
from listbridge.mailbox.explain import (
    Secrets,
    failure,
    is_busy,
    is_refusal,
    login_refused,
    refusal,
    server_words,
)

WHERE = "imap.example.org:993"


def secrets(password: str = 'pa"ss') -> Secrets:
    known = Secrets()
    known.add("general@example.org", password)
    return known


@pytest.mark.parametrize(
    "echo",
    [
        'you sent pa"ss',
        'LOGIN general@example.org "pa\\"ss"',
        base64.b64encode(b'\0general@example.org\0pa"ss').decode(),
        repr(b'PASS pa"ss'),
    ],
)
def test_server_that_repeats_the_password_is_not_quoted(echo: str) -> None:
    error = refusal(WHERE, "says no", echo, secrets())

    assert str(error) == f"{WHERE} says no: (an answer that repeats the password)"


def test_quoted_words_are_clean_and_short() -> None:
    words = secrets().quotable("no\r\n\x1b[31m way\u2028" + "x" * 5000)

    assert words.startswith('"no [31m way x')
    assert len(words) <= 202


def test_empty_password_hides_nothing() -> None:
    assert secrets("").quotable("hello") == '"hello"'


@pytest.mark.parametrize(
    ("err", "words"),
    [
        (imaplib.IMAP4.error("select failed: [NONEXISTENT] no"), "[NONEXISTENT] no"),
        (imaplib.IMAP4.error("b'[AUTHENTICATIONFAILED] no'"), "[AUTHENTICATIONFAILED] no"),
        (imaplib.IMAP4.error("UID command error: BAD [b'what?']"), "what?"),
        (imaplib.IMAP4.abort("command: LOGIN => going down"), "going down"),
        (poplib.error_proto(b"-ERR [AUTH] no"), "-ERR [AUTH] no"),
    ],
)
def test_library_wrapping_is_taken_off(err: Exception, words: str) -> None:
    assert server_words(err) == words


@pytest.mark.parametrize(
    "words",
    [
        "-ERR [IN-USE] other session",
        "-ERR [LOGIN-DELAY] wait",
        "-ERR [SYS/TEMP] disk",
        "[INUSE] locked",
        "[UNAVAILABLE] later",
        "-ERR maildrop already locked",
    ],
)
def test_busy_mailbox_is_told_apart(words: str) -> None:
    assert is_busy(words)
    assert isinstance(refusal(WHERE, "says no", words, secrets()), MailboxBusy)
    assert isinstance(login_refused(OSError(words), "u", WHERE, secrets()), MailboxBusy)


@pytest.mark.parametrize("words", ["-ERR [AUTH] wrong", "[NONEXISTENT]", "account locked", ""])
def test_real_refusals_are_not_busy(words: str) -> None:
    assert not is_busy(words)


@pytest.mark.parametrize(
    ("err", "said"),
    [
        (socket.gaierror(-2, "Name or service not known"), "not known by that name"),
        (ConnectionRefusedError(111, "refused"), "refuses the connection"),
        (TimeoutError("timed out"), "did not answer in time while fetching"),
        (EOFError(), "closed the connection while fetching"),
        (OSError(101, "Network is unreachable"), "Network is unreachable"),
        (imaplib.IMAP4.readonly("INBOX is not writable"), "only for reading"),
        (imaplib.IMAP4.abort("command: UID => [UNAVAILABLE] down"), "[UNAVAILABLE] down"),
    ],
)
def test_failures_become_sentences_that_name_the_server(err: Exception, said: str) -> None:
    error = failure(err, WHERE, "fetching", Secrets())

    assert str(error).startswith(WHERE)
    assert said in str(error)


@pytest.mark.parametrize(
    "err",
    [
        imaplib.IMAP4.abort("unexpected response: b'Dear Bob, my secret is'"),
        poplib.error_proto(b"Dear Bob, my secret is"),
        ValueError("Dear Bob, my secret is"),
        UnicodeError("Dear Bob, my secret is"),
        LoginError("unexpected response: b'Dear Bob, my secret is'"),
        RecursionError("Dear Bob, my secret is"),
    ],
)
def test_mail_is_not_quoted_when_an_answer_is_not_understood(err: Exception) -> None:
    error = failure(err, WHERE, "fetching", Secrets())

    assert "nonsense" in str(error)
    assert "Bob" not in str(error)


def test_our_own_errors_pass_unchanged() -> None:
    ours = MailboxError("said already")

    assert failure(ours, WHERE, "fetching", Secrets()) is ours


@pytest.mark.parametrize(
    ("err", "clean"),
    [
        (imaplib.IMAP4.error("no"), True),
        (imaplib.IMAP4.abort("gone"), False),
        (LoginError("unexpected response: b'Dear Bob'"), False),
        (poplib.error_proto(b"-ERR no"), True),
        (poplib.error_proto(b"garbage"), False),
        (OSError("x"), False),
    ],
)
def test_only_plain_refusals_leave_the_connection_usable(err: Exception, clean: bool) -> None:
    assert is_refusal(err) is clean
