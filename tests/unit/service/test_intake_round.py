"""The intake half of a round: whose turn it is, and what goes on although something is wrong."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from listbridge import clock
from listbridge.category import Category
from listbridge.intake.readers import Reader, Readers
from listbridge.intake.tally import Tally
from listbridge.mailbox import IncomingSettings, OutOfStep
from listbridge.service import mailbox_lease
from listbridge.service.intake_round import whole_round
from listbridge.service.mailbox_lease import MailboxTaken, wait_until_free
from storage import inbound, leases, owner
from storage.database import Database
from storage.leases import Holder, Lease
from storage.states import Source
from tests.fakes.mailbox import FakeMailbox, FakeServer, breaks
from tests.fakes.office import general, letter

PATIENCE = 60.0  # the mailbox's `timeout`


class Time:
    """Time that passes only by sleeping; `on_sleep` happens meanwhile."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.on_sleep: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.passed += seconds
        self.on_sleep()


@pytest.fixture(autouse=True)
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    one = Time()
    monkeypatch.setattr(mailbox_lease, "sleep", one.sleep)
    monkeypatch.setattr(mailbox_lease, "monotonic", lambda: one.passed)
    return one


@pytest.fixture
def category(server: FakeServer) -> Category:
    return general(incoming=server.settings)


@pytest.fixture
def round_(
    db: Database, category: Category, category_id: int, server: FakeServer
) -> Callable[[], Tally]:
    """Make one round."""

    def made() -> Tally:
        tally = Tally("general")
        whole_round(db, Readers([Reader(category, category_id, tally)]), server.open)
        return tally

    return made


def held(db: Database, category: Category, by: str | None = None) -> Lease:
    """Let a process hold the mailbox's lease for an hour: this one, or another."""
    assert category.incoming is not None
    now = clock.now()
    with db.transaction() as tx:
        taken = leases.take(tx, category.incoming.key, now + timedelta(hours=1), now)
        assert isinstance(taken, Lease)
        if by is not None:
            tx.execute(text("UPDATE leases SET owner = :by"), {"by": by})
    return taken


def hand_in(db: Database, category_id: int, raw: bytes) -> None:
    """Leave a message over from an earlier run."""
    with db.transaction() as tx:
        inbound.keep(tx, category_id, raw, source=Source.MAILBOX, now=clock.now())


def test_a_round_decides_what_was_left_over_and_what_it_finds(
    db: Database, category_id: int, server: FakeServer, round_: Callable[[], Tally]
) -> None:
    hand_in(db, category_id, letter(1))
    server.deliver(letter(2))

    tally = round_()

    assert (tally.fetched, tally.posts, tally.error) == (1, 2, None)


def test_a_mailbox_that_is_down_does_not_keep_leftovers_waiting(
    db: Database, category_id: int, server: FakeServer, round_: Callable[[], Tally]
) -> None:
    hand_in(db, category_id, letter(1))
    server.on = {"open": breaks}

    tally = round_()

    assert tally.posts == 1
    assert tally.error is not None
    assert "closed the connection" in tally.error


def test_a_mailbox_that_cannot_be_read_in_one_go_is_read_one_by_one(
    db: Database, category: Category, category_id: int, server: FakeServer
) -> None:
    server.deliver(letter(1))
    tally = Tally("general")
    tried = []

    def opened(settings: IncomingSettings) -> FakeMailbox:
        tried.append(settings.pipelining)
        if settings.pipelining == "auto":
            raise OutOfStep("it is out of step")
        return server.open(settings)

    whole_round(db, Readers([Reader(category, category_id, tally)]), opened)

    assert tried == ["auto", "off"]
    assert (tally.posts, tally.deleted, tally.error) == (1, 1, None)


def test_what_was_stored_before_the_mailbox_broke_is_decided(
    server: FakeServer, round_: Callable[[], Tally]
) -> None:
    server.deliver(letter(1), letter(2))
    server.batch = 1
    server.on = {"fetch 2": breaks}

    assert round_().posts == 1


def test_whatever_a_library_raises_ends_the_pass_and_no_more(
    server: FakeServer, round_: Callable[[], Tally]
) -> None:
    def explodes() -> None:
        raise RecursionError("with a secret")

    server.deliver(letter(1), letter(2))
    server.batch = 1
    server.on = {"fetch 2": explodes}

    tally = round_()

    assert tally.posts == 1
    assert tally.error == "polling mail.example.org failed: RecursionError"


def test_a_mailbox_in_living_hands_is_waited_for_and_then_left_with_their_name(
    db: Database,
    category: Category,
    server: FakeServer,
    time: Time,
    round_: Callable[[], Tally],
) -> None:
    held(db, category)
    server.deliver(letter(1))

    tally = round_()

    assert tally.error is not None
    assert owner.shown(owner.this_process()) in tally.error
    assert category.incoming is not None
    assert category.incoming.key in tally.error
    assert PATIENCE <= time.passed < PATIENCE + 1
    assert server.logins == 0


def test_as_soon_as_the_other_is_done_the_round_goes_on(
    db: Database,
    category: Category,
    server: FakeServer,
    time: Time,
    round_: Callable[[], Tally],
) -> None:
    other = held(db, category)
    server.deliver(letter(1))

    def done() -> None:
        if time.passed >= 5:
            with db.transaction() as tx:
                leases.give_up(tx, other, clock.now())

    time.on_sleep = done
    tally = round_()

    assert (tally.posts, tally.error) == (1, None)
    assert 5 <= time.passed < 6


def test_the_lease_of_a_dead_process_is_taken_over_at_once(
    db: Database,
    category: Category,
    server: FakeServer,
    time: Time,
    round_: Callable[[], Tally],
    told: Callable[[str], list[dict[str, Any]]],
) -> None:
    machine, _, process = owner.this_process().rpartition("#")
    held(db, category, by=f"{machine}#{process.partition('@')[0]}@1")
    server.deliver(letter(1))

    tally = round_()

    assert (tally.posts, tally.error, time.passed) == (1, None, 0.0)
    assert [one["category"] for one in told("lease.taken-over")] == ["general"]


@pytest.mark.parametrize("trouble", [None, breaks])
def test_after_a_round_the_mailbox_is_free_again(
    db: Database,
    category: Category,
    server: FakeServer,
    round_: Callable[[], Tally],
    trouble: Callable[[], None] | None,
) -> None:
    server.deliver(letter(1))
    server.on = {"fetch 1": trouble} if trouble else {}

    round_()

    assert category.incoming is not None
    with db.reading() as tx:
        assert leases.holder(tx, category.incoming.key, clock.now()) is None


def test_who_loses_the_mailbox_meanwhile_decides_nothing_that_is_in_it(
    db: Database, category: Category, server: FakeServer, round_: Callable[[], Tally]
) -> None:
    server.deliver(letter(1), letter(2))
    server.batch = 1

    def taken_over() -> None:
        assert category.incoming is not None
        late = clock.now() + timedelta(hours=9)
        with db.transaction() as tx:
            assert not isinstance(leases.take(tx, category.incoming.key, late, late), Holder)

    server.on = {"fetch 2": taken_over}
    tally = round_()

    assert (tally.fetched, tally.posts) == (1, 0)
    assert tally.error is not None
    assert "taken over" in tally.error


def test_a_look_whether_the_mailbox_is_free_takes_nothing(
    db: Database, category: Category, time: Time
) -> None:
    wait_until_free(db, category)
    other = held(db, category)

    with pytest.raises(MailboxTaken, match="is being worked on by process"):
        wait_until_free(db, category)

    assert time.passed >= PATIENCE
    with db.transaction() as tx:
        leases.renew(tx, other, clock.now())


def test_a_subscriber_file_that_is_wrong_stops_nothing_else(
    db: Database, category_id: int, server: FakeServer, tmp_path: Path
) -> None:
    category = general(incoming=server.settings, subscribers_file=tmp_path / "missing")
    server.deliver(letter(1))
    tally = Tally("general")

    whole_round(db, Readers([Reader(category, category_id, tally)]), server.open)

    assert tally.posts == 1
    assert tally.error is not None
    assert "missing" in tally.error


def test_a_category_without_a_mailbox_decides_what_it_was_handed(
    db: Database, category_id: int, server: FakeServer
) -> None:
    hand_in(db, category_id, letter(1))
    tally = Tally("general")

    whole_round(db, Readers([Reader(general(), category_id, tally)]), server.open)

    assert (tally.posts, tally.error) == (1, None)
