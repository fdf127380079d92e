"""A courier that keeps what it is given and answers as it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from listbridge.submission import AccountTrouble, Connection, Envelope, Outcome, Result

SENT = Outcome(Result.SENT, "250 2.0.0 queued")


@dataclass
class RecordingConnection:
    """One connection; `accepts_8bit` and the rest are what the server announced."""

    courier: "RecordingCourier"
    accepts_8bit: bool = True
    under_way: int = 0
    max_size: int | None = None
    smtputf8: bool = True
    depth: int = 1
    open: bool = True

    async def deliver(self, envelope: Envelope, message: bytes) -> dict[str, Outcome]:
        """Keep the envelope and the bytes; answer what the courier was told to answer."""
        self.under_way += 1
        self.courier.most_under_way = max(self.courier.most_under_way, self.under_way)
        # As a network would: everything else that can happen meanwhile does.
        await asyncio.sleep(self.courier.seconds)
        self.under_way -= 1
        self.courier.taken.append((envelope, message))
        return self.courier.answer(envelope)


@dataclass
class RecordingCourier:
    """Answers each envelope with `answer`; `trouble` keeps connections from opening."""

    answer: Callable[[Envelope], dict[str, Outcome]] = lambda e: dict.fromkeys(e.recipients, SENT)
    trouble: AccountTrouble | None = None
    accepts_8bit: bool = True
    depth: int = 1
    wanted: bool = False
    seconds: float = 0
    most_under_way: int = 0  #: on one connection
    taken: list[tuple[Envelope, bytes]] = field(default_factory=list)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection, or raise the trouble."""
        if self.trouble is not None:
            raise self.trouble
        yield RecordingConnection(self, accepts_8bit=self.accepts_8bit, depth=self.depth)

    async def close_idle(self) -> None:
        """Nothing is kept open."""

    async def close(self) -> None:
        """Nothing is open."""

    def recipients(self) -> list[str]:
        """Return everybody a message was handed over for, sorted."""
        return sorted(x for envelope, _ in self.taken for x in envelope.recipients)
