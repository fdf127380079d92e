"""The connections of one account: so many at once, reused while they are clean and young."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from listbridge.submission.connect import Offer, connect
from listbridge.submission.courier import AccountTrouble, Connection
from listbridge.submission.settings import OutgoingSettings
from listbridge.submission.smtp import SmtpConnection, Way

# Servers and firewalls forget idle connections after a minute or more, often without a word.
_CHECK_AFTER_SECONDS = 30.0
# A message that waits for no answer would be in doubt if the link has died since.
_CHECK_CHUNKED_AFTER_SECONDS = 0.1
_FAREWELL_SECONDS = 3.0
# So long after it refused one more connection, a server is asked for it again.
_REFUSED_SECONDS = 30.0


@dataclass(frozen=True)
class _Idle:
    connection: SmtpConnection
    since: float


class SmtpCourier:
    """A `Courier`; belongs to one event loop."""

    def __init__(self, settings: OutgoingSettings) -> None:
        self._settings = settings
        self._places = asyncio.Semaphore(settings.max_connections)
        self._idle: list[_Idle] = []
        self._closed = False
        self._opening = asyncio.Lock()
        self._proved = False
        self._trouble: AccountTrouble | None = None
        self._disorders = 0  #: connections got out of step, and as many are to go in lock step
        self._waiting = 0
        self._lent = 0
        self._refused = 0  #: places that stay empty, as the server refused so many
        self._refused_at = 0.0

    @property
    def wanted(self) -> bool:
        """Say whether somebody waits for a connection."""
        return self._waiting > 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; raise `AccountTrouble` if none can be opened."""
        connection = await self._lend()
        try:
            yield connection
        finally:
            self._lent -= 1
            try:
                await self._take_back(connection)
            finally:
                self._places.release()
                self._fill_places()

    async def close_idle(self) -> None:
        """Take leave of connections that nobody has used for a while."""
        now = time.monotonic()
        old = [x for x in self._idle if now - x.since >= _CHECK_AFTER_SECONDS]
        self._idle = [x for x in self._idle if x not in old]
        await asyncio.gather(*(entry.connection.leave(_FAREWELL_SECONDS) for entry in old))

    async def close(self) -> None:
        """Say QUIT on the idle connections; those on loan are closed when they come back."""
        self._closed = True
        idle, self._idle = self._idle, []
        await asyncio.gather(*(entry.connection.leave(_FAREWELL_SECONDS) for entry in idle))

    async def _lend(self) -> SmtpConnection:
        while True:
            self._waiting += 1
            try:
                await self._places.acquire()
            finally:
                self._waiting -= 1
            try:
                connection = await self._from_idle() or await self._open()
            except AccountTrouble:
                if not (self._lent or self._idle):
                    self._places.release()
                    self._fill_places()
                    raise
                # It serves us, only not so many at once: one of the others will do.
                self._refused += 1
                self._refused_at = time.monotonic()
            except BaseException:
                self._places.release()
                raise
            else:
                self._lent += 1
                return connection

    def _fill_places(self) -> None:
        """Use the places again that the server had refused, once it may have room."""
        if not self._lent or time.monotonic() - self._refused_at >= _REFUSED_SECONDS:
            for _ in range(self._refused):
                self._places.release()
            self._refused = 0

    async def _from_idle(self) -> SmtpConnection | None:
        while self._idle:
            # The youngest first, so that what is too many grows old and goes.
            entry = self._idle.pop()
            connection = entry.connection
            trusted = _CHECK_CHUNKED_AFTER_SECONDS if connection.chunks else _CHECK_AFTER_SECONDS
            is_young = time.monotonic() - entry.since < trusted
            if connection.clean and (is_young or await self._answers(connection)):
                return connection
            connection.drop()
        return None

    async def _answers(self, connection: SmtpConnection) -> bool:
        try:
            return await connection.answers()
        except BaseException:
            connection.drop()
            raise

    async def _open(self) -> SmtpConnection:
        """Connect; until one login has worked, one at a time.

        Otherwise a wrong password would be tried by every worker at once, and lock the account.
        """
        before = self._trouble
        if not self._proved:
            async with self._opening:
                if self._trouble is not None and self._trouble is not before:
                    raise AccountTrouble(str(self._trouble))
                if not self._proved:
                    return await self._connect()
        return await self._connect()

    async def _connect(self) -> SmtpConnection:
        try:
            wire, offer = await connect(self._settings)
        except AccountTrouble as trouble:
            self._proved, self._trouble = False, trouble
            raise
        self._proved = True
        return SmtpConnection(wire, offer, self._settings.place, self._way(offer))

    def _way(self, offer: Offer) -> Way:
        if not offer.pipelining or self._settings.pipelining == "off":
            return Way.LOCK_STEP
        if self._disorders:
            # Some announce it and lose step. Asked one by one they serve; the next one is a try.
            self._disorders -= 1
            return Way.LOCK_STEP
        chunked = offer.chunking and self._settings.chunking == "auto"
        return Way.CHUNKED if chunked else Way.PIPELINED

    async def _take_back(self, connection: SmtpConnection) -> None:
        if connection.depth > 1 and not connection.orderly:
            self._disorders += 1
        if not connection.clean:
            connection.drop()
        elif self._closed or connection.worn:
            await connection.leave(_FAREWELL_SECONDS)
        else:
            self._idle.append(_Idle(connection, time.monotonic()))
