"""Targets 1, 2, 5, 6, 7 and 12: from the outbox on SQLite to a server on loopback."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.measure import Row, against_peer, at_least, at_most
from benchmarks.members import queue_post, send, settings_for, store
from benchmarks.peers import smtp_sink, smtp_source
from listbridge.submission import Connection, Envelope, Outcome, OutgoingSettings, Result
from listbridge.submission.pool import SmtpCourier

CONNECTIONS = 20
MEMBERS = 10_000
_SENT = Outcome(Result.SENT, "250 2.0.0 queued")


def rows() -> list[Row]:
    """Measure; return the lines of the table."""
    with smtp_sink() as port:
        return [
            *_beside_smtp_source(port),
            *_from_commit(port),
            *_cpu(port),
            at_least(12, "outbox: claimed and recorded, 100 a group", _outbox, 50_000),
        ]


def took(
    port: int, recipients: int, members: int = MEMBERS, *, personal: bool = False
) -> tuple[float, float]:
    """Send a post to so many; return the seconds from the outbox to the last, and of CPU."""
    settings = settings_for(port, max_recipients=recipients, max_connections=CONNECTIONS)
    with store(members) as (db, category_id):
        queue_post(db, category_id, personal=personal)
        return send(db, category_id, settings)


def _beside_smtp_source(port: int) -> list[Row]:
    bulk = against_peer(
        1,
        "5 KB, 100 recipients a transaction",
        lambda: MEMBERS / took(port, 100)[0],
        lambda: smtp_source(port, MEMBERS // 100, 100, CONNECTIONS),
        "smtp-source",
        0.4,
    )
    single = against_peer(
        2,
        "5 KB, 1 recipient a transaction",
        lambda: MEMBERS / took(port, 1)[0],
        lambda: smtp_source(port, MEMBERS, 1, CONNECTIONS),
        "smtp-source",
        0.5,
    )
    personal = against_peer(
        2,
        "5 KB, personal copies",
        lambda: MEMBERS / took(port, 1, personal=True)[0],
        lambda: smtp_source(port, MEMBERS, 1, CONNECTIONS),
        "smtp-source",
        0.5,
    )
    return [bulk, single, personal]


def _from_commit(port: int) -> list[Row]:
    first = [
        at_most(
            5, f"commit to first delivery, {n:,} members", lambda n=n: _first(port, n), 0.25, "s"
        )
        for n in (1_000, 10_000, 100_000)
    ]
    bulk = at_most(6, "commit to last, 100 a transaction", lambda: took(port, 100)[0], 1, "s")
    single = at_most(6, "commit to last, 1 a transaction", lambda: took(port, 1)[0], 2.5, "s")
    personal = at_most(
        6, "commit to last, personal copies", lambda: took(port, 1, personal=True)[0], 2.5, "s"
    )
    return [*first, bulk, single, personal]


def _cpu(port: int) -> list[Row]:
    def used(recipients: int, *, personal: bool = False) -> float:
        return took(port, recipients, personal=personal)[1] / MEMBERS * 1e6

    return [
        at_most(7, "CPU a delivery, 100 a transaction", lambda: used(100), 30, "µs"),
        at_most(7, "CPU a delivery, 1 a transaction", lambda: used(1), 150, "µs"),
        at_most(7, "CPU a delivery, personal copies", lambda: used(1, personal=True), 150, "µs"),
    ]


class _Watched:
    """A courier that notes when the first message was taken."""

    def __init__(self, settings: OutgoingSettings) -> None:
        self._courier = SmtpCourier(settings)
        self.first: float | None = None

    @property
    def wanted(self) -> bool:
        return self._courier.wanted

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with self._courier.connection() as connection:
            deliver = connection.deliver

            async def watched(envelope: Envelope, message: bytes) -> dict[str, Outcome]:
                ended = await deliver(envelope, message)
                self.first = self.first or time.perf_counter()
                return ended

            connection.deliver = watched  # type: ignore[method-assign]
            yield connection

    async def close_idle(self) -> None:
        """Nothing rests for so long."""

    async def close(self) -> None:
        await self._courier.close()


def _first(port: int, members: int) -> float:
    settings = settings_for(port, max_recipients=100, max_connections=CONNECTIONS)
    with store(members) as (db, category_id):
        queue_post(db, category_id)
        courier = _Watched(settings)
        start = time.perf_counter()
        send(db, category_id, settings, courier)
        assert courier.first
        return courier.first - start


class _Nowhere:
    """A courier whose server takes everything at once."""

    accepts_8bit = True
    max_size = None
    smtputf8 = True
    depth = 2
    open = True
    wanted = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        yield self

    async def deliver(self, envelope: Envelope, _message: bytes) -> dict[str, Outcome]:
        await asyncio.sleep(0)
        return dict.fromkeys(envelope.recipients, _SENT)

    async def close_idle(self) -> None:
        """Nothing is open."""

    async def close(self) -> None:
        """Nothing is open."""


def _outbox() -> float:
    settings = settings_for(1, max_recipients=100, max_connections=CONNECTIONS)
    with store(MEMBERS * 5) as (db, category_id):
        queue_post(db, category_id)
        return MEMBERS * 5 / send(db, category_id, settings, _Nowhere())[0]
