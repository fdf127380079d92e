"""Exponential back-off with jitter: how long to wait before the next try."""

from datetime import timedelta
from random import Random

_JITTER = 0.2


def delay(tries: int, *, first: timedelta, longest: timedelta, random: Random) -> timedelta:
    """Return the wait after `tries` failed tries (1 or more): doubled each time, up to `longest`.

    It is off by up to a fifth either way, so that what failed together does not come back together.
    """
    jitter: float = random.uniform(1 - _JITTER, 1 + _JITTER)
    doubled: timedelta = first * 2 ** min(tries - 1, 30)
    wait: timedelta = min(doubled, longest) * jitter
    return wait
