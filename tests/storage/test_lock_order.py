"""On PostgreSQL nobody holds what another one waits for while he waits for what that one holds."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from listbridge import clock
from listbridge.bounces import Book
from listbridge.delivery.settle import settle
from listbridge.intake.readers import Readers
from listbridge.service import rehearsal
from listbridge.service.rehearsal import Seen
from listbridge.submission import Outcome, OutgoingSettings, Result
from storage import budgets, categories, claims, inbound, owner, service_mail
from storage.database import Database, Tx
from storage.service_mail import Letter
from storage.states import Kind, Source
from tests.fakes.lists import Lists
from tests.fakes.office import general, letter
from tests.servers.process import wait_until

SETTINGS = OutgoingSettings(host="smtp.example.org", max_per_hour=100)
LIMITS = {"per_hour": SETTINGS.max_per_hour, "per_day": SETTINGS.max_per_day}
REFUSED = Outcome(Result.FAILED, "550 5.1.1 no such user")
ENDS = [Outcome(Result.UNTRIED, ""), REFUSED]


def test_who_gives_back_and_is_refused_waits_for_nobody_who_claims(
    postgres_db: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: now)
    db = postgres_db
    with db.transaction() as tx:
        category_id = categories.keep(tx, "general", "general@example.org").id
        groups = [_claimed(tx, category_id, name, now) for name in ("ann", "bob")]
        budgets.reserve(tx, SETTINGS.account, 2, **LIMITS, now=now)
    ended = [
        (group, {group.deliveries[0].recipient: end})
        for group, end in zip(groups, ENDS, strict=True)
    ]

    def settle_both() -> None:
        with db.transaction() as tx:
            settle(tx, SETTINGS, ended, Random(1), Book(category_id, general()))

    with ThreadPoolExecutor(1) as pool:
        with db.transaction() as tx:
            categories.lock(tx, category_id)  # as one who records a refusal, and claims thereafter
            settling = pool.submit(settle_both)
            wait_until(lambda: settling.done() or _somebody_waits(db), "the other waits", 20)
            granted = budgets.reserve(tx, SETTINGS.account, 99, **LIMITS, now=now)
        settling.result()

    assert granted == 98
    with db.transaction() as tx:
        assert budgets.reserve(tx, SETTINGS.account, 99, **LIMITS, now=now) == 1


def _claimed(tx: Tx, category_id: int, name: str, now: datetime) -> claims.Group:
    letter = Letter(f"<{name}@example.org>", b"Subject: one\r\n\r\n", b"Hello.\r\n")
    to = {"sender": "general@example.org", "recipients": [f"{name}@example.net"], "now": now}
    service_mail.put(tx, Kind.NOTICE, letter, category=category_id, **to)  # type: ignore[arg-type]
    until, me = now + timedelta(minutes=1), owner.this_process()
    group = claims.claim(tx, category_id, owner=me, until=until, due=now, limit=1)
    assert group is not None
    return group


def _somebody_waits(db: Database) -> bool:
    query = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with db.reading() as tx:
        return bool(tx.exec_driver_sql(query).scalar_one())


def _receive(lists: Lists, slug: str) -> None:
    with lists.db.transaction() as tx:
        inbound.keep(tx, lists.ids[slug], letter(1), source=Source.CLI, now=clock.now())


def test_two_dry_runs_over_the_same_lists_do_not_wait_for_each_other_in_turn(
    postgres_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists, begun, whole_round = Lists(postgres_db), [], rehearsal.whole_round
    for slug in ("a", "b"):
        lists.make(slug)
        _receive(lists, slug)

    def with_the_other(db: Database, readers: Readers, *args: Any, **rest: Any) -> None:
        whole_round(db, readers, *args, **rest)
        begun.append(readers)
        wait_until(lambda: len(begun) > 1 or _somebody_waits(postgres_db), "the other", 20)

    monkeypatch.setattr(rehearsal, "whole_round", with_the_other)

    def rehearse(*slugs: str) -> list[tuple[int, str | None]]:
        crowds = [Readers([lists.reader(slug)]) for slug in slugs]
        rehearsal.rehearse(lists.db, [(one, Seen(clock.now())) for one in crowds], send=True)
        return [(one.lead.tally.posts, one.lead.tally.error) for one in crowds]

    with ThreadPoolExecutor(2) as pool:
        assert [*pool.map(rehearse, "ab", "ba")] == [[(1, None)] * 2] * 2
