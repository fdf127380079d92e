"""What an operator is alerted of, and what is left alone."""

from collections import namedtuple
from datetime import datetime, timedelta
from typing import Any

import pytest

from listbridge.category import Category
from listbridge.config import database_url
from listbridge.notices import Condition, What
from listbridge.service import conditions
from listbridge.service.conditions import Watched
from listbridge.submission import OutgoingSettings
from storage import (
    bounces,
    budgets,
    categories,
    inbound,
    outbox,
    pauses,
    polls,
    posts,
    subscriptions,
)
from storage.bounces import NewBounce
from storage.database import Database
from storage.outbox import NewOutgoing
from storage.posts import NewPost
from storage.states import BounceClass, Kind, Origin, PostState, Source, Trouble
from tests.fakes.office import general

SENDING = OutgoingSettings(host="smtp.example.org", username="lists", max_per_hour=100)
ACCOUNT = SENDING.account
ALERTING = OutgoingSettings(host="smtp.example.net")
MB, GB = 10**6, 10**9
HOUR = timedelta(hours=1)

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How large the database's disk is and how much of it is free; enough, to begin with."""
    space = {"total": 100 * GB, "free": 50 * GB}
    monkeypatch.setattr(
        conditions.shutil,
        "disk_usage",
        lambda _: Usage(space["total"], space["total"] - space["free"], space["free"]),
    )
    return space


@pytest.fixture
def whole(db: Database, category_id: int, disk: dict[str, int]) -> Database:
    """A database with a category in which all is well."""
    return db


def _holding(db: Database, now: datetime, *known: Category, **settings: Any) -> list[Condition]:
    known = known or (general(outgoing=SENDING, **settings),)
    folder = database_url.folder(db.url)
    with db.reading() as tx:
        watched = Watched({one.slug: one for one in known}, ALERTING, folder)
        return conditions.holding(tx, watched, now)


def _names(found: list[Condition]) -> list[tuple[str, str]]:
    return [(one.what.value, one.subject) for one in found]


def _fail(db: Database, category_id: int, now: datetime, trouble: Trouble, passes: int) -> None:
    for _ in range(passes):
        with db.transaction() as tx:
            polls.begin(tx, category_id, now=now)
            polls.end(tx, category_id, trouble=trouble, error="it says no", now=now)


def test_where_all_is_well_there_is_nothing_to_tell(whole: Database, now: datetime) -> None:
    assert _holding(whole, now) == []


@pytest.mark.parametrize(
    ("trouble", "passes"),
    [
        (Trouble.LOGIN, 1),
        (Trouble.DELETIONS, 1),
        (Trouble.SUBSCRIBERS, 1),
        (Trouble.UNREACHABLE, 5),
        (Trouble.MAILBOX, 5),
        (Trouble.OURS, 5),
    ],
)
def test_so_many_passes_that_fail_alike_are_told_and_no_fewer(
    whole: Database, category_id: int, now: datetime, trouble: Trouble, passes: int
) -> None:
    _fail(whole, category_id, now, trouble, passes - 1)
    before = _holding(whole, now)

    _fail(whole, category_id, now, trouble, 1)
    [told] = _holding(whole, now)

    assert before == []
    assert (told.what.value, told.subject, told.since) == (trouble.value, "general", None)
    assert f"at {now:%Y-%m-%d %H:%M} UTC" in told.sentence
    assert told.sentence.endswith("ended with: it says no")
    assert "general" in told.cure or trouble in (Trouble.SUBSCRIBERS, Trouble.OURS)


def test_a_mailbox_that_is_polled_often_gets_ten_minutes_too(
    whole: Database, category_id: int, now: datetime
) -> None:
    often = timedelta(seconds=10)  # 10 s, 20 s, 40 s, …: ten minutes after six waits
    _fail(whole, category_id, now, Trouble.UNREACHABLE, 6)
    before = _holding(whole, now, poll_every=often)

    _fail(whole, category_id, now, Trouble.UNREACHABLE, 1)

    assert before == []
    assert _names(_holding(whole, now, poll_every=often)) == [("unreachable", "general")]


def test_the_last_pass_of_a_category_that_is_not_polled_any_more_is_left_alone(
    whole: Database, category_id: int, now: datetime
) -> None:
    _fail(whole, category_id, now, Trouble.LOGIN, 1)

    assert _holding(whole, now, active=False) == []
    assert _holding(whole, now, general(slug="other")) == []


def _pause(db: Database, account: str, now: datetime) -> None:
    with db.transaction() as tx:
        pauses.keep(tx, account, until=now, reason="535 no", now=now)


def test_an_account_that_stays_paused_is_told(whole: Database, now: datetime) -> None:
    _pause(whole, ACCOUNT, now)

    assert _holding(whole, now + timedelta(minutes=4)) == []
    [told] = _holding(whole, now + timedelta(minutes=5))
    assert (told.what, told.subject, told.since) == (What.PAUSED, ACCOUNT, now)
    assert told.sentence.endswith(": 535 no")
    assert "`listbridge check general`" in told.cure


def test_a_pause_of_an_account_that_nobody_uses_is_left_alone(
    whole: Database, now: datetime
) -> None:
    _pause(whole, "former@smtp.example.org:465", now)

    assert _holding(whole, now + HOUR) == []


def test_a_pause_of_the_account_that_sends_alerts_is_told(whole: Database, now: datetime) -> None:
    _pause(whole, ACCOUNT, now)

    with whole.reading() as tx:
        found = conditions.holding(tx, Watched({}, SENDING, None), now + HOUR)

    assert _names(found) == [("paused", ACCOUNT)]


def _take_in(db: Database, category_id: int, now: datetime, number: int) -> tuple[int, int]:
    with db.transaction() as tx:
        return inbound.keep(tx, category_id, b"%d" % number, source=Source.CLI, now=now)


def test_shunted_mail_is_told_at_once(whole: Database, category_id: int, now: datetime) -> None:
    for number in range(2):
        inbound_id, _ = _take_in(whole, category_id, now, number)
        with whole.transaction() as tx:
            later = now + number * HOUR
            inbound.shunt(tx, inbound_id, reason="it failed", traceback=None, now=later)

    [told] = _holding(whole, now)

    assert (told.what, told.subject, told.since) == (What.SHUNTED, "general", now)
    assert told.sentence.startswith("2 messages ")


def _hold(db: Database, category_id: int, now: datetime, number: int = 1) -> int:
    inbound_id, raw_id = _take_in(db, category_id, now, number)
    new = NewPost(
        category_id=category_id,
        inbound_id=inbound_id,
        raw_id=raw_id,
        message_id=f"<{number}@example.net>",
        fingerprint="x",
        aliases=(),
        references=(),
        sender="ann@example.net",
        sender_name="",
        subject="hello",
        date=now,
        state=PostState.HELD,
        reason=None,
        trail=(),
    )
    with db.transaction() as tx:
        return posts.add(tx, new, now)


def test_held_posts_are_told_once_they_wait_for_an_hour(
    whole: Database, category_id: int, now: datetime
) -> None:
    _hold(whole, category_id, now, 1)
    _hold(whole, category_id, now + HOUR, 2)

    assert _holding(whole, now + HOUR * 0.9) == []
    [told] = _holding(whole, now + HOUR)
    assert (told.what, told.subject, told.since) == (What.HELD, "general", now)
    assert told.sentence.startswith("2 messages ")
    assert "hello" not in told.sentence


def _queue(db: Database, category_id: int, now: datetime) -> None:
    with db.transaction() as tx:
        for name in ("ann", "bob"):
            subscriptions.put(
                tx,
                category_id,
                address=f"{name}@example.net",
                key=f"{name}@example.net",
                name="",
                origin=Origin.ADMIN,
                now=now,
            )
        _, raw_id = inbound.keep(tx, category_id, b"x", source=Source.CLI, now=now)
        new = NewOutgoing(
            Kind.POST, category_id, None, "general@example.org", b"", None, raw_id, None
        )
        outbox.fan_out(tx, new, to_subscribers=True, without=None, refusal=None, now=now)


def test_mail_that_waits_for_hours_to_leave_is_told(
    whole: Database, category_id: int, now: datetime
) -> None:
    _queue(whole, category_id, now)

    assert _holding(whole, now + 3.9 * HOUR) == []
    [told] = _holding(whole, now + 4 * HOUR)
    assert (told.what, told.subject, told.since) == (What.QUEUE, "general", now)
    assert told.sentence.startswith("2 deliveries ")


def test_mail_that_is_held_is_no_queue_but_waits_for_a_decision(
    whole: Database, category_id: int, now: datetime
) -> None:
    _queue(whole, category_id, now)
    with whole.transaction() as tx:
        tx.exec_driver_sql("UPDATE deliveries SET state = 'held' WHERE recipient LIKE 'ann%'")
        tx.exec_driver_sql("UPDATE deliveries SET state = 'sent' WHERE recipient LIKE 'bob%'")

    assert _holding(whole, now + 0.9 * HOUR) == []
    [told] = _holding(whole, now + 5 * HOUR)
    assert (told.what, told.subject, told.since) == (What.DELIVERIES, "general", now)
    assert told.sentence.startswith("One delivery is held")


def test_mail_that_has_left_is_no_queue(whole: Database, category_id: int, now: datetime) -> None:
    _queue(whole, category_id, now)
    with whole.transaction() as tx:
        tx.exec_driver_sql("UPDATE deliveries SET state = 'sent'")

    assert _holding(whole, now + 5 * HOUR) == []


def test_the_queue_of_a_category_that_does_not_send_is_left_alone(
    whole: Database, category_id: int, now: datetime
) -> None:
    _queue(whole, category_id, now)

    assert _holding(whole, now + 5 * HOUR, active=False) == []
    assert _holding(whole, now + 5 * HOUR, general()) == []


def test_mail_that_waits_for_the_accounts_budget_is_left_alone(
    whole: Database, category_id: int, now: datetime
) -> None:
    _queue(whole, category_id, now)
    later = now + 5 * HOUR
    with whole.transaction() as tx:
        budgets.reserve(tx, ACCOUNT, 95, per_hour=100, per_day=None, now=later)

    assert _holding(whole, later) == []
    assert _names(_holding(whole, later + HOUR * 1.1)) == [("queue", "general")]


@pytest.mark.parametrize(
    ("total", "free", "is_told"),
    [
        (20 * GB, 1001 * MB, False),
        (20 * GB, 999 * MB, True),  # under a twentieth
        (5 * GB, 499 * MB, True),
        (5 * GB, 501 * MB, False),
        (1000 * GB, 6 * GB, False),
        (1000 * GB, 4 * GB, True),
    ],
)
def test_a_disk_that_is_nearly_full_is_told(
    whole: Database, disk: dict[str, int], now: datetime, total: int, free: int, is_told: bool
) -> None:
    disk.update(total=total, free=free)

    assert _names(_holding(whole, now)) == ([("disk", "")] if is_told else [])


def test_each_category_is_told_of_by_itself(
    whole: Database, category_id: int, now: datetime
) -> None:
    with whole.transaction() as tx:
        other_id = categories.keep(tx, "other", "other@example.org").id
    _fail(whole, category_id, now, Trouble.LOGIN, 1)
    _fail(whole, other_id, now, Trouble.LOGIN, 1)

    found = _holding(whole, now, general(), general(slug="other"))

    assert sorted(_names(found)) == [("login", "general"), ("login", "other")]


def _refuse(db: Database, category_id: int, now: datetime, people: int, active: int) -> None:
    with db.transaction() as tx:
        for number in range(active):
            address = f"s{number}@example.org"
            subscriptions.put(
                tx, category_id, address=address, key=address, name="", origin=Origin.ADMIN, now=now
            )
            one = subscriptions.find(tx, category_id, address)
            if number < people and one is not None:
                new = NewBounce(
                    one.id, None, None, address, BounceClass.POLICY, "5.7.1", "550 5.7.1 no", False
                )
                bounces.add(tx, category_id, new, now)


@pytest.mark.parametrize(("people", "active"), [(5, 5), (5, 300), (7, 700)])
def test_many_refusals_by_policy_are_told_for_a_day(
    whole: Database, category_id: int, now: datetime, people: int, active: int
) -> None:
    _refuse(whole, category_id, now, people, active)

    [told] = _holding(whole, now)

    assert (told.what, told.subject, told.since) == (What.REFUSED, "general", now)
    assert f"{people} subscribers" in told.sentence
    assert "550 5.7.1 no" in told.sentence
    assert _holding(whole, now + HOUR * 25) == []


@pytest.mark.parametrize(("people", "active"), [(4, 4), (6, 700)])
def test_a_few_refusals_by_policy_are_told_to_nobody(
    whole: Database, category_id: int, now: datetime, people: int, active: int
) -> None:
    _refuse(whole, category_id, now, people, active)

    assert _holding(whole, now) == []


def test_a_key_for_signing_that_is_missing_is_told(whole: Database, now: datetime) -> None:
    dkim = {"domain": "example.org", "keys": {"s1": {"env": "NO_SUCH_KEY"}}}
    sending = OutgoingSettings.model_validate({"host": "smtp.example.org", "dkim": dkim})

    assert _names(_holding(whole, now, general(outgoing=sending))) == [("key", "general")]
