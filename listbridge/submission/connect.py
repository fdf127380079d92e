"""Open one connection to an SMTP account: TCP, TLS, greeting, EHLO, login; then take it over.

aiosmtplib does the talking up to here and is used nowhere else. Whatever goes wrong becomes one
sentence in `AccountTrouble`.
"""

import asyncio
import re
import socket
import ssl
from dataclasses import dataclass
from typing import cast

import aiosmtplib

from listbridge import maillog
from listbridge.errors import SecretError, UnsafeText
from listbridge.guard import safe
from listbridge.secret import spellings
from listbridge.submission.courier import AccountTrouble
from listbridge.submission.replies import shown
from listbridge.submission.settings import OutgoingSettings
from listbridge.submission.trouble import explained
from listbridge.submission.wire import Wire, without

# One mechanism is chosen and tried once: aiosmtplib's own `login` tries each in turn, and three
# failed logins for one wrong password lock accounts.
_MECHANISMS = ("plain", "login", "cram-md5")
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
    """Return a logged-in connection, or raise `AccountTrouble`; no attempt is repeated."""
    # A secret may come from a command that takes its time.
    password = await asyncio.to_thread(password_of, settings)
    smtp = await new_client(settings)
    try:
        await _prepare(smtp, settings, password)
    except TROUBLE as err:
        smtp.close()
        # The original may hold the server's words at full length; the sentence has what matters.
        raise account_trouble(settings, err, password) from None
    except BaseException:
        smtp.close()
        raise
    maillog.debug("account.connected", account=settings.account, security=settings.security)
    announced = offer(smtp)
    transport = cast(asyncio.Transport, smtp.transport)
    wire = Wire(transport, settings.timeout.total_seconds(), _hidden(settings, password))
    return wire, announced


async def new_client(settings: OutgoingSettings) -> aiosmtplib.SMTP:
    """Return a client that is not connected yet, with TLS set up to verify name and chain."""
    encrypted = settings.security != "none"
    # Reading the trust store takes some 20 ms.
    context = await asyncio.to_thread(_tls_context, settings) if encrypted else None
    return _Client(
        hostname=settings.host,
        port=settings.effective_port,
        use_tls=settings.security == "tls",
        start_tls=False,
        tls_context=context,
        local_hostname=settings.hello_name or own_name(socket.gethostname()),
        timeout=settings.timeout.total_seconds(),
    )


def account_trouble(
    settings: OutgoingSettings, err: Exception, password: str | None
) -> AccountTrouble:
    """Say in a sentence without the password what one of `TROUBLE` means."""
    if isinstance(err, aiosmtplib.SMTPResponseException):
        # Before the words are cut to their length, which might leave half of the password.
        err.message = without(_hidden(settings, password), err.message)
    fault, cure = explained(settings, err)
    return AccountTrouble(without(_hidden(settings, password), fault), cure=cure)


def own_name(machine: str) -> str:
    """Make this machine's name fit for EHLO; no look-up, which may hang where DNS does."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", machine).strip("-.")
    return name or "localhost"


async def _prepare(smtp: aiosmtplib.SMTP, settings: OutgoingSettings, password: str | None) -> None:
    await smtp.connect()
    heard = await greet(smtp)
    if settings.security == "starttls":
        await start_tls(smtp, settings, heard)
    if settings.username is not None and password is not None:
        await log_in(smtp, settings, settings.username, password)


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
    smtp: aiosmtplib.SMTP, settings: OutgoingSettings, username: str, password: str
) -> None:
    """Log in by the first mechanism that both sides know; one attempt."""
    offered = smtp.server_auth_methods
    mechanism = next((name for name in _MECHANISMS if name in offered), None)
    if mechanism is None:
        raise AccountTrouble(
            f"the SMTP server {settings.place} offers no login we know"
            f" ({shown(' '.join(offered)) or 'none at all'})",
            cure="check port and security",
        )
    if mechanism == "plain":
        await smtp.auth_plain(username, password)
    elif mechanism == "login":
        await smtp.auth_login(username, password)
    else:
        await smtp.auth_crammd5(username, password)


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
    context = ssl.create_default_context()
    # RFC 8996; Python may have been built to leave this to the system's settings.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.ca_file is None:
        return context
    try:
        context.load_verify_locations(settings.ca_file)
    except OSError as err:
        raise AccountTrouble(
            f"the CA file {settings.ca_file} for the SMTP server {settings.place} cannot be used:"
            f" {err.strerror or 'it holds no certificate'}",
            cure="name a PEM file that holds the certificate of the server's authority",
        ) from None
    return context


def _hidden(settings: OutgoingSettings, password: str | None) -> frozenset[str]:
    return spellings(settings.username or "", password) if password else frozenset()


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
