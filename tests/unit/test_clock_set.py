"""What is kept as a time is not believed after the clock was set back by a day."""

from datetime import datetime, timedelta

import pytest

from listbridge.delivery.retry import LONGEST_WAIT
from listbridge.intake.recognise import recognise
from listbridge.mailbox import Listed
from scheduler.rests import Rests
from storage import arrivals, budgets, claims, due, duties, inbound, leases, service_mail
from storage.database import Database
from storage.leases import Lease
from storage.service_mail import Letter
from storage.states import Duty, Kind, Source

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def test_a_rest_ends(now: datetime) -> None:
    rests = Rests(first=MINUTE, longest=MINUTE)
    rests.failed("a", now + DAY)
    assert not rests.is_resting("a", now)


def test_a_budget_counts_what_was_used_as_used_just_now(db: Database, now: datetime) -> None:
    def reserve(at: datetime) -> int:
        with db.transaction() as tx:
            budgets.tidy(tx, at)
            return budgets.reserve(tx, "a@h:25", 100, per_hour=100, per_day=None, now=at)

    assert [reserve(x) for x in (now + DAY, now, now + 61 * MINUTE)] == [100, 0, 100]


def test_a_retry_that_is_put_off_beyond_all_waits_is_due(db: Database, now: datetime) -> None:
    letter = Letter("<1@x>", b"Subject: a\r\n\r\n", b"b\r\n")
    with db.transaction() as tx:
        for at in (now + DAY, now + LONGEST_WAIT / 2):
            service_mail.put(
                tx, Kind.ALERT, letter, sender="a@x.org", recipients=["b@x.org"], now=at
            )
        ours = service_mail.category_id(tx)
        assert due.count_due(tx, ours, now) == 0
        assert due.categories_put_off(tx, now + LONGEST_WAIT) == [ours]
        assert claims.pull_back(tx, ours, latest=now + LONGEST_WAIT, now=now) == 1
        assert due.count_due(tx, ours, now) == 1


@pytest.mark.parametrize(("alive", "taken"), [(None, True), (True, False)])
def test_a_lease_of_another_machine_that_lasts_a_day_is_free_and_one_of_a_living_process_is_not(
    db: Database, now: datetime, monkeypatch: pytest.MonkeyPatch, alive: bool | None, taken: bool
) -> None:
    monkeypatch.setattr(leases.owner, "is_alive", lambda _: alive)
    with db.transaction() as tx:
        leases.take(tx, "a", now + DAY + MINUTE, now + DAY)
        assert isinstance(leases.take(tx, "a", now + MINUTE, now), Lease) is taken


def test_a_message_that_keeps_coming_back_is_looked_at_again(
    db: Database, category_id: int, now: datetime
) -> None:
    listed = Listed(7, "1", 1, 3, now, False)
    with db.transaction() as tx:
        mailbox = arrivals.mailbox_id(tx, "imap://a")
        inbound_id, raw_id = inbound.keep(tx, category_id, b"raw", source=Source.CLI, now=now)
        place = {"uidvalidity": 7, "uid": "1", "size": 3, "internal_date": now}
        made = arrivals.keep(
            tx, mailbox, **place, raw_id=raw_id, inbound_id=inbound_id, now=now + DAY
        )
        for _ in range(5):
            arrivals.mark_returned(tx, made, now + DAY)
        found = recognise(tx, mailbox, [listed], deletes_unread=True, now=now)
    assert list(found.known) == [listed]


def test_what_is_owed_in_a_year_is_owed_now(db: Database, category_id: int, now: datetime) -> None:
    with db.transaction() as tx:
        duties.owe(tx, category_id, Duty.DIGEST, now + 365 * DAY)
        duties.owe(tx, category_id, Duty.NEWS, now + 7 * DAY)
        assert duties.due(tx, category_id, now) == [Duty.DIGEST]
