"""Opening a mailbox: connect, verify, log in, select, every step within its limit."""

import functools
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

from listbridge import guard
from listbridge.errors import ListbridgeError
from listbridge.mailbox import explain, link
from listbridge.mailbox.imap import ImapMailbox
from listbridge.mailbox.mailbox import Mailbox, MailboxError
from listbridge.mailbox.pop import PopMailbox
from listbridge.mailbox.settings import IncomingSettings

# Each single wait is limited by the socket. This many of them bound the whole opening, so that
# a server which sends one octet now and then cannot hold a thread for ever.
_OPENING_WAITS = 5


def open_mailbox(settings: IncomingSettings, *, read_only: bool = False) -> Mailbox:
    """Connect, log in and open the folder; raise `MailboxError` in one plain sentence.

    `read_only` looks without leaving a trace (a dry run): EXAMINE over IMAP; TOP in the place of
    RETR over POP3; `delete` is refused.
    """
    password = _password(settings)
    context = tls_context(settings) if settings.security != "none" else None
    connection = _connect(settings)
    connection.secrets.add(settings.username, password)
    adapter = ImapMailbox if settings.protocol == "imap" else PopMailbox
    return _within_limit(
        connection,
        _OPENING_WAITS * settings.timeout.total_seconds(),
        lambda: adapter(settings, connection, context, password, read_only=read_only),
    )


def tls_context(settings: IncomingSettings) -> ssl.SSLContext:
    """Return the context that verifies name and chain, trusting `ca_file` in addition."""
    path = settings.ca_file
    try:
        return _verifying_context(path, path.stat().st_mtime_ns if path else 0)
    except ssl.SSLError:
        why = "holds no certificate in PEM form"
    except OSError as err:
        why = f"cannot be read: {err.strerror}"
    raise MailboxError(f"{settings.where}: the ca_file {path} {why}")


# Loading the system's trust roots takes milliseconds, and thousands of mailboxes share them.
# The file's time is part of the key, so that a renewed one is seen.
@functools.lru_cache(maxsize=64)
def _verifying_context(ca_file: Path | None, _changed: int) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def _password(settings: IncomingSettings) -> str:
    if settings.password is None:
        what = "OAuth2 is not yet in effect" if settings.oauth2 else "no password is configured"
        raise MailboxError(f"{settings.where}: {what}; set password under [incoming]")
    try:
        guard.safe(settings.username, "the user name")
        return guard.safe(settings.password.reveal(), "the password")
    except ListbridgeError as err:
        raise MailboxError(f"{settings.where}: {err}") from None


def _connect(settings: IncomingSettings) -> link.Link:
    seconds = settings.timeout.total_seconds()
    try:
        sock = link.dial(settings.host, settings.effective_port, seconds)
    except OSError as err:
        raise explain.failure(err, settings.where, explain.CONNECTING, explain.Secrets()) from None
    return link.Link(sock, settings.where)


def _within_limit(connection: link.Link, seconds: float, open_it: Callable[[], Mailbox]) -> Mailbox:
    limit = threading.Timer(seconds, connection.drop)
    limit.daemon = True
    limit.start()
    try:
        return open_it()
    except BaseException:
        connection.close()
        raise
    finally:
        limit.cancel()
