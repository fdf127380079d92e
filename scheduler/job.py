"""A job: a name, a timetable, and what is done."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Job:
    """Something that is done again and again.

    `run` is told how late it is, and returns when it is to be done next, or None to follow the
    timetable.
    """

    name: str
    every: timedelta
    run: Callable[[timedelta], Awaitable[datetime | None]]
