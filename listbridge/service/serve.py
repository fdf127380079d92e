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
# Beyond that, a part that waits for a database which does not answer is left alone.
_DRAINING_AT_MOST = _DRAINING + timedelta(seconds=2)


async def serve(roster: Roster, parts: Sequence[Part], told: Told, readiness: Readiness) -> bool:
    """Run the parts until told to stop; say whether everything they had in hand has ended.

    Raises what a part raises that cannot do its work at all.
    """
    with handled(told):
        running = [asyncio.create_task(part.run()) for part in parts]
        reloading = asyncio.create_task(_reload_when_told(roster, parts, told))
        beating = asyncio.create_task(_beat())
        readiness.started()
        sdnotify.tell(READY="1", STATUS=_status(roster))
        maillog.info("service.started", categories=len(roster.active()))
        _tell_of_gaps(roster)
        try:
            await _until_told_to_stop(told, [*running, reloading])
        finally:
            reloading.cancel()
            readiness.stopping()
            sdnotify.tell(STOPPING="1", STATUS="Draining")
            maillog.info("service.draining", seconds=_DRAINING.total_seconds())
            ended = await asyncio.gather(*map(_stopped, parts))
            for task in (*running, beating):
                task.cancel()
            maillog.info("service.stopped", drained=all(ended))
        return all(ended)


async def _until_told_to_stop(told: Told, running: Sequence[asyncio.Task[None]]) -> None:
    stopping = asyncio.create_task(told.to_stop.wait())
    await asyncio.wait([stopping, *running], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    for task in running:
        if task.done():
            task.result()  # raises what ended it
            raise RuntimeError("a part of the service ended without being told to")


async def _stopped(part: Part) -> bool:
    """Stop a part, and say whether all of it has ended in time."""
    try:
        async with asyncio.timeout(_DRAINING_AT_MOST.total_seconds()):
            return await part.stop(_DRAINING)
    except TimeoutError:
        return False


async def _reload_when_told(roster: Roster, parts: Sequence[Part], told: Told) -> None:
    """Reload once for all that was told meanwhile; with thousands of files it takes seconds."""
    while True:
        await told.to_reload.wait()
        told.to_reload.clear()
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
        _tell_of_gaps(roster)
    sdnotify.tell(READY="1", STATUS=_status(roster))


def _tell_of_gaps(roster: Roster) -> None:
    """Name the files that are not in effect as they are, and the folder if none is."""
    active = roster.active()
    if not roster.installation.configuration.categories:
        maillog.warning("configuration.empty", folder=str(roster.service.categories))
    for slug, why in roster.installation.broken.items():
        maillog.error("configuration.broken", category=slug, error=why, kept=slug in active)


def _monotonic_microseconds() -> int:
    """Return the time as systemd wants it with RELOADING=1 (sd_notify(3))."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def _status(roster: Roster) -> str:
    active, broken = len(roster.active()), len(roster.installation.broken)
    status = "1 category" if active == 1 else f"{active} categories"
    return status + (f"; files broken: {broken}" if broken else "")


async def _beat() -> None:
    """Tell systemd's watchdog, if it listens, that the event loop still turns."""
    interval = sdnotify.watchdog_interval()
    while interval is not None:
        sdnotify.tell(WATCHDOG="1")
        await asyncio.sleep(interval.total_seconds())
