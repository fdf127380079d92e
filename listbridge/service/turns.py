"""Whose turn it is to poll: so many at once, and so many of them at one host.

A host that hangs keeps each pass until its time limit. Neither other hosts nor other mailboxes at
that host are to wait for that.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager

# A mailbox on a dead host keeps its thread until the time limit; the others must not wait for it.
_AT_ONCE = 64
# So that one dead host cannot take all the threads. Servers limit connections from one place, too.
_AT_ONE_HOST = 8
# Of those, so many may be of mailboxes that failed the last time. They may hang until the time
# limit again, and the others at their host must not wait for them.
_FAILING_AT_ONE_HOST = 4
# Of a mailbox that has not failed before, nobody knows that it hangs. When it has not let us in for
# so long, another one gets its turn, as long as not too many are beyond the limits in this way. (A
# pass that is slow because of ourselves must not bring more of them.)
_LONG_SECONDS = 5.0
_LONG_AT_ONCE = 24

#: How many threads the turns need.
THREADS = _AT_ONCE + _LONG_AT_ONCE


class Turns:
    """Turns at hosts; belongs to the event loop."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._at: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_AT_ONE_HOST)
        )
        self._failing_at: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_FAILING_AT_ONE_HOST)
        )
        self._long = 0

    @asynccontextmanager
    async def at(
        self, host: str, *, is_failing: bool, is_outside: Callable[[], bool]
    ) -> AsyncIterator[None]:
        """Have a thread for a pass, once its host and those who wait there have one to spare.

        `is_outside` says whether the pass is waiting for the server to let it in.
        """
        limits = [self._at[host], self._free]
        if is_failing:
            limits.insert(0, self._failing_at[host])
        with ExitStack() as held:
            for limit in limits:
                await limit.acquire()
                held.callback(limit.release)
            if not is_failing:
                loop = asyncio.get_running_loop()
                timer = loop.call_later(_LONG_SECONDS, self._let_another, held, is_outside)
                held.callback(timer.cancel)
            yield

    def _let_another(self, held: ExitStack, is_outside: Callable[[], bool]) -> None:
        """Give back what a turn holds, although it goes on."""
        if is_outside() and self._long < _LONG_AT_ONCE:
            held.close()
            self._long += 1
            held.callback(self._has_ended)

    def _has_ended(self) -> None:
        self._long -= 1
