"""The retry timetable: when a deferred delivery is tried again, and when it is given up."""

from datetime import timedelta
from random import Random

from scheduler import backoff

_FIRST = timedelta(minutes=5)
_LONGEST = timedelta(hours=4)
#: No delivery waits longer than this for its next attempt, unless the clock was set back.
LONGEST_WAIT = _LONGEST * 1.5


def next_wait(
    attempts: int, waited: timedelta, give_up_after: timedelta, random: Random
) -> timedelta | None:
    """Return how long to wait after the `attempts`-th attempt, or None to give up.

    RFC 5321 4.5.4.1 asks for days of trying. `waited` is the sum of earlier waits: time in which
    the delivery was held, its account paused or its budget used up does not count.
    """
    if waited >= give_up_after:
        return None
    return backoff.delay(attempts, first=_FIRST, longest=_LONGEST, random=random)
