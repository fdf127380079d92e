"""Target 13: what it costs to keep the time of thousands of categories, and how late they are."""

import asyncio
import statistics
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from benchmarks.measure import Row, at_most
from scheduler.job import Job
from scheduler.runner import Runner

CATEGORIES = 5_000
EVERY = timedelta(minutes=1)
#: Each of them has its turn once.
LASTS = timedelta(seconds=60)


@dataclass
class _Kept:
    """One run of the timer."""

    late: list[float] = field(default_factory=list)  #: milliseconds
    of_a_core: float = 0.0  #: percent


def rows() -> list[Row]:
    """Measure; return the lines of the table."""
    kept = asyncio.run(_keep_time())
    name = f"{CATEGORIES:,} categories polled every minute"
    p99 = statistics.quantiles(kept.late, n=100)[98]
    return [
        at_most(13, f"{name}: lateness, 99th percentile", lambda: p99, 50, "ms"),
        at_most(13, f"{name}: the timer's share of a core", lambda: kept.of_a_core, 15, "%"),
    ]


async def _keep_time() -> _Kept:
    kept = _Kept()

    async def run(late: timedelta) -> datetime | None:
        kept.late.append(late.total_seconds() * 1000)
        return None

    runner = Runner()
    runner.keep(Job(f"list{number}", EVERY, run) for number in range(CATEGORIES))
    runner.start()
    await asyncio.sleep(EVERY.total_seconds())
    # From here on the first run of each is over, and they come in their intervals.
    kept.late.clear()
    begun, cpu = time.monotonic(), time.process_time()
    await asyncio.sleep(LASTS.total_seconds())
    kept.of_a_core = 100 * (time.process_time() - cpu) / (time.monotonic() - begun)
    await runner.stop(timedelta(seconds=1))
    return kept
