"""What owners are told: what came back in a week, and who came and went."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from listbridge import clock
from listbridge.bounces import Book
from listbridge.category import BounceSettings, Members
from tests.fakes.town import Town

ANN = "ann@example.net"
OWNER = "olga@example.org"
DAY = timedelta(days=1)
At = Callable[[timedelta], None]


@pytest.fixture
def owned(town: Town, at: At) -> Town:
    town.change(owners=(OWNER,))
    town.member(ANN)
    return town


def refused(town: Town, reply: str, *recipients: str) -> None:
    """Let our server refuse a post for some people."""
    town.write(f"{reply} {clock.now()}", "bob@example.net")
    with town.office.db.transaction() as tx:
        outgoing = tx.exec_driver_sql("SELECT max(id) FROM outgoing").scalar_one()
        book = Book(town.office.category_id, town.office.category)
        book.refused(tx, outgoing, recipients, reply, clock.now())


def text_a_week_later(town: Town, at: At, days: int = 7) -> str:
    town.notices()
    at(days * DAY)
    town.end_of_pass()
    return town.text(OWNER)


def test_what_came_back_is_reported_after_a_week_and_once(owned: Town, at: At) -> None:
    refused(owned, "550 5.1.1 nobody", ANN)
    at(6 * DAY)
    owned.end_of_pass()
    assert owned.told() == []

    assert "nobody there: 1" in text_a_week_later(owned, at)
    at(30 * DAY)
    owned.end_of_pass()
    assert owned.told() == []


def test_a_report_that_comes_late_leaves_nothing_out(owned: Town, at: At) -> None:
    refused(owned, "550 5.1.1 nobody", ANN)

    assert "nobody there: 1" in text_a_week_later(owned, at, days=20)


def test_the_report_names_who_was_suspended_and_is_in_the_list_s_language(
    owned: Town, at: At
) -> None:
    owned.change(bounces=BounceSettings(threshold=1), language="de")
    refused(owned, "550 5.1.1 nobody", ANN)
    owned.end_of_pass()

    text = text_a_week_later(owned, at)

    assert f"Ausgesetzt, weil zu viel zurückkam:\n    {ANN} (" in text


def test_the_report_says_that_the_list_itself_is_refused(owned: Town, at: At) -> None:
    people = [f"{number}@example.net" for number in range(5)]
    owned.member(*people)
    refused(owned, "550 5.1.1 nobody", ANN)
    at(7 * DAY)
    refused(owned, "550 5.7.1 spam", *people)

    assert "Many servers are refusing" in text_a_week_later(owned, at)


@pytest.mark.parametrize(
    "change",
    [
        {"bounces": BounceSettings(report="off")},
        {"owners": ()},
        {"outgoing": None},
        {"owners": ("General@example.org",)},
    ],
)
def test_nothing_is_owed_where_nobody_is_to_be_told(
    owned: Town, at: At, change: dict[str, Any]
) -> None:
    owned.change(**change)

    refused(owned, "550 5.1.1 nobody", ANN)

    assert owned.office.count("duties") == 0


def joined(town: Town) -> None:
    town.write("subscribe", "new@example.net")
    town.write(town.token(), "new@example.net")
    town.notices()


def left(town: Town) -> None:
    town.write("unsubscribe")
    town.write(town.token())
    town.notices()


@pytest.mark.parametrize(("event", "line"), [(joined, "joined: new@"), (left, f"left: {ANN}")])
def test_owners_are_told_at_once_who_came_and_went_if_they_want_that(
    owned: Town, event: Callable[[Town], None], line: str
) -> None:
    owned.change(members=Members(news="each"))
    event(owned)

    owned.end_of_pass()

    assert line in owned.text()


def test_owners_are_told_once_a_day_of_all_if_they_want_that(owned: Town, at: At) -> None:
    owned.change(members=Members(news="daily"))
    joined(owned)
    left(owned)
    owned.end_of_pass()
    assert owned.told() == []

    at(DAY)
    owned.end_of_pass()
    text = owned.text()
    assert text.index("joined: new@example.net") < text.index(f"left: {ANN}")
    at(2 * DAY)
    owned.end_of_pass()
    assert owned.told() == []


def test_owners_are_told_nothing_unless_they_want_it(owned: Town, at: At) -> None:
    joined(owned)
    left(owned)
    at(DAY)
    owned.end_of_pass()

    assert owned.told() == []
    assert owned.office.count("news") == 0


def test_owners_are_told_whom_bounces_removed(owned: Town, at: At) -> None:
    owned.change(members=Members(news="each"), bounces=BounceSettings(probes=1))
    owned.suspend(ANN)
    owned.end_of_pass()
    owned.send()
    owned.notices()
    at(7 * DAY)
    owned.end_of_pass()
    owned.end_of_pass()

    assert f"removed, as mail came back: {ANN}" in owned.text()
