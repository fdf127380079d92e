"""The polling part: whose turn it is, how failures are spaced, what stays in view."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from listbridge import clock
from listbridge.bootstrap import Installation
from listbridge.metrics import Metrics
from listbridge.service import polling, turns
from listbridge.service.polling import Polling
from listbridge.service.roster import Roster
from storage import leases, polls
from storage.database import Database
from storage.errors import StoreError
from storage.polls import Poll
from storage.states import Trouble
from tests.fakes.mailbox import HOST, FakeServer, breaks
from tests.fakes.office import letter

NOT_LATE = timedelta(0)
EVERY = timedelta(minutes=1)
SOON = timedelta(seconds=30)
PATIENCE = 30.0

Told = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def part(
    install: Callable[..., object], server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> Polling:
    monkeypatch.setattr(polling, "open_mailbox", server.open)
    return Polling(Roster(install()), Metrics(), lambda _: None)  # type: ignore[arg-type]


@pytest.fixture
def one_pass(part: Polling) -> Callable[[], Awaitable[datetime | None]]:
    """Make the pass that the runner would."""
    return lambda: part._poll("general", NOT_LATE)


@pytest.fixture
def on_record(db: Database, category_id: int) -> Callable[[], Poll]:
    """Return what the store knows of the last pass."""

    def read() -> Poll:
        with db.reading() as tx:
            return polls.every(tx)[category_id]

    return read


async def test_a_pass_and_its_successor_are_on_record(
    one_pass: Callable[[], Awaitable[datetime | None]],
    on_record: Callable[[], Poll],
    server: FakeServer,
) -> None:
    server.deliver(letter(1))
    before = clock.now()
    next_pass = await one_pass()
    poll = on_record()
    assert server.messages == []
    assert poll.ended_at is not None
    assert before <= poll.begun_at <= poll.ended_at
    assert (poll.trouble, poll.error, poll.failures) == (None, None, 0)
    assert poll.next_at == next_pass is not None


async def test_failures_are_spaced_ever_further_and_one_success_ends_that(
    part: Polling,
    one_pass: Callable[[], Awaitable[datetime | None]],
    on_record: Callable[[], Poll],
    server: FakeServer,
) -> None:
    server.on["open"] = breaks
    waits = []
    for _ in range(8):
        part.poll_now("general")
        next_pass = await one_pass()
        assert next_pass is not None
        waits.append(next_pass - clock.now())
    poll = on_record()
    assert (poll.trouble, poll.failures) == (Trouble.UNREACHABLE, 8)
    assert waits[0] < 2 * EVERY
    assert timedelta(minutes=10) < waits[-1] < timedelta(minutes=20)

    server.on.clear()
    part.poll_now("general")
    await one_pass()
    assert (on_record().trouble, on_record().failures) == (None, 0)


async def test_a_pass_that_another_service_has_just_made_is_left_out(
    part: Polling,
    db: Database,
    category_id: int,
    one_pass: Callable[[], Awaitable[datetime | None]],
    server: FakeServer,
) -> None:
    with db.transaction() as tx:
        begun_at = clock.now() - SOON
        polls.begin(tx, category_id, now=begun_at)
    next_pass = await one_pass()
    assert server.logins == 0
    assert next_pass is not None
    assert begun_at + EVERY <= next_pass <= begun_at + EVERY * 1.1

    part.poll_now("general")  # as when the server has told of new mail
    await one_pass()
    assert server.logins == 1


async def test_a_mailbox_that_another_service_found_in_trouble_is_left_alone_as_long(
    db: Database,
    category_id: int,
    one_pass: Callable[[], Awaitable[datetime | None]],
    server: FakeServer,
) -> None:
    with db.transaction() as tx:
        polls.begin(tx, category_id, now=clock.now() - SOON)
        for _ in range(5):
            polls.end(tx, category_id, trouble=Trouble.UNREACHABLE, error="down", now=clock.now())
    next_pass = await one_pass()
    assert server.logins == 0
    assert next_pass is not None
    assert next_pass - clock.now() > 8 * EVERY


async def test_a_pass_is_due_when_the_last_one_is_an_interval_ago(
    db: Database,
    category_id: int,
    one_pass: Callable[[], Awaitable[datetime | None]],
    server: FakeServer,
) -> None:
    with db.transaction() as tx:
        polls.begin(tx, category_id, now=clock.now() - EVERY)
    await one_pass()
    assert server.logins == 1


async def test_a_clock_that_was_set_back_stops_no_polling(
    db: Database,
    category_id: int,
    one_pass: Callable[[], Awaitable[datetime | None]],
    server: FakeServer,
) -> None:
    with db.transaction() as tx:
        polls.begin(tx, category_id, now=clock.now() + timedelta(days=1))
    await one_pass()
    assert server.logins == 1


async def test_a_mailbox_that_another_process_works_on_is_left_to_it(
    db: Database,
    one_pass: Callable[[], Awaitable[datetime | None]],
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leases.owner, "is_alive", lambda owner: True)
    with db.transaction() as tx:
        leases.take(tx, server.settings.key, clock.now() + EVERY, clock.now())
    assert await one_pass() is None
    assert server.logins == 0


async def test_while_the_database_cannot_be_used_no_pass_is_made_and_afterwards_at_once(
    part: Polling,
    db: Database,
    one_pass: Callable[[], Awaitable[datetime | None]],
    server: FakeServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    db.trouble = "the disk is full"
    await one_pass()
    assert server.logins == 0
    assert caplog.records == []

    part.store_is_back()
    assert part._wanted == {"general"}


async def test_a_pass_that_the_database_broke_off_is_made_anew_soon_whoever_noticed(
    db: Database,
    one_pass: Callable[[], Awaitable[datetime | None]],
    server: FakeServer,
    on_record: Callable[[], Poll],
) -> None:
    def fails(*_: object) -> None:
        raise StoreError("sorry, too many clients already")

    server.on["open"] = fails
    next_pass = await one_pass()
    assert db.trouble is None  # as when another pass has committed meanwhile
    assert next_pass is not None
    assert next_pass - clock.now() < SOON
    assert on_record().trouble is Trouble.OURS

    server.on.clear()
    await one_pass()  # which is not left out for having begun just now
    assert on_record().trouble is None


async def test_whatever_blows_up_does_not_leave_the_pass_and_is_tried_ever_more_rarely(
    one_pass: Callable[[], Awaitable[datetime | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise KeyError("a secret")

    monkeypatch.setattr(polling, "take_in", fails)
    waits = []
    for _ in range(5):
        next_pass = await one_pass()
        assert next_pass is not None
        waits.append(next_pass - clock.now())
    assert waits[0] < SOON < waits[-1] <= EVERY


async def test_a_subscriber_file_that_is_wrong_stays_in_view_until_it_is_read_again(
    install: Callable[..., object],
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    on_record: Callable[[], Poll],
) -> None:
    monkeypatch.setattr(polling, "open_mailbox", server.open)
    file = tmp_path / "general.subscribers"
    part = Polling(Roster(install(subscribers_file=file)), Metrics(), lambda _: None)  # type: ignore[arg-type]
    await part.apply()
    for _ in range(2):
        part.poll_now("general")
        await part._poll("general", NOT_LATE)
        assert on_record().trouble is Trouble.SUBSCRIBERS
        assert str(file) in str(on_record().error)

    file.write_text("ann@example.net\n")
    await part.apply()
    await part._poll("general", NOT_LATE)
    assert on_record().trouble is None


async def test_the_sender_is_told_what_a_pass_made_due(
    install: Callable[..., object],
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    category_id: int,
) -> None:
    monkeypatch.setattr(polling, "open_mailbox", server.open)
    file = tmp_path / "general.subscribers"
    file.write_text("ann@example.net\n")
    told: list[int] = []
    part = Polling(Roster(install(subscribers_file=file)), Metrics(), told.append)  # type: ignore[arg-type]
    await part.apply()
    server.deliver(letter(1), letter(2))
    await part._poll("general", NOT_LATE)
    assert told == [category_id]  # two posts, and one commit


class Served:
    """The part as it runs, with what reloads put into its roster."""

    def __init__(self, roster: Roster, reloaded: Callable[..., Installation]) -> None:
        self.roster = roster
        self.part = Polling(roster, Metrics(), lambda _: None)
        self._reloaded = reloaded

    async def reload(self, **settings: object) -> None:
        self.roster.installation = self._reloaded(**settings)
        await self.part.apply()


@pytest.fixture
async def served(
    install: Callable[..., Installation],
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> AsyncIterator[Served]:
    """Let the part run, with a subscriber file of one line."""
    monkeypatch.setattr(polling, "open_mailbox", server.open)
    file = tmp_path / "general.subscribers"
    file.write_text("ann@example.net\n")
    reloaded = partial(install, subscribers_file=file, poll_every=timedelta(hours=1))
    one = Served(Roster(reloaded()), reloaded)
    running = asyncio.create_task(one.part.run())
    yield one
    await one.part.stop(timedelta(seconds=PATIENCE))
    await running


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not done():
            await asyncio.sleep(0.01)


def ended(on_record: Callable[[], Poll]) -> bool:
    return on_record().ended_at is not None


@pytest.fixture
def just_polled(db: Database, category_id: int) -> None:
    """An earlier service has ended just after a pass."""
    with db.transaction() as tx:
        polls.begin(tx, category_id, now=clock.now() - SOON)


async def test_the_first_pass_of_a_service_is_made_however_seldom_it_polls(
    just_polled: None, served: Served, server: FakeServer
) -> None:
    await until(lambda: server.logins == 1)


async def test_a_reload_reads_the_file_again_and_leaves_a_mailbox_alone_that_was_read_just_now(
    served: Served, server: FakeServer, tmp_path: Path, on_record: Callable[[], Poll], told: Told
) -> None:
    await until(lambda: server.logins == 1 and ended(on_record))
    (tmp_path / "general.subscribers").write_text("ann@example.net\nbob@example.net\n")
    await served.reload()
    await until(lambda: len(told("subscribers.changed")) == 2)
    assert server.logins == 1


async def test_what_is_wrong_with_a_file_is_on_record_soon_after_the_reload(
    served: Served, server: FakeServer, tmp_path: Path, on_record: Callable[[], Poll]
) -> None:
    await until(lambda: server.logins == 1 and ended(on_record))
    (tmp_path / "general.subscribers").unlink()
    await served.reload()
    await until(lambda: on_record().trouble is Trouble.SUBSCRIBERS)


async def test_a_reload_polls_at_once_what_has_changed(
    served: Served, server: FakeServer, on_record: Callable[[], Poll]
) -> None:
    await until(lambda: server.logins == 1 and ended(on_record))
    await served.reload(incoming=server.settings.model_copy(update={"folder": "lists"}))
    await until(lambda: server.logins == 2)


async def test_a_reload_polls_at_once_what_was_in_trouble(
    served: Served, server: FakeServer, on_record: Callable[[], Poll]
) -> None:
    server.on["open"] = breaks
    await until(lambda: server.logins == 1 and ended(on_record))
    server.on.clear()
    await served.reload()
    await until(lambda: on_record().trouble is None)


@pytest.fixture
async def waiting(part: Polling) -> AsyncIterator[asyncio.Task[datetime | None]]:
    """A pass that waits for its turn at a host which keeps all others busy."""
    at_host = part._turns._at[HOST]
    for _ in range(turns._AT_ONE_HOST):
        await at_host.acquire()
    part.poll_now("general")
    one = asyncio.create_task(part._poll("general", NOT_LATE))
    await until(at_host.locked)
    await asyncio.sleep(0)
    yield one
    at_host.release()
    await one


async def test_a_pass_that_waited_for_its_turn_goes_by_what_was_reloaded_meanwhile(
    part: Polling,
    waiting: asyncio.Task[datetime | None],
    install: Callable[..., Installation],
    server: FakeServer,
) -> None:
    part._roster.installation = replace(install(), ids={})  # the category has vanished
    part._turns._at[HOST].release()
    assert await waiting is None
    assert server.logins == 0


async def test_a_pass_that_waited_for_its_turn_is_not_begun_at_the_end(
    part: Polling, waiting: asyncio.Task[datetime | None], server: FakeServer
) -> None:
    running = asyncio.create_task(part.run())
    await asyncio.sleep(0)
    await part.stop(NOT_LATE)
    part._turns._at[HOST].release()
    assert await waiting is None
    assert server.logins == 0
    await running


async def test_a_pass_that_began_before_a_reload_does_not_take_the_old_file_for_the_new_one(
    install: Callable[..., Installation],
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    told: Told,
) -> None:
    monkeypatch.setattr(polling, "open_mailbox", server.open)
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("ann@example.net\n")
    new.write_text("ann@example.net\nbob@example.net\n")
    part = Polling(Roster(install(subscribers_file=old)), Metrics(), lambda _: None)
    await part.apply()
    readers = part._roster.installation.readers(["general"])
    part._roster.installation = install(subscribers_file=new)
    await part.apply()
    part._pass(readers, EVERY, NOT_LATE)
    await part._poll("general", NOT_LATE)
    assert sum(one["added"] for one in told("subscribers.changed")) == 2


async def test_only_while_its_server_does_not_let_it_in_a_pass_counts_as_hanging(
    part: Polling, one_pass: Callable[[], Awaitable[datetime | None]], server: FakeServer
) -> None:
    outside = []

    def notes(*_: object) -> None:
        outside.append(set(part._outside))

    server.on["open"] = server.on["list"] = notes
    server.deliver(letter(1))
    await one_pass()
    assert outside[0] == {"general"}
    assert not any(outside[1:])


async def test_mailboxes_that_hang_again_and_again_leave_turns_at_their_host_to_the_others(
    part: Polling, one_pass: Callable[[], Awaitable[datetime | None]], server: FakeServer
) -> None:
    async def is_made(within: float = PATIENCE) -> bool:
        before = server.logins
        part.poll_now("general")
        with suppress(TimeoutError):
            await asyncio.wait_for(one_pass(), within)
        return server.logins > before

    server.on["open"] = breaks
    assert await is_made()
    for _ in range(turns._FAILING_AT_ONE_HOST):  # others that failed are at it
        await part._turns._failing_at[HOST].acquire()
        await part._turns._at[HOST].acquire()
    assert not await is_made(within=0.1)
    part._turns._failing_at[HOST].release()
    server.on.clear()
    assert await is_made()
    await part._turns._failing_at[HOST].acquire()
    assert await is_made()  # it is none of those any more


async def test_what_an_earlier_service_left_in_trouble_is_among_those_that_fail(
    part: Polling, db: Database, category_id: int
) -> None:
    with db.transaction() as tx:
        polls.begin(tx, category_id, now=clock.now())
        polls.end(tx, category_id, trouble=Trouble.LOGIN, error="no", now=clock.now())
    for _ in range(turns._AT_ONE_HOST):  # so that its own pass does not come to it
        await part._turns._at[HOST].acquire()
    running = asyncio.create_task(part.run())
    await until(lambda: part._failing == {"general"})
    await part.stop(NOT_LATE)
    await running
