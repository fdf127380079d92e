"""Counting what an author, or a thread, has had so far: on both databases."""

from datetime import datetime, timedelta

import pytest

from listbridge.category import Posting
from listbridge.intake.dispatch import dispatch
from listbridge.intake.tally import Tally
from storage import backlog, inbound, posts
from storage.database import Database
from storage.posts import Author
from storage.states import Source
from tests.fakes.mailbox import FakeServer
from tests.fakes.office import Office, general, letter

HOUR = timedelta(hours=1)


@pytest.fixture
def office(db: Database, category_id: int) -> Office:
    """Two posts of Ann's that were accepted, the second an answer, and a held one."""
    one = Office(db, category_id, FakeServer())
    for raw in (letter(1), letter(2, From="ANN@Example.net", In_Reply_To="<1@example.net>")):
        dispatch(db, one.reader(Tally("general")), one.hand_in(raw))
    one.category = general(posting=Posting(hold_all=True))
    dispatch(db, one.reader(Tally("general")), one.hand_in(letter(3)))
    return one


def test_an_authors_posts_are_counted_by_his_address_in_any_case(office: Office) -> None:
    with office.db.reading() as tx:
        [first, *_] = posts.in_category(tx, office.category_id)
        since = first.created_at
        counted = [
            posts.posted_by(tx, office.category_id, Author(who), since)
            for who in ("ann@example.net", "bob@example.net")
        ]
        later = posts.posted_by(tx, office.category_id, Author("ann@example.net"), since + HOUR)

    assert (counted, later) == ([3, 0], 0)


@pytest.mark.parametrize(("most", "found"), [(1, 1), (5, 2)])
def test_only_what_was_accepted_counts_and_no_more_than_is_asked_for(
    office: Office, most: int, found: int
) -> None:
    with office.db.reading() as tx:
        assert posts.accepted_of(tx, office.category_id, Author("ann@example.net"), most) == found


def test_a_threads_posts_are_counted_from_any_of_them(office: Office) -> None:
    with office.db.reading() as tx:
        [first, second, third] = posts.in_category(tx, office.category_id)
        since = first.created_at
        counted = [posts.posted_beside(tx, one.id, since) for one in (first, second, third)]

    assert counted == [2, 2, 1]


def test_what_is_scheduled_is_found_when_it_is_due(office: Office, now: datetime) -> None:
    with office.db.transaction() as tx:
        inbound.keep(
            tx,
            office.category_id,
            letter(4),
            source=Source.CLI,
            now=now,
            not_before=now + HOUR,
        )

    def seen(at: datetime) -> tuple[int, int, int, int]:
        with office.db.reading() as tx:
            waits = backlog.every(tx, at)[office.category_id]
            due = inbound.backlog(tx, [office.category_id], at)
            return waits.received, waits.scheduled, len(due), len(inbound.overdue(tx, at))

    assert (seen(now), seen(now + HOUR)) == ((0, 1, 0, 0), (1, 0, 1, 1))
