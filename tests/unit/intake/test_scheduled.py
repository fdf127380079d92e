"""Scheduled posts: on record at once, decided when their time has come and no sooner."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from listbridge import clock
from listbridge.intake.tally import Tally
from storage import audit, backlog, inbound
from storage.database import Database
from storage.states import Source
from tests.fakes.mailbox import FakeServer
from tests.fakes.office import Office, letter

HOUR = timedelta(hours=1)


@pytest.fixture
def office(db: Database, category_id: int) -> Office:
    return Office(db, category_id, FakeServer())


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The moment at which the clock stands."""
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)
    return moment


def schedule(office: Office, number: int, at: datetime) -> int:
    """Hand a letter in for that moment."""
    with office.db.transaction() as tx:
        made, _ = inbound.keep(
            tx,
            office.category_id,
            letter(number),
            source=Source.CLI,
            now=clock.now(),
            not_before=at,
        )
    return made


def decided_at(office: Office, moment: datetime, monkeypatch: pytest.MonkeyPatch) -> Tally:
    monkeypatch.setattr(clock, "now", lambda: moment)
    return office.decide()


def test_it_waits_for_its_time_and_no_longer(
    office: Office, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = schedule(office, 1, now + HOUR)

    before = decided_at(office, now + HOUR - timedelta(seconds=1), monkeypatch)
    assert (before.posts, office.inbound(one).state, office.inbound(one).attempts) == (
        0,
        "received",
        0,
    )
    after = decided_at(office, now + HOUR, monkeypatch)

    assert (after.posts, office.inbound(one).state) == (1, "processed")


def test_it_delays_nothing_that_comes_behind_it(office: Office, now: datetime) -> None:
    schedule(office, 1, now + HOUR)
    office.hand_in(letter(2))

    office.decide()

    assert office.subjects() == ["2"]


def test_it_is_counted_apart_until_its_time_has_come(office: Office, now: datetime) -> None:
    schedule(office, 1, now + HOUR)
    office.hand_in(letter(2))

    with office.db.reading() as tx:
        early, late = (backlog.every(tx, x)[office.category_id] for x in (now, now + HOUR))

    assert (early.received, early.scheduled) == (1, 1)
    assert (late.received, late.scheduled) == (2, 0)


def test_only_what_has_waited_for_its_time_wakes_a_service(office: Office, now: datetime) -> None:
    office.hand_in(letter(2))
    schedule(office, 1, now + HOUR)

    with office.db.reading() as tx:
        assert inbound.overdue(tx, now) == []
        assert inbound.overdue(tx, now + HOUR) == [office.category_id]


def test_the_audit_takes_waiting_for_order_and_haste_for_none(
    office: Office, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = schedule(office, 1, now + HOUR)
    with office.db.reading() as tx:
        assert audit.problems(tx) == []
    decided_at(office, now + HOUR, monkeypatch)
    with office.db.transaction() as tx:
        assert audit.problems(tx) == []
        tx.execute(text("UPDATE inbound SET not_before = datetime(decided_at, '+1 hour')"))
        [found] = audit.problems(tx)

    assert (found.id, found.problem) == (one, "was decided before its time")
