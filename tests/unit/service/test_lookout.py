"""The lookout: it looks again, whatever a look has met with."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from listbridge import maillog
from listbridge.bootstrap import Installation
from listbridge.service import alerting
from listbridge.service.lookout import Lookout
from listbridge.service.roster import Roster
from listbridge.service.store_watch import StoreWatch
from storage.errors import StoreError


@pytest.mark.parametrize("error", [KeyError("unforeseen"), StoreError("the disk is full")])
async def test_whatever_a_look_meets_with_the_next_one_is_made(
    install: Callable[..., Installation], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    told: list[str] = []
    looks: list[None] = []
    loop, looked_again = asyncio.get_running_loop(), asyncio.Event()

    def look(*_: object) -> int:
        looks.append(None)
        if len(looks) == 1:
            raise error
        loop.call_soon_threadsafe(looked_again.set)
        return 0

    monkeypatch.setattr(alerting, "look", look)
    monkeypatch.setattr(maillog, "error", lambda event, **_: told.append(event))
    roster = Roster(install())
    lookout = Lookout(roster, StoreWatch(roster))
    running = asyncio.create_task(lookout.run())
    while not told and not running.done():
        await asyncio.sleep(0)
    await lookout.apply()

    await looked_again.wait()
    await lookout.stop(timedelta(0))
    await running
    assert told == ["store.failed" if isinstance(error, StoreError) else "alerts.failed"]
