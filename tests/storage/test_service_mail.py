"""Mail of the service itself lies in the outbox like any other."""

from datetime import datetime

import pytest

from storage import audit, categories, deliveries, outbox, raw_messages, service_mail
from storage.database import Database
from storage.service_mail import Letter
from storage.states import UNSENT, DeliveryState, Kind

LETTER = Letter("<1@example.org>", b"Subject: alert\r\n\r\n", b"Look.\r\n")
TO = ("ann@example.org", "bob@example.net", "ann@example.org")


@pytest.fixture
def queued(db: Database, now: datetime) -> int:
    with db.transaction() as tx:
        return service_mail.put(
            tx, Kind.ALERT, LETTER, sender="lists@example.org", recipients=TO, now=now
        )


@pytest.mark.usefixtures("queued")
def test_each_address_gets_one_delivery_of_no_post(db: Database) -> None:
    with db.reading() as tx:
        listed = deliveries.listed(tx, UNSENT)

    assert [one.recipient for one in listed] == ["ann@example.org", "bob@example.net"]
    for one in listed:
        assert (one.kind, one.post_id, one.category) == (Kind.ALERT, None, "(service)")
        assert one.state is DeliveryState.PENDING


def test_the_bytes_are_kept(db: Database, queued: int) -> None:
    with db.reading() as tx:
        outgoing = outbox.find(tx, queued)
        raw = raw_messages.read(tx, outgoing.raw_id)

    assert outgoing.head == LETTER.head
    assert raw == LETTER.head + LETTER.body


def test_the_audit_has_nothing_to_say_about_it(db: Database, queued: int) -> None:
    with db.reading() as tx:
        assert audit.problems(tx) == []


@pytest.mark.usefixtures("queued")
def test_what_it_stands_under_is_no_category(db: Database) -> None:
    with db.reading() as tx:
        assert categories.every(tx) == []
