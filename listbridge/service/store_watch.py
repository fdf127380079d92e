"""Notices that the database cannot be used, and when it can be used again."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from listbridge import clock, maillog
from listbridge.service.roster import Roster
from storage.errors import StoreError

_LOOK_SECONDS = 1.0
_TRY_SECONDS = 5.0
# It is told of an outage that is just over for so long: other alerts may have to come first.
_FRESH = timedelta(minutes=10)


@dataclass(frozen=True)
class Outage:
    """A time in which the database could not be used."""

    since: datetime
    until: datetime
    lasted: timedelta  #: whatever was done to the clock meanwhile
    error: str


class StoreWatch:
    """Tries, while the database is in trouble, whether it can be written again.

    Everybody else meets the trouble by himself, and goes on at his next try; this brings that
    forward, and remembers what the database itself cannot.
    """

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._on_recovery: list[Callable[[], None]] = []
        self._last: Outage | None = None
        self._stopping = asyncio.Event()

    def on_recovery(self, call: Callable[[], None]) -> None:
        """Have this called on the event loop whenever the database can be used again."""
        self._on_recovery.append(call)

    def just_over(self, now: datetime) -> Outage | None:
        """Return the last outage, if it ended a short while ago."""
        last = self._last
        return last if last is not None and last.until <= now < last.until + _FRESH else None

    async def run(self) -> None:
        """Watch until stopped."""
        while not self._stopping.is_set():
            if error := self._roster.installation.db.trouble:
                await self._wait_for_recovery(error)
            await self._pause(_LOOK_SECONDS)

    async def apply(self) -> None:
        """The database stays what it is."""

    async def stop(self, within: timedelta) -> bool:  # noqa: ARG002  -- it never takes long
        """Stop watching."""
        self._stopping.set()
        return True

    async def _wait_for_recovery(self, error: str) -> None:
        since, began = clock.now(), monotonic()
        maillog.error("store.failed", error=error)
        while not self._stopping.is_set():
            with suppress(StoreError):
                await asyncio.to_thread(self._roster.installation.db.probe)
                break
            await self._pause(_TRY_SECONDS)
        else:
            return
        lasted = timedelta(seconds=monotonic() - began)
        self._last = Outage(since, clock.now(), lasted, error)
        maillog.info("store.recovered", seconds=round(lasted.total_seconds()))
        for call in self._on_recovery:
            call()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
