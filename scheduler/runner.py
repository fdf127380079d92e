"""Runs jobs at their times: no job overlaps itself, a late run is made up for once, none is lost.

APScheduler keeps the time and nothing else. Its jobs live in memory and are made anew from the
configuration at each start: what is true stands in the database, not in a timetable.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random, SystemRandom

from scheduler.job import Job
from scheduler.steady import SteadyScheduler

# So that what was started together does not stay together: a part of the interval, at most this.
_JITTER = 0.05
_MOST_JITTER = timedelta(seconds=10)
# At the start, jobs begin so far apart, and all of them within their interval.
_APART = timedelta(milliseconds=20)


class Runner:
    """A set of jobs on the running event loop; all its methods belong to that loop."""

    def __init__(self, random: Random | None = None) -> None:
        self._random = random or SystemRandom()
        self._jobs: dict[str, Job] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._due: dict[str, datetime] = {}  # when each job is to run next, as it was planned
        self._stopping = False
        self._clock = SteadyScheduler(
            self._clock_was_set,
            timezone=UTC,
            job_defaults={
                "coalesce": True,
                "misfire_grace_time": None,  # its default drops a run that is a second late
                # That no job overlaps itself is seen to below: APScheduler takes a run for going
                # on until after its last step, and would then drop one that this step asked for.
                "max_instances": 2,
            },
        )

    def start(self) -> None:
        """Begin to run jobs."""
        self._clock.start()

    def keep(self, jobs: Iterable[Job]) -> None:
        """Have exactly these jobs: new ones start soon, changed ones take their new timetable.

        A job that is no longer wanted is not run again; a run that goes on comes to its end.
        """
        wanted = {job.name: job for job in jobs}
        for name in self._jobs.keys() - wanted.keys():
            self._clock.remove_job(name)
        self._clock.follow_the_clock()
        first = datetime.now(UTC)
        for name, job in wanted.items():
            known = self._jobs.get(name)
            if known is None or known.every != job.every:
                self._add(job, min(first, datetime.now(UTC) + job.every * self._random.random()))
                first += _APART
        self._jobs = wanted

    def run_now(self, name: str) -> None:
        """Run a job as soon as it does not run already; a name that is not known is ignored."""
        if name in self._running:
            self._again.add(name)
        elif name in self._jobs and not self._stopping:
            self._set_next(name, datetime.now(UTC))

    def next_run(self, name: str) -> datetime | None:
        """Return when a job is due next; None if there is no such job."""
        job = self._clock.get_job(name)
        return job.next_run_time + self._clock.jump() if job else None

    async def stop(self, within: timedelta) -> bool:
        """Start no more runs, and wait for those that go on; False if some had not ended by then.

        APScheduler's own waiting would cancel them.
        """
        self._stopping = True
        self._clock.pause()
        if self._running:
            await asyncio.wait(self._running.values(), timeout=within.total_seconds())
        self._clock.shutdown(wait=False)
        return not self._running

    def _clock_was_set(self, jump: timedelta) -> None:
        """Have every job wait as long as it would have waited."""
        for name in self._jobs:
            self._due[name] += jump

    def _add(self, job: Job, first: datetime) -> None:
        jitter = min(job.every * _JITTER, _MOST_JITTER).total_seconds()
        self._clock.add_job(
            self._run,
            "interval",
            args=[job.name],
            id=job.name,
            seconds=job.every.total_seconds(),
            jitter=jitter,
            next_run_time=first,
            replace_existing=True,
        )
        self._due[job.name] = first

    async def _run(self, name: str) -> None:
        if self._stopping or name not in self._jobs or name in self._running:
            return
        task = asyncio.current_task()
        assert task is not None
        self._running[name] = task
        next_run = None
        try:
            late = datetime.now(UTC) - self._due[name] - self._clock.jump()
            next_run = await self._jobs[name].run(max(late, timedelta(0)))
        except asyncio.CancelledError:
            if not self._stopping:  # else it was cut off at the end, which is no failure to tell of
                raise
        finally:
            del self._running[name]
            self._plan(name, next_run)

    def _plan(self, name: str, next_run: datetime | None) -> None:
        again = name in self._again
        self._again.discard(name)
        if name not in self._jobs or self._stopping:
            return
        if again:
            self._set_next(name, datetime.now(UTC))
        else:
            planned = self.next_run(name)
            assert planned is not None
            self._set_next(name, next_run or planned)

    def _set_next(self, name: str, moment: datetime) -> None:
        self._clock.follow_the_clock()  # this moment is of the clock as it is now
        self._due[name] = moment
        self._clock.modify_job(name, next_run_time=moment)
