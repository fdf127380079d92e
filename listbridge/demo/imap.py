"""An IMAP server whose mailboxes are in memory: pymap's, with a few things set for a demo."""

import secrets
import ssl
from argparse import Namespace
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from datetime import UTC, datetime

from proxyprotocol.sock import SocketInfo
from pymap.backend.dict import Config, Identity, Login
from pymap.concurrent import Subsystem
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage
from pymap.user import UserMetadata
from pysasl.hashing import Cleartext


class ImapServer:
    """Mailboxes by user name, and the sessions on them."""

    def __init__(self) -> None:
        self._config = _config()
        self._login = Login(self._config)
        self._server = IMAPServer(self._login, self._config)

    async def add_user(self, name: str, password: str) -> None:
        """Give a user a mailbox."""
        await self._identity(name).set(UserMetadata(self._config, name, password=password))

    def has_user(self, name: str) -> bool:
        """Say whether there is a mailbox of this user."""
        return name in self._login.users_dict

    async def deliver(self, name: str, raw: bytes) -> None:
        """Put a message into the user's INBOX."""
        message = AppendMessage(raw, datetime.now(UTC), frozenset())
        async with self._identity(name).new_session() as session:
            inbox = await session.mailbox_set.get_mailbox("INBOX")
            await inbox.append(message, recent=True)

    async def count(self, name: str) -> int:
        """Return how many messages lie in the user's INBOX."""
        async with self._identity(name).new_session() as session:
            inbox = await session.mailbox_set.get_mailbox("INBOX")
            return (await inbox.snapshot()).exists

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve one connection until it ends."""
        where = SocketInfo.get(writer, None, unique_id=secrets.token_bytes(16))
        # pymap tells the client of an error and then raises it; nobody else is to be told.
        with suppress(Exception):
            await self._server(reader, writer, where)

    def _identity(self, name: str) -> Identity:
        return Identity(name, self._login, None, frozenset())


class _Config(Config):
    @property
    def greeting(self) -> bytes:
        # pymap would look up this machine's name, which takes seconds where there is no DNS.
        return b"IMAP ready"


def _config() -> Config:
    return _Config(
        Namespace(proxy_protocol=None),
        host=None,
        port=0,
        demo_data=False,
        demo_user="",
        demo_password="",
        tls_enabled=False,
        ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),  # else certificates are looked for
        # Passwords that everybody may know need no half-second hash at each login.
        hash_context=Cleartext(),
        cpu_subsystem=Subsystem.for_asyncio(),
    )
