"""The runner: jobs at their times, never two runs of one at once, nothing cut off."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from scheduler.job import Job
from scheduler.runner import Runner

SOON = timedelta(milliseconds=10)
LATE = timedelta(hours=1)
PATIENCE = timedelta(seconds=30)


class Work:
    """Something to run, with a record of it."""

    def __init__(self, next_run: timedelta | None = None) -> None:
        self.runs = 0
        self.at_once = 0
        self.most_at_once = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self._next_run = next_run

    async def __call__(self, late: timedelta) -> datetime | None:
        self.runs += 1
        self.late = late
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await self.may_end.wait()
        self.at_once -= 1
        return None if self._next_run is None else datetime.now(UTC) + self._next_run


@pytest.fixture
async def runner() -> AsyncIterator[Runner]:
    one = Runner()
    one.start()
    yield one
    await one.stop(PATIENCE)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while not done():
            await asyncio.sleep(0.005)


async def test_a_job_runs_again_and_again(runner: Runner) -> None:
    work = Work()
    runner.keep([Job("a", SOON, work)])
    await until(lambda: work.runs >= 3)


async def test_a_job_that_is_still_running_when_it_is_due_does_not_overlap_itself(
    runner: Runner,
) -> None:
    slow, other = Work(), Work()
    slow.may_end.clear()
    runner.keep([Job("slow", SOON, slow), Job("other", SOON, other)])
    await until(lambda: slow.runs == 1 and other.runs >= 5)
    slow.may_end.set()
    await until(lambda: slow.runs >= 3)
    assert slow.most_at_once == 1


async def test_a_job_can_be_run_before_its_time(runner: Runner) -> None:
    work = Work(next_run=LATE)
    runner.keep([Job("a", LATE, work)])
    await until(lambda: work.runs == 1)
    runner.run_now("a")
    await until(lambda: work.runs == 2)


async def test_a_job_that_is_wanted_while_it_runs_is_run_once_more(runner: Runner) -> None:
    work = Work(next_run=LATE)
    work.may_end.clear()
    runner.keep([Job("a", LATE, work)])
    await until(lambda: work.runs == 1)
    runner.run_now("a")
    runner.run_now("a")
    work.may_end.set()
    await until(lambda: work.runs == 2 and work.at_once == 0)
    assert work.most_at_once == 1
    assert runner.next_run("a") is not None


async def test_what_a_run_returns_is_when_the_next_one_comes(runner: Runner) -> None:
    work = Work(next_run=LATE)
    runner.keep([Job("a", SOON, work)])
    await until(lambda: work.runs == 1 and work.at_once == 0)
    await asyncio.sleep(0)
    planned = runner.next_run("a")
    assert planned is not None
    assert planned - datetime.now(UTC) > LATE / 2


async def test_a_job_that_fails_is_run_again_all_the_same(runner: Runner) -> None:
    failed = Work()

    async def fails(late: timedelta) -> None:
        await failed(late)
        raise RuntimeError("no")

    runner.keep([Job("a", SOON, fails)])
    await until(lambda: failed.runs >= 2)


async def test_a_job_that_is_not_kept_is_not_run_any_more(runner: Runner) -> None:
    old, new = Work(), Work()
    runner.keep([Job("old", SOON, old)])
    await until(lambda: old.runs >= 1)
    runner.keep([Job("new", SOON, new)])
    seen = old.runs
    await until(lambda: new.runs >= 5)
    assert old.runs == seen
    assert runner.next_run("old") is None


async def test_a_job_is_kept_with_a_new_timetable_and_new_work(runner: Runner) -> None:
    old, new = Work(), Work()
    runner.keep([Job("a", LATE, old)])
    await until(lambda: old.runs == 1)
    runner.keep([Job("a", SOON, new)])
    await until(lambda: new.runs >= 2)
    assert old.runs == 1


async def test_stopping_waits_for_what_runs_and_starts_nothing_more() -> None:
    runner, work = Runner(), Work()
    work.may_end.clear()
    runner.start()
    runner.keep([Job("a", SOON, work)])
    await until(lambda: work.runs == 1)
    stopping = asyncio.create_task(runner.stop(PATIENCE))
    await asyncio.sleep(0.05)
    assert not stopping.done()
    runner.run_now("a")
    work.may_end.set()
    assert await stopping is True
    assert work.runs == 1


async def test_stopping_tells_when_something_did_not_end_in_time() -> None:
    runner, work = Runner(), Work()
    work.may_end.clear()
    runner.start()
    runner.keep([Job("a", SOON, work)])
    await until(lambda: work.runs == 1)
    assert await runner.stop(timedelta(milliseconds=20)) is False
    work.may_end.set()


async def test_what_is_cut_off_at_the_end_is_not_told_of_as_a_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runner, work = Runner(), Work()
    work.may_end.clear()
    runner.start()
    runner.keep([Job("a", SOON, work)])
    await until(lambda: work.runs == 1)
    await runner.stop(timedelta(0))
    await until(lambda: runner._running == {})
    await asyncio.sleep(0)  # APScheduler's own last step
    assert [one for one in caplog.records if one.levelname == "ERROR"] == []


async def test_the_first_runs_of_many_jobs_are_spread_out(runner: Runner) -> None:
    work = Work()
    jobs = [Job(str(n), timedelta(minutes=1), work) for n in range(500)]
    runner.keep(jobs)
    firsts = [first for job in jobs if (first := runner.next_run(job.name))]
    assert max(firsts) - min(firsts) > timedelta(seconds=5)
    assert max(firsts) - datetime.now(UTC) < timedelta(minutes=1)


async def test_a_run_is_told_how_late_it_is() -> None:
    runner, work = Runner(), Work()
    runner.keep([Job("a", LATE, work)])
    await asyncio.sleep(0.05)
    runner.start()  # only now
    await until(lambda: work.runs == 1)
    assert timedelta(seconds=0.04) < work.late < LATE
    await runner.stop(PATIENCE)
