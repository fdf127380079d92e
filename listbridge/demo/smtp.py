"""An SMTP server on aiosmtpd: takes mail for everybody, and remembers who got what."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from listbridge.demo.listen import HOST

_NAME = "mail.example.org"


class Relay:
    """Hands mail on to whom it is for; refuses or defers chosen recipients in chosen words."""

    def __init__(self, deliver: Callable[[str, str, bytes], Awaitable[None]]) -> None:
        #: What each recipient was sent, byte for byte, in the order it came.
        self.received: dict[str, list[bytes]] = {}
        #: What is said instead of taking mail for a recipient, such as "550 5.1.1 no such user".
        self.refusals: dict[str, str] = {}
        #: Who may log in; nobody has to.
        self.passwords: dict[str, str] = {}
        self._deliver = deliver

    # The names and arguments of these are aiosmtpd's.
    async def handle_RCPT(  # noqa: N802
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Answer a recipient."""
        refusal = self.refusals.get(address)
        if refusal is not None:
            return refusal
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Take a message for all its recipients."""
        content = envelope.original_content or b""
        for address in envelope.rcpt_tos:
            self.received.setdefault(address, []).append(content)
            await self._deliver(envelope.mail_from or "", address, content)
        return "250 2.0.0 taken"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """Serve until the block ends; yields the port."""
        # It warns about every command it does not know, and a person may well type one.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        loop = asyncio.get_running_loop()
        sessions: list[SMTP] = []

        def connected() -> SMTP:
            sessions[:] = [one for one in sessions if one.transport is not None]
            smtp = SMTP(
                self,
                hostname=_NAME,
                ident="ESMTP",
                enable_SMTPUTF8=True,
                authenticator=self._authenticate,
                auth_require_tls=False,
                loop=loop,
            )
            sessions.append(smtp)
            return smtp

        server = await loop.create_server(connected, HOST, 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for session in sessions:
                if session.transport is not None:
                    session.transport.close()
            await server.wait_closed()

    def _authenticate(
        self,
        _server: SMTP,
        _session: Session,
        _envelope: Envelope,
        _mechanism: str,
        login: object,
    ) -> AuthResult:
        known = isinstance(login, LoginPassword) and self._is_right(login)
        return AuthResult(success=known, handled=False)  # not handled: aiosmtpd words the refusal

    def _is_right(self, login: LoginPassword) -> bool:
        name = login.login.decode("utf-8", "replace")
        return self.passwords.get(name, "").encode() == login.password != b""
