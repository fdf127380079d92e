"""Opening a mailbox: connect, verify, log in, select, every step within its limit."""

import ssl
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from listbridge import guard, maillog, network, tls
from listbridge.errors import ListbridgeError
from listbridge.mailbox import explain, imap_client, link, pop_client
from listbridge.mailbox.idle import Watch
from listbridge.mailbox.imap import ImapMailbox
from listbridge.mailbox.mailbox import LoginRefused, Mailbox, MailboxError
from listbridge.mailbox.pop import PopMailbox
from listbridge.mailbox.settings import IncomingSettings
from listbridge.oauth2 import (
    AccessToken,
    Credential,
    OAuth2Error,
    TokenUnavailable,
    access_token,
)
from listbridge.secret import spellings

T = TypeVar("T")

# Each single wait is limited by the socket. This many of them bound the whole opening, so that
# a server which sends one octet now and then cannot hold a thread for ever.
_OPENING_WAITS = 5


def open_mailbox(settings: IncomingSettings, *, read_only: bool = False) -> Mailbox:
    """Connect, log in and open the folder; raise `MailboxError` in one plain sentence.

    `read_only` looks without leaving a trace (a dry run): EXAMINE over IMAP; TOP in the place of
    RETR over POP3; `delete` is refused.
    """

    def opened(
        connection: link.Link, context: ssl.SSLContext | None, credential: Credential
    ) -> Mailbox:
        if settings.protocol == "imap":
            imap = imap_client.connect(settings, connection, context, credential)
            return ImapMailbox(settings, connection, imap, read_only=read_only)
        pop = pop_client.connect(settings, connection, context, credential)
        return PopMailbox(settings, connection, pop, read_only=read_only)

    box = _logged_in(settings, opened)
    maillog.debug("mailbox.opened", mailbox=settings.key, security=settings.security)
    return box


def open_watch(settings: IncomingSettings) -> Watch:
    """Connect, log in and look into the folder, to be told of new mail; raise `MailboxError`."""

    def opened(
        connection: link.Link, context: ssl.SSLContext | None, credential: Credential
    ) -> Watch:
        client = imap_client.connect(settings, connection, context, credential)
        return Watch(settings, connection, client)

    return _logged_in(settings, opened)


def _logged_in(
    settings: IncomingSettings,
    open_it: Callable[[link.Link, ssl.SSLContext | None, Credential], T],
) -> T:
    """Open something over a new connection; once more if only the token was too old."""
    credential = credential_of(settings)
    try:
        return _over_new_link(settings, credential, open_it)
    except LoginRefused:
        if not isinstance(credential, AccessToken):
            raise
        # It may have been withdrawn before its time, as at a change of the password.
        return _over_new_link(settings, credential_of(settings, refused=credential), open_it)


def _over_new_link(
    settings: IncomingSettings,
    credential: Credential,
    open_it: Callable[[link.Link, ssl.SSLContext | None, Credential], T],
) -> T:
    context = tls_context(settings) if settings.security != "none" else None
    connection = dial(settings)
    connection.secrets.hide(spellings_of(settings, credential))
    return _within_limit(
        connection,
        _OPENING_WAITS * settings.timeout.total_seconds(),
        lambda: open_it(connection, context, credential),
    )


def tls_context(settings: IncomingSettings) -> ssl.SSLContext:
    """Return the context that verifies name and chain; raise `MailboxError`."""
    try:
        return tls.context(settings.ca_file, settings.client_certificate, settings.client_key)
    except tls.TlsError as err:
        raise MailboxError(f"{settings.where}: {err.fault}", cure=err.cure) from None


def credential_of(
    settings: IncomingSettings,
    *,
    refused: AccessToken | None = None,
    newer_than: datetime | None = None,
) -> Credential:
    """Return what to log in with; raise `MailboxError` where there is nothing that could be sent.

    For `refused` and `newer_than`, which concern tokens, see `oauth2.access_token`.
    """
    if settings.oauth2 is None:
        return password_of(settings)
    try:
        guard.safe(settings.username, "the user name")
        return access_token(
            settings.oauth2, settings.username, refused=refused, newer_than=newer_than
        )
    except TokenUnavailable as err:
        raise MailboxError(f"{settings.where}: {err.fault}", cure=err.cure) from None
    except OAuth2Error as err:
        raise LoginRefused(f"{settings.where}: {err.fault}", cure=err.cure) from None
    except ListbridgeError as err:
        raise MailboxError(f"{settings.where}: {err.fault}", cure=err.cure) from None


def spellings_of(settings: IncomingSettings, credential: Credential) -> frozenset[str]:
    """Return the forms in which a server could repeat what we log in with."""
    if isinstance(credential, AccessToken):
        port = settings.effective_port
        return credential.spellings(settings.username, settings.host, port)
    return spellings(settings.username, credential)


def password_of(settings: IncomingSettings) -> str:
    """Return the password; raise `LoginRefused` where there is none that could be sent."""
    if settings.password is None:
        what = "no password is configured"
        raise LoginRefused(f"{settings.where}: {what}", cure="set password under [incoming]")
    try:
        guard.safe(settings.username, "the user name")
        return guard.safe(settings.password.reveal(), "the password")
    except ListbridgeError as err:
        raise LoginRefused(f"{settings.where}: {err.fault}", cure=err.cure) from None


def dial(settings: IncomingSettings, *, at_most: timedelta = timedelta.max) -> link.Link:
    """Connect within the time limit or `at_most`, and do nothing else yet."""
    limit = settings.timeout.total_seconds()
    seconds = min(limit, at_most.total_seconds())
    try:
        sock = network.dial(settings.host, settings.effective_port, seconds, settings.ip)
    except OSError as err:
        raise explain.failure(err, settings.where, explain.CONNECTING, explain.Secrets()) from None
    sock.settimeout(limit)
    way = (settings.protocol, settings.effective_port, settings.security)
    return link.Link(sock, settings.where, way)


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
