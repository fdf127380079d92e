"""The polling part: whose turn it is, how failures are spaced, what stays in view."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from listbridge import clock
from listbridge.metrics import Metrics
from listbridge.service import polling
from listbridge.service.polling import Polling
from listbridge.service.roster import Roster
from storage import leases, polls
from storage.database import Database
from storage.polls import Poll
from storage.states import Trouble
from tests.fakes.mailbox import FakeServer, breaks
from tests.fakes.office import letter

NOT_LATE = timedelta(0)
EVERY = timedelta(minutes=1)
SOON = timedelta(seconds=30)


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


async def test_whatever_blows_up_does_not_leave_the_pass(
    one_pass: Callable[[], Awaitable[datetime | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise KeyError("a secret")

    monkeypatch.setattr(polling, "take_in", fails)
    assert await one_pass() is None


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
