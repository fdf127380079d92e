"""Turns at hosts: what hangs keeps neither other hosts nor its neighbours from having theirs."""

import asyncio
from contextlib import AsyncExitStack, suppress

import pytest

from listbridge.service import turns
from listbridge.service.turns import Turns

PATIENCE = 30.0
SOON = 0.05
HOST, OTHER = "imap.example.org", "imap.example.net"


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_LONG_SECONDS", 0.0)


class Passes:
    """Passes that go on until they are told to end."""

    def __init__(self, *, is_outside: bool = True) -> None:
        self._turns = Turns()
        self._is_outside = is_outside
        self._going_on: list[AsyncExitStack] = []

    async def begin(self, number: int, host: str = HOST, *, is_failing: bool = False) -> None:
        """Begin so many, patiently."""
        for _ in range(number):
            assert await self.can_begin(host, is_failing=is_failing, within=PATIENCE)

    async def can_begin(
        self, host: str = HOST, *, is_failing: bool = False, within: float = SOON
    ) -> bool:
        """Begin one if it gets its turn in time."""
        one = AsyncExitStack()
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                turn = self._turns.at(
                    host, is_failing=is_failing, is_outside=lambda: self._is_outside
                )
                await one.enter_async_context(turn)
            self._going_on.append(one)
            return True
        return False

    async def end_one(self) -> None:
        await self._going_on.pop(0).aclose()


async def test_a_host_has_so_many_turns_and_another_one_its_own() -> None:
    passes = Passes()
    await passes.begin(turns._AT_ONE_HOST)
    assert not await passes.can_begin()
    assert await passes.can_begin(OTHER)
    await passes.end_one()
    assert await passes.can_begin()


async def test_mailboxes_that_failed_leave_turns_to_the_others() -> None:
    passes = Passes()
    await passes.begin(turns._FAILING_AT_ONE_HOST, is_failing=True)
    assert not await passes.can_begin(is_failing=True)
    await passes.begin(turns._AT_ONE_HOST - turns._FAILING_AT_ONE_HOST)
    assert not await passes.can_begin()


async def test_passes_that_are_not_let_in_let_others_have_turns_up_to_a_limit(
    quickly: None,
) -> None:
    passes = Passes()
    most = turns._AT_ONE_HOST + turns._LONG_AT_ONCE
    await passes.begin(most)
    assert not await passes.can_begin()
    for _ in range(most):
        await passes.end_one()
    await passes.begin(most)  # each has given back just what it had


async def test_what_is_slow_after_its_server_let_it_in_lets_no_others_have_turns(
    quickly: None,
) -> None:
    passes = Passes(is_outside=False)
    await passes.begin(turns._AT_ONE_HOST)
    assert not await passes.can_begin()


async def test_what_failed_before_and_is_not_let_in_again_lets_no_others_have_turns(
    quickly: None,
) -> None:
    passes = Passes()
    await passes.begin(turns._FAILING_AT_ONE_HOST, is_failing=True)
    assert not await passes.can_begin(is_failing=True)


async def test_passes_that_are_not_let_in_at_one_host_leave_threads_to_the_others(
    quickly: None,
) -> None:
    passes = Passes()
    await passes.begin(turns._AT_ONE_HOST + turns._LONG_AT_ONCE)
    for number in range((turns._AT_ONCE - turns._AT_ONE_HOST) // turns._AT_ONE_HOST):
        await passes.begin(turns._AT_ONE_HOST, f"imap{number}.example.net")
    assert not await passes.can_begin(OTHER)
    assert len(passes._going_on) == turns.THREADS


async def test_whoever_gives_up_waiting_takes_no_turn_with_him() -> None:
    passes = Passes()
    await passes.begin(turns._AT_ONE_HOST)
    for _ in range(3):
        assert not await passes.can_begin(within=0)
    await passes.end_one()
    assert await passes.can_begin()
