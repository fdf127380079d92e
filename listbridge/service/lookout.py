"""Looks once a minute whether the operator has to be told of something."""

import asyncio
from contextlib import suppress
from datetime import timedelta

from listbridge import clock, maillog
from listbridge.service import alerting
from listbridge.service.roster import Roster
from listbridge.service.store_watch import StoreWatch
from storage.errors import StoreError

_EVERY_SECONDS = 60.0


class Lookout:
    """Puts alerts into the outbox."""

    def __init__(self, roster: Roster, watch: StoreWatch) -> None:
        self._roster = roster
        self._watch = watch
        self._woken = asyncio.Event()
        self._stopping = False

    async def run(self) -> None:
        """Look until stopped."""
        while not self._stopping:
            self._woken.clear()
            try:
                await asyncio.to_thread(self._look)
            except StoreError as err:
                maillog.error("store.failed", error=str(err))
            except Exception as err:
                # Whatever blew up here, mail goes on.
                maillog.error("alerts.failed", error=type(err).__name__, where=maillog.where(err))
            with suppress(TimeoutError):
                async with asyncio.timeout(_EVERY_SECONDS):
                    await self._woken.wait()

    async def apply(self) -> None:
        """Look at once: something may have been mended."""
        self._woken.set()

    async def stop(self, within: timedelta) -> bool:  # noqa: ARG002  -- it never takes long
        """Stop looking."""
        self._stopping = True
        self._woken.set()
        return True

    def _look(self) -> None:
        roster = self._roster
        now = clock.now()
        outage = self._watch.just_over(now)
        alerting.look(roster.installation.db, roster.service, roster.active(), now, outage)
