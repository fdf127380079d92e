"""`serve` itself: what it is told is done in time, and nothing that hangs keeps it from ending."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from listbridge import bootstrap
from listbridge.bootstrap import Installation
from listbridge.service import lookout
from listbridge.service import serve as serving
from listbridge.service.lookout import Lookout
from listbridge.service.readiness import Readiness
from listbridge.service.roster import Roster
from listbridge.service.signals import Told
from listbridge.service.store_watch import StoreWatch

PATIENCE = 30.0


class Recorded:
    """A part that does nothing, and ends when told to, or never."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.applied = 0
        self._hangs = hangs
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        await self._stopped.wait()

    async def apply(self) -> None:
        self.applied += 1

    async def stop(self, within: timedelta) -> bool:
        if self._hangs:
            await asyncio.Event().wait()
        self._stopped.set()
        return True


@dataclass
class Files:
    """Stands for the files: reading them takes until it may end."""

    installation: Installation
    readings: int = 0
    may_end: threading.Event = field(default_factory=threading.Event)

    def read(self, _before: Installation) -> Installation:
        self.readings += 1
        assert self.may_end.wait(PATIENCE)
        return self.installation


@pytest.fixture
def files(install: Callable[..., Installation], monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    one = Files(install())
    monkeypatch.setattr(bootstrap, "reloaded", one.read)
    yield one
    one.may_end.set()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not done():
            await asyncio.sleep(0.01)


def begin(installation: Installation, part: Recorded, told: Told) -> asyncio.Task[bool]:
    return asyncio.create_task(serving.serve(Roster(installation), [part], told, Readiness()))


async def test_what_is_told_ten_times_during_a_reload_is_one_more_reload(files: Files) -> None:
    told, part = Told(), Recorded()
    service = begin(files.installation, part, told)
    told.to_reload.set()
    await until(lambda: files.readings == 1)
    for _ in range(10):
        signal.raise_signal(signal.SIGHUP)
        await asyncio.sleep(0.01)
    files.may_end.set()
    await until(lambda: part.applied == 2)
    told.to_stop.set()
    assert await asyncio.wait_for(service, PATIENCE)
    assert (files.readings, part.applied) == (2, 2)


async def test_the_end_does_not_wait_for_a_reload(files: Files) -> None:
    told, part = Told(), Recorded()
    service = begin(files.installation, part, told)
    told.to_reload.set()
    await until(lambda: files.readings == 1)
    told.to_stop.set()
    assert await asyncio.wait_for(service, PATIENCE)
    assert part.applied == 0
    files.may_end.set()


async def test_a_part_that_hangs_does_not_keep_it_from_ending(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_DRAINING_AT_MOST", timedelta(milliseconds=20))
    told = Told()
    told.to_stop.set()
    assert not await asyncio.wait_for(
        begin(files.installation, Recorded(hangs=True), told), PATIENCE
    )


async def test_a_file_that_is_broken_at_the_start_is_told_of(
    files: Files, told: Callable[[str], list[dict[str, Any]]]
) -> None:
    stop = Told()
    stop.to_stop.set()
    broken = replace(files.installation, broken={"choir": "colour: unknown key"})
    await asyncio.wait_for(begin(broken, Recorded(), stop), PATIENCE)
    why = {"category": "choir", "error": "colour: unknown key", "kept": False}
    assert told("configuration.broken") == [why]


async def test_a_reload_that_is_asked_for_during_the_start_comes_after_it(files: Files) -> None:
    told, part = Told(), Recorded()
    files.may_end.set()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    signal.raise_signal(signal.SIGHUP)  # to this thread: those of pytest-xdist do not put it off
    service = begin(files.installation, part, told)
    await until(lambda: part.applied == 1)
    told.to_stop.set()
    assert await asyncio.wait_for(service, PATIENCE)


async def test_whatever_is_wrong_with_the_looking_the_service_goes_on(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def fails(*_: object) -> int:
        looks.append(1)
        raise KeyError("a secret")

    monkeypatch.setattr(lookout.alerting, "look", fails)
    roster = Roster(files.installation)
    part = Lookout(roster, StoreWatch(roster))
    running = asyncio.create_task(part.run())
    for number in (1, 2):
        await until(lambda: len(looks) >= number)  # noqa: B023
        await part.apply()
    assert not running.done()
    await part.stop(timedelta(0))
    await running
