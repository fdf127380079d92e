"""`serve`: start, run until told otherwise, stop."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta

from listbridge import bootstrap, maillog
from listbridge.errors import ConfigError
from listbridge.service import sdnotify
from listbridge.service.part import Part
from listbridge.service.readiness import Readiness
from listbridge.service.roster import Roster
from listbridge.service.signals import Told, handled
from storage.errors import StoreError

# systemd and container runtimes kill what has not ended 90, some 30 seconds after SIGTERM.
_DRAINING = timedelta(seconds=25)


async def serve(
    roster: Roster, parts: Sequence[Part], told: asyncio.Queue[Told], readiness: Readiness
) -> bool:
    """Run the parts until told to stop; say whether everything they had in hand has ended.

    Raises what a part raises that cannot do its work at all.
    """
    with handled(told):
        running = [asyncio.create_task(part.run()) for part in parts]
        beating = asyncio.create_task(_beat())
        readiness.started()
        sdnotify.tell(READY="1", STATUS=_status(roster))
        maillog.info("service.started", categories=len(roster.active()))
        try:
            await _until_told_to_stop(roster, parts, running, told)
        finally:
            readiness.stopping()
            sdnotify.tell(STOPPING="1", STATUS="Draining")
            maillog.info("service.draining", seconds=_DRAINING.total_seconds())
            ended = await asyncio.gather(*(part.stop(_DRAINING) for part in parts))
            for task in (*running, beating):
                task.cancel()
            maillog.info("service.stopped", drained=all(ended))
        return all(ended)


async def _until_told_to_stop(
    roster: Roster,
    parts: Sequence[Part],
    running: Sequence[asyncio.Task[None]],
    told: asyncio.Queue[Told],
) -> None:
    while True:
        hearing = asyncio.create_task(told.get())
        await asyncio.wait([hearing, *running], return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            if task.done():
                hearing.cancel()
                task.result()  # raises what ended it
                raise RuntimeError("a part of the service ended without being told to")
        if hearing.result() is Told.STOP:
            return
        await _reload(roster, parts)


async def _reload(roster: Roster, parts: Sequence[Part]) -> None:
    """Put the files as they are now into effect; what is wrong in them is said and left out."""
    sdnotify.tell(RELOADING="1", MONOTONIC_USEC=str(_monotonic_microseconds()))
    before = set(roster.active())
    try:
        installation = await asyncio.to_thread(bootstrap.reloaded, roster.installation)
    except (ConfigError, StoreError) as err:
        maillog.error("configuration.refused", error=str(err))
    else:
        roster.installation = installation
        for part in parts:
            await part.apply()
        now = set(roster.active())
        new, gone = sorted(now - before), sorted(before - now)
        maillog.info("configuration.reloaded", categories=len(now), new=new, gone=gone)
        for slug, why in installation.broken.items():
            maillog.error("configuration.broken", category=slug, error=why, kept=slug in now)
    sdnotify.tell(READY="1", STATUS=_status(roster))


def _monotonic_microseconds() -> int:
    """Return the time as systemd wants it with RELOADING=1 (sd_notify(3))."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def _status(roster: Roster) -> str:
    broken = len(roster.installation.broken)
    return f"{len(roster.active())} categories" + (f", {broken} files broken" if broken else "")


async def _beat() -> None:
    """Tell systemd's watchdog, if it listens, that the event loop still turns."""
    interval = sdnotify.watchdog_interval()
    while interval is not None:
        sdnotify.tell(WATCHDOG="1")
        await asyncio.sleep(interval.total_seconds())
