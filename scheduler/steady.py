"""APScheduler, unimpressed by a wall clock that is set: a minute stays a minute.

APScheduler knows jobs by their time of day. After the clock has jumped ahead all of them would be
due at once, and after it was set back none would be due until it has caught up.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

# What a clock is corrected by while it runs; it adds up until it is worth following.
_SLEW = timedelta(seconds=1)


class SteadyScheduler(AsyncIOScheduler):  # type: ignore[misc]
    """Moves all jobs along whenever the wall clock has jumped against the monotonic one.

    The time in which the machine was suspended is such a jump: nothing was missed in it, as
    nothing could have been done. `on_jump` is told by how much.
    """

    def __init__(self, on_jump: Callable[[timedelta], None], **options: Any) -> None:
        super().__init__(**options)
        self._on_jump = on_jump
        self._offset = _offset()

    def _process_jobs(self) -> Any:
        """Run what is due, by whatever the clock says now; APScheduler's timer is monotonic."""
        # Not in `wakeup`, which only has this called soon: the clock may be set in between.
        self.follow_the_clock()
        return super()._process_jobs()

    def jump(self) -> timedelta:
        """Return by how much the clock has jumped since the jobs were moved along last."""
        jump = _offset() - self._offset
        return jump if abs(jump) > _SLEW else timedelta(0)

    def follow_the_clock(self) -> None:
        """Move all jobs along if the clock has jumped; belongs to the event loop."""
        jump = self.jump()
        if not jump:
            return
        self._offset += jump
        for job in self.get_jobs():
            self.modify_job(job.id, next_run_time=job.next_run_time + jump)
        self._on_jump(jump)


def _offset() -> timedelta:
    """Return how far the wall clock is ahead of the monotonic one."""
    return datetime.now(UTC) - datetime.fromtimestamp(monotonic(), UTC)
