"""The wall clock is set by a day, forwards or back, and the timetable goes on as if it were not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import apscheduler.schedulers.base
import pytest

from scheduler import runner as running
from scheduler import steady
from scheduler.job import Job
from scheduler.runner import Runner

DAY = timedelta(days=1)
EVERY = timedelta(milliseconds=50)
PATIENCE = timedelta(seconds=30)


@dataclass
class WallClock:
    """What everybody takes for the time."""

    ahead: timedelta = timedelta(0)

    def now(self, zone: tzinfo | None = None) -> datetime:
        return datetime.now(zone) + self.ahead


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    clock = WallClock()

    class Told(datetime):
        @classmethod
        def now(cls, zone: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return clock.now(zone)

    for module in (apscheduler.schedulers.base, running, steady):
        monkeypatch.setattr(module, "datetime", Told)
    return clock


@pytest.fixture
async def runner(wall: WallClock) -> AsyncIterator[Runner]:
    one = Runner()
    one.start()
    yield one
    await one.stop(PATIENCE)


class Work:
    def __init__(self) -> None:
        self.runs = 0
        self.latest = timedelta(0)

    async def __call__(self, late: timedelta) -> None:
        self.runs += 1
        self.latest = max(self.latest, late)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while not done():
            await asyncio.sleep(0.005)


async def test_a_clock_set_right_before_jobs_are_looked_at_starts_none_early(
    runner: Runner, wall: WallClock
) -> None:
    early, new = Work(), Work()
    hourly = Job("a", timedelta(hours=1), early)
    runner.keep([hourly])
    await until(lambda: early.runs == 1)

    runner.keep([hourly, Job("b", EVERY, new)])  # has all of them looked at soon
    wall.ahead += DAY
    await until(lambda: new.runs == 1)

    assert early.runs == 1


@pytest.mark.parametrize("jump", [DAY, -DAY])
async def test_jobs_go_on_in_their_rhythm(runner: Runner, wall: WallClock, jump: timedelta) -> None:
    work = Work()
    runner.keep([Job("a", EVERY, work)])
    await until(lambda: work.runs >= 2)
    wall.ahead += jump
    seen = work.runs
    await until(lambda: work.runs >= seen + 3)
    assert work.latest < DAY / 2


@pytest.mark.parametrize("jump", [DAY, -DAY])
async def test_what_was_to_come_in_an_hour_still_does(
    runner: Runner, wall: WallClock, jump: timedelta
) -> None:
    work, often = Work(), Work()
    runner.keep(
        [Job(str(n), timedelta(hours=1), work) for n in range(5)] + [Job("x", EVERY, often)]
    )
    await until(lambda: work.runs >= 5)
    wall.ahead += jump
    seen = often.runs
    await until(lambda: often.runs >= seen + 3)

    assert work.runs == 5  # no storm
    planned = runner.next_run("3")
    assert planned is not None
    assert timedelta(minutes=50) < planned - wall.now(UTC) < timedelta(minutes=70)


@pytest.mark.parametrize("jump", [DAY, -DAY])
async def test_a_jump_while_a_job_runs_does_not_move_its_next_run(
    runner: Runner, wall: WallClock, jump: timedelta
) -> None:
    runs = 0

    async def jumps(_late: timedelta) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            wall.ahead += jump

    runner.keep([Job("a", EVERY, jumps)])
    await until(lambda: runs >= 4)
