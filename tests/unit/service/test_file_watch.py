"""`serve --watch`: no change is missed, and nothing is read again that has not changed."""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from listbridge.bootstrap import Installation
from listbridge.service import file_watch
from listbridge.service.file_watch import FileWatch
from listbridge.service.roster import Roster
from listbridge.service.signals import Told

PATIENCE = 30.0
LONG_AGO, LONG_AHEAD = 0, time.time_ns() + 3600 * 10**9


@pytest.fixture
def roster(
    install: Callable[..., Installation], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Roster:
    monkeypatch.setattr(file_watch, "_LOOK_EVERY_SECONDS", 0.01)
    (tmp_path / "general.toml").write_text("")
    one = install()
    service = one.configuration.service.model_copy(update={"categories": tmp_path})
    return Roster(replace(one, configuration=replace(one.configuration, service=service)))


class Counted(FileWatch):
    """Counts its looks."""

    looks = 0

    def _state(self) -> dict[Path, tuple[int, int]]:
        self.looks += 1
        return super()._state()

    async def look(self, times: int) -> None:
        """Wait for so many more whole looks."""
        until = self.looks + times + 1
        async with asyncio.timeout(PATIENCE):
            while self.looks < until:
                await asyncio.sleep(0.01)


async def reloads(roster: Roster, since: int, change: Callable[[], object] = object) -> bool:
    """Watch for some looks, between which something changes; say if a reload was asked for."""
    told = Told()
    part = Counted(roster, told, since)
    watching = asyncio.create_task(part.run())
    await part.look(1)
    change()
    await part.look(3)
    await part.stop(timedelta(0))
    await watching
    return told.to_reload.is_set()


async def test_what_was_written_while_the_files_were_being_read_is_read_again(
    roster: Roster,
) -> None:
    assert await reloads(roster, since=LONG_AGO)


async def test_what_was_written_before_is_in_effect(roster: Roster) -> None:
    assert not await reloads(roster, since=LONG_AHEAD)


async def test_a_file_that_is_moved_there_with_its_old_time_is_a_change(
    roster: Roster, tmp_path: Path
) -> None:
    file, other = tmp_path / "general.toml", tmp_path / "other"
    other.write_text("")
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    assert await reloads(roster, since=LONG_AHEAD, change=lambda: other.rename(file))
