"""What is left alone for now because it has failed, and ever longer the more often it fails."""

from collections.abc import Hashable
from datetime import datetime, timedelta
from random import Random, SystemRandom

from scheduler import backoff


class Rests:
    """Remembers in memory how often each thing has failed in a row, and until when it rests."""

    def __init__(self, *, first: timedelta, longest: timedelta) -> None:
        self._first = first
        self._longest = longest
        self._random: Random = SystemRandom()
        self._rests: dict[Hashable, tuple[datetime, datetime]] = {}  # from when, until when
        self._failures: dict[Hashable, int] = {}

    def is_resting(self, thing: Hashable, now: datetime) -> bool:
        """Say whether it is to be left alone now."""
        since, until = self._rests.get(thing, (now, now))
        # A rest that begins in the future was begun before the clock was set back.
        return since <= now < until

    def failed(self, thing: Hashable, now: datetime) -> datetime:
        """Let it rest, the longer the more often it has failed in a row; return until when."""
        self._failures[thing] = self._failures.get(thing, 0) + 1
        wait = backoff.delay(
            self._failures[thing], first=self._first, longest=self._longest, random=self._random
        )
        self._rests[thing] = (now, now + wait)
        return now + wait

    def succeeded(self, thing: Hashable) -> None:
        """Forget that it ever failed."""
        self._failures.pop(thing, None)
        self._rests.pop(thing, None)
