"""The web part as `serve` runs it beside the others."""

import asyncio
from datetime import timedelta

from listbridge.metrics import Metrics
from listbridge.service.roster import Roster
from listbridge.web.app import Health, make_app
from listbridge.web.gauges import InEffect
from listbridge.web.server import listen, serve_web


class WebPart:
    """Answers HTTP at `[web] listen`; raises `CannotListen` if it cannot."""

    def __init__(self, roster: Roster, metrics: Metrics, health: Health) -> None:
        self._sockets = listen(roster.service.web)
        self._roster = roster
        self._app = make_app(roster.installation.db, metrics, health, self._in_effect)
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()

    def _in_effect(self) -> InEffect:
        roster = self._roster
        # One whose file is broken is still meant to be polled, and that nobody does so must show.
        polled = roster.active().keys() | roster.installation.broken.keys()
        return InEffect(polled, {one.account for one in roster.sends().values()})

    async def run(self) -> None:
        """Answer until stopped."""
        try:
            await serve_web(self._app, self._sockets, self._stopping)
        finally:
            self._ended.set()

    async def apply(self) -> None:
        """Where it listens is changed only by a restart."""

    async def stop(self, within: timedelta) -> bool:
        """Take no more connections; wait for those that are open."""
        self._stopping.set()
        try:
            async with asyncio.timeout(within.total_seconds()):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True
