"""Opening a mailbox: connect, verify, log in, select, every step within its limit."""

import functools
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from listbridge import guard, maillog
from listbridge.errors import ListbridgeError
from listbridge.mailbox import explain, imap_client, link, pop_client
from listbridge.mailbox.idle import Watch
from listbridge.mailbox.imap import ImapMailbox
from listbridge.mailbox.mailbox import Mailbox, MailboxError
from listbridge.mailbox.pop import PopMailbox
from listbridge.mailbox.settings import IncomingSettings

T = TypeVar("T")

# Each single wait is limited by the socket. This many of them bound the whole opening, so that
# a server which sends one octet now and then cannot hold a thread for ever.
_OPENING_WAITS = 5
_CA_FILE_CURE = "name a PEM file that holds the certificate of the server's authority"


def open_mailbox(settings: IncomingSettings, *, read_only: bool = False) -> Mailbox:
    """Connect, log in and open the folder; raise `MailboxError` in one plain sentence.

    `read_only` looks without leaving a trace (a dry run): EXAMINE over IMAP; TOP in the place of
    RETR over POP3; `delete` is refused.
    """
    password = password_of(settings)
    context = tls_context(settings) if settings.security != "none" else None
    connection = dial(settings)
    connection.secrets.add(settings.username, password)
    box = _within_limit(
        connection,
        _OPENING_WAITS * settings.timeout.total_seconds(),
        lambda: _opened(settings, connection, context, password, read_only),
    )
    maillog.debug("mailbox.opened", mailbox=settings.key, security=settings.security)
    return box


def _opened(
    settings: IncomingSettings,
    connection: link.Link,
    context: ssl.SSLContext | None,
    password: str,
    read_only: bool,
) -> Mailbox:
    if settings.protocol == "imap":
        imap = imap_client.connect(settings, connection, context, password)
        return ImapMailbox(settings, connection, imap, read_only=read_only)
    pop = pop_client.connect(settings, connection, context, password)
    return PopMailbox(settings, connection, pop, read_only=read_only)


def tls_context(settings: IncomingSettings) -> ssl.SSLContext:
    """Return the context that verifies name and chain, trusting `ca_file` in addition."""
    path = settings.ca_file
    try:
        return _verifying_context(path, path.stat().st_mtime_ns if path else 0)
    except ssl.SSLError:
        why = "holds no certificate in PEM form"
    except OSError as err:
        why = f"cannot be read: {err.strerror}"
    raise MailboxError(f"{settings.where}: the ca_file {path} {why}", cure=_CA_FILE_CURE)


# Loading the system's trust roots takes milliseconds, and thousands of mailboxes share them.
# The file's time is part of the key, so that a renewed one is seen.
@functools.lru_cache(maxsize=64)
def _verifying_context(ca_file: Path | None, _changed: int) -> ssl.SSLContext:
    context = ssl.create_default_context()
    # RFC 8996; Python may have been built to leave this to the system's settings.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def password_of(settings: IncomingSettings) -> str:
    """Return the password; raise `MailboxError` where there is none that could be sent."""
    if settings.password is None:
        what = "OAuth2 is not yet in effect" if settings.oauth2 else "no password is configured"
        raise MailboxError(f"{settings.where}: {what}", cure="set password under [incoming]")
    try:
        guard.safe(settings.username, "the user name")
        return guard.safe(settings.password.reveal(), "the password")
    except ListbridgeError as err:
        raise MailboxError(f"{settings.where}: {err.fault}", cure=err.cure) from None


def dial(settings: IncomingSettings) -> link.Link:
    """Connect, and do nothing else yet."""
    seconds = settings.timeout.total_seconds()
    try:
        sock = link.dial(settings.host, settings.effective_port, seconds)
    except OSError as err:
        raise explain.failure(err, settings.where, explain.CONNECTING, explain.Secrets()) from None
    return link.Link(sock, settings.where)


def open_watch(settings: IncomingSettings) -> Watch:
    """Connect, log in and look into the folder, to be told of new mail; raise `MailboxError`."""
    password = password_of(settings)
    context = tls_context(settings) if settings.security != "none" else None
    connection = dial(settings)
    connection.secrets.add(settings.username, password)
    return _within_limit(
        connection,
        _OPENING_WAITS * settings.timeout.total_seconds(),
        lambda: Watch(
            settings, connection, imap_client.connect(settings, connection, context, password)
        ),
    )


def _within_limit(connection: link.Link, seconds: float, open_it: Callable[[], T]) -> T:
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
