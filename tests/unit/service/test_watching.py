"""Watching by IDLE: when a connection that failed is tried again."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from listbridge.bootstrap import Installation
from listbridge.mailbox import IncomingSettings, LoginRefused
from listbridge.service import watching
from listbridge.service.roster import Roster
from listbridge.service.watching import Watching
from tests.servers.process import wait_until


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[IncomingSettings]:
    """All logins, each of which is refused."""
    made = []

    def refused(settings: IncomingSettings) -> None:
        made.append(settings)
        raise LoginRefused("no")

    monkeypatch.setattr(watching, "open_watch", refused)
    return made


async def test_a_reload_tries_again_what_was_refused(
    install: Callable[..., Installation],
    tries: list[IncomingSettings],
    told: Callable[[str], list[object]],
) -> None:
    part = Watching(Roster(install()), lambda _: None)
    await part.apply()
    wait_until(lambda: len(told("idle.ended")) == 1, "it rests", 30)
    await part.apply()  # with the same settings: it is the password's file that was mended
    wait_until(lambda: len(told("idle.ended")) == 2, "it rests again", 30)
    await part.stop(timedelta(0))
    assert len(tries) == 2
