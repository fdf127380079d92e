"""Looks at one SMTP account step by step, so that it is known what works and what does not.

No mail is sent.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial

import aiosmtplib

from listbridge import network, ports
from listbridge.oauth2 import Credential
from listbridge.submission import connect
from listbridge.submission.courier import AccountTrouble, Envelope
from listbridge.submission.replies import Reply, Step, shown, why_none_is_sent
from listbridge.submission.settings import OutgoingSettings
from listbridge.submission.trouble import root
from listbridge.submission.wire import without

_FAREWELL_SECONDS = 3.0
#: What the step is called that is about one list's mail.
ENVELOPE = "envelope"
# The extensions that make a difference to us; SIZE has a step of its own.
_EXTENSIONS = ("PIPELINING", "CHUNKING", "8BITMIME", "SMTPUTF8")

_Look = Callable[[], Awaitable[str | ssl.SSLObject | AccountTrouble]]


async def inspect(
    settings: OutgoingSettings,
    credential: Credential | None,
    max_size: int,
    envelope: Envelope | None = None,
    *,
    must_arrive: bool = False,
) -> AsyncIterator[tuple[str, str | ssl.SSLObject | AccountTrouble]]:
    """Yield what was looked at, with what was seen of it or what is wrong.

    Ends after the step that the following ones could not do without. Where the account needs
    a login and there is nothing for it, the look ends before that. `max_size`: of posts, in bytes.
    `envelope`: named to the server, and no mail begun. Its recipient stands for others, unless
    mail to this one `must_arrive`.
    """
    try:
        smtp = await connect.new_client(settings)
        visit = _Visit(settings, smtp, credential, max_size, envelope, must_arrive=must_arrive)
    except AccountTrouble as err:
        yield "TLS", err
        return
    try:
        for what, look in visit.looks():
            try:
                seen = await look()
            except AccountTrouble as err:
                yield what, err
                return
            except connect.TROUBLE as err:
                yield _stage(err, what), connect.account_trouble(settings, err, credential)
                return
            yield what, seen
        await visit.take_leave()
    finally:
        visit.smtp.close()


class _Visit:
    """A connection on its way from nothing to a login."""

    def __init__(
        self,
        settings: OutgoingSettings,
        smtp: aiosmtplib.SMTP,
        credential: Credential | None,
        max_size: int,
        envelope: Envelope | None,
        *,
        must_arrive: bool,
    ) -> None:
        self.smtp = smtp
        self._envelope = envelope
        self._must_arrive = must_arrive
        self._settings = settings
        self._credential = credential
        self._max_size = max_size
        self._heard = bytearray()

    def looks(self) -> Iterator[tuple[str, _Look]]:
        """Yield what to look at, each with how."""
        security, username = self._settings.security, self._settings.username
        yield "name", self._resolve
        yield "connection", self._connect
        if security == "tls":
            yield "TLS", self._tls
        yield "greeting", self._greet
        if security == "starttls":
            yield "TLS", self._start_tls
        if username is not None and self._credential is None:
            return
        yield "login", self._log_in
        yield "SIZE", self._size
        yield "extensions", self._extensions
        if self._envelope is not None:
            yield ENVELOPE, partial(self._name, self._envelope)

    async def take_leave(self) -> None:
        """Say QUIT; nothing depends on the answer."""
        try:
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await self.smtp.quit()
        except (*connect.TROUBLE, TimeoutError):
            pass

    async def _resolve(self) -> str:
        host, port = self._settings.host, self._settings.effective_port
        found = await asyncio.to_thread(network.resolve, host, port, self._settings.ip)
        return f"{host} is {', '.join(dict.fromkeys(str(one[4][0]) for one in found))}"

    async def _connect(self) -> str:
        settings = self._settings
        limit = settings.timeout.total_seconds()
        way = ("smtp", settings.effective_port, settings.security)
        hurried = settings.model_copy(
            update={"timeout": min(settings.timeout, network.LONGEST_LOOK)}
        )
        try:
            seconds = ports.greeting_seconds(*way, limit)
            await connect.open_connection(self.smtp, hurried, greeting_seconds=seconds)
        except TimeoutError as err:
            in_vain = settings if isinstance(err, aiosmtplib.SMTPException) else hurried
            raise connect.account_trouble(in_vain, err, None) from None
        return f"{settings.place} accepts it"

    async def _tls(self) -> str | ssl.SSLObject:
        session = self.smtp.get_transport_info("ssl_object")
        return session if isinstance(session, ssl.SSLObject) else "none"

    async def _greet(self) -> str:
        self._heard = await connect.greet(self.smtp)
        return "the server is ready"

    async def _start_tls(self) -> str | ssl.SSLObject:
        await connect.start_tls(self.smtp, self._settings, self._heard)
        return await self._tls()

    async def _log_in(self) -> str:
        settings, credential = self._settings, self._credential
        offered = shown(" ".join(self.smtp.server_auth_methods).upper())
        if settings.username is None or credential is None:
            return f"none configured (offered: {offered})" if offered else "none needed"
        await connect.log_in(self.smtp, settings, settings.username, credential)
        return f"as {settings.username} (offered: {offered})"

    async def _size(self) -> str | AccountTrouble:
        limit = connect.offer(self.smtp).max_size
        if limit is None:
            return "no limit announced"
        if limit >= self._max_size:
            return f"up to {limit} bytes"
        return AccountTrouble(
            f"the SMTP server {self._settings.place} takes messages of up to {limit} bytes, and "
            f"posts may have {self._max_size}",
            cure=f"set max_size under [posting] to less than {limit}",
        )

    async def _extensions(self) -> str:
        offered = [name for name in _EXTENSIONS if self.smtp.supports_extension(name)]
        return ", ".join(offered) or "none of those that matter to us"

    async def _name(self, envelope: Envelope) -> str | AccountTrouble:
        """Say from whom and to whom a post would go, and then leave it (RFC 5321 4.1.1.10)."""
        [recipient] = envelope.recipients
        step = Step.MAIL
        try:
            await self.smtp.mail(envelope.sender)
            step = Step.RCPT
            await self.smtp.rcpt(recipient)
        except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPRecipientRefused) as err:
            hidden = connect.hidden_words(self._settings, self._credential)
            reply = Reply(err.code, without(hidden, err.message))
            way = f"from {envelope.sender} to {recipient}"
            cure = why_none_is_sent(step, reply)
            if cure is None and self._must_arrive:
                cure = "check the address; what it is refused for is for its postmaster to say"
            if cure is not None:
                where = f"the SMTP server {self._settings.place}"
                return AccountTrouble(f'{where} refuses mail {way}: "{reply.words}"', cure=cure)
            return f'mail {way} is refused, others may well get theirs: "{reply.words}"'
        return f"mail from {envelope.sender} to {recipient} is welcome"


def _stage(err: Exception, what: str) -> str:
    """Say which step failed: aiosmtplib's `connect` goes from the name to the greeting."""
    if isinstance(err, aiosmtplib.SMTPConnectResponseError):
        return "greeting"
    return "TLS" if isinstance(root(err), ssl.SSLError) else what
