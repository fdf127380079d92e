"""Hears of what other processes have made due, and wakes the sender."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from listbridge.service.roster import Roster
from storage.wakeup import Wakeup

# The longest wait for one word; stopping does not wait for it.
_WORD_SECONDS = 60.0
# What others do to the store comes in bursts; the sender looks at it this often at most.
_PAUSE_SECONDS = 0.1


class Listening:
    """Calls `wake` on the event loop whenever other processes may have made something due."""

    def __init__(self, roster: Roster, wake: Callable[[], None]) -> None:
        self._wakeup = Wakeup(roster.installation.db)
        self._wake = wake
        self._stopping = False

    async def run(self) -> None:
        """Listen until stopped."""
        while not self._stopping:
            if await asyncio.to_thread(self._wakeup.wait, _WORD_SECONDS):
                self._wake()
                await asyncio.sleep(_PAUSE_SECONDS)

    async def apply(self) -> None:
        """The database stays what it is."""

    async def stop(self, within: timedelta) -> bool:  # noqa: ARG002  -- it never takes long
        """Stop listening."""
        self._stopping = True
        await asyncio.to_thread(self._wakeup.close)
        return True
