"""The demo's mail servers, all in this process: IMAP, POP3, and an SMTP server that delivers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count

from listbridge.demo.imap import ImapServer
from listbridge.demo.listen import listening
from listbridge.demo.maildrop import Maildrop
from listbridge.demo.pop import PopServer
from listbridge.demo.smtp import Relay


@dataclass(frozen=True)
class Ports:
    """Where the servers listen."""

    imap: int
    pop: int
    smtp: int


class Servers:
    """A little mail provider: mailboxes on IMAP, maildrops on POP3, mail to both by SMTP."""

    def __init__(self) -> None:
        self.imap = ImapServer()
        self.pop = PopServer()
        self.relay = Relay(self.deliver)
        self._queue_ids = count(1)

    async def add_imap_user(self, address: str, password: str) -> None:
        """Give an address a mailbox that is read over IMAP."""
        await self.imap.add_user(address, password)
        self.relay.passwords[address] = password

    def add_pop_user(self, address: str, password: str) -> None:
        """Give an address a maildrop that is read over POP3."""
        self.pop.maildrops[address] = Maildrop(password)
        self.relay.passwords[address] = password

    async def deliver(self, sender: str, address: str, raw: bytes) -> None:
        """Put a message where the address has its mail; one from elsewhere has none."""
        traced = self._trace(sender, address) + raw
        if address in self.pop.maildrops:
            self.pop.maildrops[address].deliver(traced)
        elif self.imap.has_user(address):
            await self.imap.deliver(address, traced)

    async def count(self, address: str) -> int:
        """Return how many messages lie in the mailbox of an address."""
        if address in self.pop.maildrops:
            return len(self.pop.maildrops[address].messages)
        return await self.imap.count(address)

    def _trace(self, sender: str, address: str) -> bytes:
        """What final delivery puts before a message (RFC 5321 4.4)."""
        when = format_datetime(datetime.now(UTC))
        return (
            f"Return-Path: <{sender}>\r\n"
            f"Received: by mail.example.org (listbridge demo) id {next(self._queue_ids)}\r\n"
            f"\tfor <{address}>; {when}\r\n"
        ).encode()


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Servers, Ports]]:
    """Run the servers on free ports of this machine until the block ends."""
    servers = Servers()
    async with (
        listening(servers.imap.serve) as imap,
        listening(servers.pop.serve) as pop,
        servers.relay.serving() as smtp,
    ):
        yield servers, Ports(imap, pop, smtp)
