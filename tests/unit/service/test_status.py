"""How each category is doing, by what the store and the configuration say."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from listbridge.category import Category
from listbridge.config import Configuration, Problem, Service
from listbridge.service import status
from listbridge.service.mailbox_lease import lease_name
from listbridge.service.status import CategoryStatus, State
from listbridge.submission import OutgoingSettings
from storage import budgets, categories, inbound, leases, outbox, pauses, polls, subscriptions
from storage.database import Database
from storage.outbox import NewOutgoing
from storage.states import Kind, Origin, Source, Trouble
from tests.fakes.office import general

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
RELAY = OutgoingSettings(host="smtp.example.org", username="ann", max_per_hour=100)


@dataclass
class Desk:
    """An installation with the category `general`, looked at from outside."""

    db: Database
    category_id: int
    now: datetime

    def look(self, *usable: Category, broken: dict[str, str] | None = None) -> list[CategoryStatus]:
        service = Service(file=None, folder=Path.cwd(), categories=Path.cwd())
        wrong = {x: (Problem(Path("f"), 1, None, y),) for x, y in (broken or {}).items()}
        configuration = Configuration(service, {one.slug: one for one in usable}, wrong, ())
        return status.every(configuration, self.db, self.now)

    def general(self, **settings: Any) -> CategoryStatus:
        [one] = self.look(general(**settings))
        return one

    def poll(self, trouble: Trouble | None = None, next_at: datetime | None = None) -> None:
        with self.db.transaction() as tx:
            polls.begin(tx, self.category_id, now=self.now - MINUTE)
            error = "it went wrong" if trouble else None
            polls.end(
                tx,
                self.category_id,
                trouble=trouble,
                error=error,
                now=self.now,
                plan=lambda begun, failures: next_at,
            )

    def pause(self, until: datetime) -> None:
        with self.db.transaction() as tx:
            pauses.keep(tx, RELAY.account, until=until, reason="login refused", now=self.now)

    def queue(self, number: int, slug: str = "general") -> None:
        with self.db.transaction() as tx:
            one = categories.keep(tx, slug, f"{slug}@example.org").id
            for n in range(number):
                address = f"s{n}@example.org"
                subscriptions.put(
                    *(tx, one),
                    address=address,
                    key=address,
                    name="",
                    origin=Origin.ADMIN,
                    now=self.now,
                )
            _, raw_id = inbound.keep(tx, one, slug.encode(), source=Source.CLI, now=self.now)
            new = NewOutgoing(Kind.POST, one, None, "g@example.org", b"\r\n", None, raw_id, None)
            outbox.fan_out(tx, new, to_subscribers=True, without=None, refusal=None, now=self.now)


@pytest.fixture
def desk(db: Database, category_id: int, now: datetime) -> Desk:
    return Desk(db, category_id, now)


# In which state it is.


def test_a_category_that_was_never_polled_is_active_and_nobody_polls_it(desk: Desk) -> None:
    one = desk.general()

    assert (one.state, one.last_poll, one.next_poll, one.error) == (State.ACTIVE, None, None, None)


def test_a_new_category_that_the_store_has_not_seen_is_shown(desk: Desk) -> None:
    found = desk.look(general(), general(slug="new", address="new@example.org"))

    assert [(one.category, one.state) for one in found] == [
        ("general", State.ACTIVE),
        ("new", State.ACTIVE),
    ]


def test_trouble_of_the_last_pass_makes_it_failing(desk: Desk) -> None:
    desk.poll(Trouble.LOGIN)

    one = desk.general()

    assert (one.state, one.error, one.last_poll) == (State.FAILING, "it went wrong", desk.now)


def test_a_paused_account_pauses_its_categories(desk: Desk) -> None:
    desk.pause(desk.now + HOUR)

    one = desk.general(outgoing=RELAY)

    assert one.state is State.PAUSED
    assert one.error == "ann@smtp.example.org:465 is paused: login refused"


def test_trouble_on_both_sides_is_failing_and_both_are_told(desk: Desk) -> None:
    desk.poll(Trouble.LOGIN)
    desk.pause(desk.now + HOUR)

    one = desk.general(outgoing=RELAY)

    assert one.state is State.FAILING
    assert one.error == "it went wrong; ann@smtp.example.org:465 is paused: login refused"


def test_an_inactive_category_is_neither_failing_nor_polled(desk: Desk) -> None:
    desk.poll(Trouble.LOGIN, next_at=desk.now + MINUTE)

    one = desk.general(active=False)

    assert (one.state, one.next_poll, one.error) == (State.INACTIVE, None, None)
    assert one.last_poll == desk.now


def test_a_wrong_file_makes_it_broken_and_what_waits_is_shown_all_the_same(desk: Desk) -> None:
    desk.queue(2)

    [one] = desk.look(broken={"general": "unknown key"})

    assert (one.state, one.error, one.waits.unsent) == (State.BROKEN, "f:1: unknown key", 2)


def test_a_category_that_looks_renamed_is_broken(desk: Desk) -> None:
    [one] = desk.look(general(slug="new"))

    assert (one.category, one.state) == ("new", State.BROKEN)
    assert "listbridge category rename general new" in (one.error or "")


def test_a_vanished_category_is_shown_only_if_something_of_it_waits(desk: Desk) -> None:
    assert desk.look() == []

    desk.queue(1)

    [one] = desk.look()
    assert (one.category, one.state, one.waits.unsent) == ("general", State.VANISHED, 1)


# When it is polled.


@pytest.mark.parametrize("seconds", [3600, 0, -30])
def test_the_next_poll_is_what_a_service_has_planned(desk: Desk, seconds: int) -> None:
    planned = desk.now + timedelta(seconds=seconds)
    desk.poll(next_at=planned)

    assert desk.general().next_poll == planned


def test_a_plan_that_nobody_has_kept_is_none(desk: Desk) -> None:
    desk.poll(next_at=desk.now - 2 * MINUTE)

    assert desk.general().next_poll is None


def test_a_round_by_hand_does_not_take_the_plan_of_a_service(desk: Desk) -> None:
    desk.poll(next_at=desk.now + MINUTE)
    desk.poll(next_at=None)

    assert desk.general().next_poll == desk.now + MINUTE


def test_while_a_process_works_on_the_mailbox_its_plan_holds(desk: Desk) -> None:
    desk.poll(next_at=desk.now - HOUR)
    with desk.db.transaction() as tx:
        leases.take(tx, lease_name(general()), desk.now + HOUR, desk.now)

    assert desk.general().next_poll == desk.now - HOUR


# When all is sent.


def test_what_the_budget_allows_at_once_is_done_now(desk: Desk) -> None:
    desk.queue(20)

    assert desk.general(outgoing=RELAY).done_by == desk.now


def test_what_the_budget_does_not_allow_yet_is_done_when_it_does(desk: Desk) -> None:
    desk.queue(20)
    with desk.db.transaction() as tx:
        budgets.reserve(tx, RELAY.account, 90, per_hour=100, per_day=None, now=desk.now)

    assert desk.general(outgoing=RELAY).done_by == desk.now + HOUR


def test_categories_with_one_account_wait_for_each_other(desk: Desk) -> None:
    desk.queue(20)
    desk.queue(90, "other")
    other = general(slug="other", address="other@example.org", outgoing=RELAY)

    both = desk.look(general(outgoing=RELAY), other)

    assert [one.done_by for one in both] == [desk.now + HOUR, desk.now + HOUR]


def test_an_inactive_category_keeps_nobody_waiting(desk: Desk) -> None:
    desk.queue(20)
    desk.queue(90, "other")
    other = general(slug="other", address="other@example.org", outgoing=RELAY, active=False)

    one, resting = desk.look(general(outgoing=RELAY), other)

    assert (one.done_by, resting.done_by) == (desk.now, None)


def test_nothing_is_done_before_the_pause_ends(desk: Desk) -> None:
    desk.queue(1)
    desk.pause(desk.now + 3 * HOUR)

    assert desk.general(outgoing=RELAY).done_by == desk.now + 3 * HOUR


def test_without_a_budget_nobody_knows_when_it_is_done(desk: Desk) -> None:
    desk.queue(1)

    assert desk.general(outgoing=OutgoingSettings(host="h")).done_by is None


def test_where_nothing_waits_there_is_nothing_to_be_done(desk: Desk) -> None:
    assert desk.general(outgoing=RELAY).done_by is None
