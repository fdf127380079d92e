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
        self._until: dict[Hashable, datetime] = {}
        self._failures: dict[Hashable, int] = {}

    def is_resting(self, thing: Hashable, now: datetime) -> bool:
        """Say whether it is to be left alone now."""
        until = self._until.get(thing)
        return until is not None and now < until

    def failed(self, thing: Hashable, now: datetime) -> datetime:
        """Let it rest, the longer the more often it has failed in a row; return until when."""
        self._failures[thing] = self._failures.get(thing, 0) + 1
        wait = backoff.delay(
            self._failures[thing], first=self._first, longest=self._longest, random=self._random
        )
        self._until[thing] = now + wait
        return now + wait

    def succeeded(self, thing: Hashable) -> None:
        """Forget that it ever failed."""
        self._failures.pop(thing, None)
        self._until.pop(thing, None)
