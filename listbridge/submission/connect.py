"""Open one connection to an SMTP account: TCP, TLS, greeting, EHLO, login; then take it over.

aiosmtplib does the talking up to here and is used nowhere else. Whatever goes wrong becomes one
sentence in `AccountTrouble`.
"""

import asyncio
import re
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import aiosmtplib

from listbridge import maillog, network, tls
from listbridge.errors import SecretError, UnsafeText
from listbridge.guard import safe
from listbridge.oauth2 import (
    AccessToken,
    Credential,
    OAuth2Error,
    TokenUnavailable,
    access_token,
    sasl,
)
from listbridge.secret import spellings
from listbridge.submission.courier import AccountTrouble, LoginRefused
from listbridge.submission.replies import shown
from listbridge.submission.settings import OutgoingSettings
from listbridge.submission.trouble import TokenNotTaken, explained
from listbridge.submission.wire import Wire, without

# One mechanism is chosen and tried once: aiosmtplib's own `login` tries each in turn, and three
# failed logins for one wrong password lock accounts.
_MECHANISMS = ("plain", "login", "cram-md5")
# RFC 5321 4.5.3.1.4, without CRLF and the blanks between.
_LONGEST_COMMAND = 500
#: What aiosmtplib, sockets and TLS raise when something is wrong out there.
TROUBLE = (aiosmtplib.SMTPException, OSError, ValueError)


@dataclass(frozen=True)
class Offer:
    """What the server announced after TLS and login (RFC 5321 4.1.1.1)."""

    hello: str  #: the command that this answered
    accepts_8bit: bool
    smtputf8: bool
    size: bool
    max_size: int | None
    pipelining: bool  #: RFC 2920
    chunking: bool  #: BDAT (RFC 3030)


class _Client(aiosmtplib.SMTP):
    """A client that closes at once.

    aiosmtplib closes by itself after a timeout. Over TLS asyncio would then keep the connection
    for half a minute more, waiting for a farewell, and would first deliver what is still buffered.
    """

    def close(self) -> None:
        """Cut the connection."""
        if self.transport is not None:
            cast(asyncio.Transport, self.transport).abort()
        super().close()


async def connect(settings: OutgoingSettings) -> tuple[Wire, Offer]:
    """Return a logged-in connection, or raise `AccountTrouble`.

    No attempt is repeated, except one with a token that the server does not take any more.
    """
    # A secret may come from a command, and a token from the network: both take their time.
    credential = await asyncio.to_thread(credential_of, settings)
    try:
        return await _connect(settings, credential)
    except LoginRefused:
        if not isinstance(credential, AccessToken):
            raise
    # It may have been withdrawn before its time, as at a change of the password.
    renewed = await asyncio.to_thread(credential_of, settings, refused=credential)
    return await _connect(settings, renewed)


async def _connect(settings: OutgoingSettings, credential: Credential | None) -> tuple[Wire, Offer]:
    smtp = await new_client(settings)
    try:
        await _prepare(smtp, settings, credential)
    except TROUBLE as err:
        smtp.close()
        # The original may hold the server's words at full length; the sentence has what matters.
        raise account_trouble(settings, err, credential) from None
    except BaseException:
        smtp.close()
        raise
    maillog.debug("account.connected", account=settings.account, security=settings.security)
    announced = offer(smtp)
    transport = cast(asyncio.Transport, smtp.transport)
    wire = Wire(transport, settings.timeout.total_seconds(), hidden_words(settings, credential))
    return wire, announced


async def new_client(settings: OutgoingSettings) -> aiosmtplib.SMTP:
    """Return a client that is not connected yet, with TLS set up to verify name and chain."""
    encrypted = settings.security != "none"
    # Reading the trust store takes some 20 ms.
    context = await asyncio.to_thread(_tls_context, settings) if encrypted else None
    return _Client(
        hostname=settings.host,
        use_tls=settings.security == "tls",
        start_tls=False,
        tls_context=context,
        local_hostname=settings.hello_name or own_name(socket.gethostname()),
        timeout=settings.timeout.total_seconds(),
    )


def account_trouble(
    settings: OutgoingSettings, err: Exception, credential: Credential | None
) -> AccountTrouble:
    """Say in a sentence without the password or token what one of `TROUBLE` means."""
    hidden = hidden_words(settings, credential)
    if isinstance(err, aiosmtplib.SMTPResponseException):
        # Before the words are cut to their length, which might leave half of the password.
        err.message = without(hidden, err.message)
    fault, cure = explained(settings, err)
    # RFC 4954 6: 454 means "not now".
    refused = isinstance(err, aiosmtplib.SMTPAuthenticationError) and err.code >= 500
    kind = LoginRefused if refused else AccountTrouble
    return kind(without(hidden, fault), cure=cure)


def own_name(machine: str) -> str:
    """Make this machine's name fit for EHLO; no look-up, which may hang where DNS does."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", machine).strip("-.")
    return name or "localhost"


async def _prepare(
    smtp: aiosmtplib.SMTP, settings: OutgoingSettings, credential: Credential | None
) -> None:
    await open_connection(smtp, settings)
    heard = await greet(smtp)
    if settings.security == "starttls":
        await start_tls(smtp, settings, heard)
    if settings.username is not None and credential is not None:
        await log_in(smtp, settings, settings.username, credential)


async def open_connection(
    smtp: aiosmtplib.SMTP, settings: OutgoingSettings, *, greeting_seconds: float | None = None
) -> None:
    """Connect as every other protocol does here, and wait for the greeting."""
    seconds = settings.timeout.total_seconds()
    port = settings.effective_port
    sock = await network.dial_async(settings.host, port, seconds, settings.ip)
    try:
        await smtp.connect(sock=sock, timeout=greeting_seconds or seconds)
    except BaseException:
        sock.close()
        raise


async def greet(smtp: aiosmtplib.SMTP) -> bytearray:
    """Say EHLO; return what is heard from now on, which `start_tls` judges."""
    heard = _record(smtp)
    await smtp.ehlo()
    return heard


async def start_tls(smtp: aiosmtplib.SMTP, settings: OutgoingSettings, heard: bytearray) -> None:
    """Begin TLS, required, and say EHLO again within it."""
    if not smtp.supports_extension("starttls"):
        raise AccountTrouble(
            f"the SMTP server {settings.place} does not offer STARTTLS, so nothing was sent to it",
            cure='check port and security, "tls" on port 465 is common',
        )
    await smtp.starttls()
    # aiosmtplib drops what came in clear beyond the replies to EHLO and to STARTTLS; we do not go
    # on with such a server, since somebody between us may have put that there (RFC 3207 6).
    if len(re.findall(rb"(?m)^\d\d\d(?!-)", heard)) != 2 or not heard.endswith(b"\n"):
        raise AccountTrouble(
            f"the SMTP server {settings.place} sent more than it was asked for before the"
            " encryption began; somebody may be tampering with the connection, nothing was sent"
        )
    await smtp.ehlo()


def _record(smtp: aiosmtplib.SMTP) -> bytearray:
    """Keep what the server says from now on, until the login at most."""
    protocol = smtp.protocol
    heard = bytearray()
    if protocol is None:
        raise aiosmtplib.SMTPServerDisconnected("Connection lost")
    receive = protocol.data_received

    def received(data: bytes) -> None:
        heard.extend(data)
        receive(data)

    # The library offers no hook. The protocol is left behind after login, and this with it.
    protocol.data_received = received  # type: ignore[method-assign]
    return heard


async def log_in(
    smtp: aiosmtplib.SMTP, settings: OutgoingSettings, username: str, credential: Credential
) -> None:
    """Log in by the first mechanism that both sides know; one attempt."""
    if isinstance(credential, AccessToken):
        await _log_in_by_token(smtp, settings, username, credential)
    else:
        await _log_in_by_password(smtp, settings, username, credential)


async def _log_in_by_token(
    smtp: aiosmtplib.SMTP, settings: OutgoingSettings, username: str, token: AccessToken
) -> None:
    """Say AUTH (RFC 4954); aiosmtplib's own does not know OAUTHBEARER.

    Nor does it know that Postfix cuts lines above 2,048 octets: what is too long for a command
    waits for the server's 334.
    """
    host, port = settings.host, settings.effective_port
    exchange = sasl.exchange(smtp.server_auth_methods, username, token, host, port)
    if exchange is None:
        raise _no_login(smtp, settings, "by OAuth2")
    command = [b"AUTH", exchange.mechanism.encode()]
    at_once = sum(map(len, command)) + len(exchange.first) <= _LONGEST_COMMAND
    response = await smtp.execute_command(*command, *([exchange.first] if at_once else []))
    while response.code == aiosmtplib.SMTPStatus.auth_continue:
        response = await smtp.execute_command(exchange.answer(response.message.encode()))
    if response.code != aiosmtplib.SMTPStatus.auth_successful:
        raise TokenNotTaken(response.code, response.message, exchange.complaint)


async def _log_in_by_password(
    smtp: aiosmtplib.SMTP, settings: OutgoingSettings, username: str, password: str
) -> None:
    offered = smtp.server_auth_methods
    mechanism = next((name for name in _MECHANISMS if name in offered), None)
    if mechanism is None:
        raise _no_login(smtp, settings, "we know")
    if mechanism == "plain":
        await smtp.auth_plain(username, password)
    elif mechanism == "login":
        await smtp.auth_login(username, password)
    else:
        await smtp.auth_crammd5(username, password)


def _no_login(smtp: aiosmtplib.SMTP, settings: OutgoingSettings, kind: str) -> AccountTrouble:
    offered = shown(" ".join(smtp.server_auth_methods)) or "none at all"
    return AccountTrouble(
        f"the SMTP server {settings.place} offers no login {kind} ({offered})",
        cure="check port and security",
    )


def credential_of(
    settings: OutgoingSettings,
    *,
    refused: AccessToken | None = None,
    newer_than: datetime | None = None,
) -> Credential | None:
    """Return what to log in with, None without a login; raise `AccountTrouble` if it is missing.

    For `refused` and `newer_than`, which concern tokens, see `oauth2.access_token`.
    """
    if settings.oauth2 is None:
        return password_of(settings)
    where = f"the SMTP server {settings.place}"
    try:
        return access_token(
            settings.oauth2, settings.username, refused=refused, newer_than=newer_than
        )
    except TokenUnavailable as err:
        raise AccountTrouble(f"{where}: {err.fault}", cure=err.cure) from None
    except OAuth2Error as err:
        raise LoginRefused(f"{where}: {err.fault}", cure=err.cure) from None


def password_of(settings: OutgoingSettings) -> str | None:
    """Return the password, None without a login; raise `AccountTrouble` if it is missing."""
    if settings.username is None:
        return None
    if settings.password is None:
        raise AccountTrouble(
            f"there is no password for {settings.username} at the SMTP server {settings.place}",
            cure="set outgoing.password",
        )
    what = f"the password for {settings.username} at the SMTP server {settings.place}"
    try:
        return safe(settings.password.reveal(), what)
    except (SecretError, UnsafeText) as err:
        raise AccountTrouble(err.fault, cure=err.cure) from None


def _tls_context(settings: OutgoingSettings) -> ssl.SSLContext:
    try:
        return tls.context(settings.ca_file, settings.client_certificate, settings.client_key)
    except tls.TlsError as err:
        where = f"the SMTP server {settings.place}"
        raise AccountTrouble(f"{where}: {err.fault}", cure=err.cure) from None


def hidden_words(settings: OutgoingSettings, credential: Credential | None) -> frozenset[str]:
    """Return what no reply may repeat to anybody: the password or token in all its spellings."""
    if not credential:
        return frozenset()
    username = settings.username or ""
    if isinstance(credential, AccessToken):
        return credential.spellings(username, settings.host, settings.effective_port)
    return spellings(username, credential)


def offer(smtp: aiosmtplib.SMTP) -> Offer:
    """Return what the server has announced most recently."""
    extensions = smtp.esmtp_extensions
    announced = extensions.get("size", "").strip()
    # RFC 1870 4: no figure, or 0, is no limit.
    limit = int(announced) if re.fullmatch(r"[0-9]{1,20}", announced) else 0
    return Offer(
        hello=f"EHLO {smtp.local_hostname}",
        accepts_8bit="8bitmime" in extensions,
        smtputf8="smtputf8" in extensions,
        size="size" in extensions,
        max_size=limit or None,
        pipelining="pipelining" in extensions,
        chunking="chunking" in extensions,
    )
