"""The log of where messages were offered."""

from datetime import datetime, timedelta

import pytest

from storage import arrivals, inbound
from storage.database import Database
from storage.states import Source


class Log:
    """The arrivals in one mailbox."""

    def __init__(self, db: Database, category_id: int, now: datetime) -> None:
        self.db, self.now = db, now
        with db.transaction() as tx:
            self.mailbox = arrivals.mailbox_id(tx, "imap://here")
            self.inbound_id, self.raw_id = inbound.keep(
                tx, category_id, b"raw", source=Source.MAILBOX, now=now
            )

    def keep(self, uid: str | None, uidvalidity: int | None = 1) -> int:
        """Log one arrival."""
        with self.db.transaction() as tx:
            return arrivals.keep(
                tx,
                self.mailbox,
                uidvalidity=uidvalidity,
                uid=uid,
                size=3,
                internal_date=self.now,
                raw_id=self.raw_id,
                inbound_id=self.inbound_id,
                now=self.now,
            )

    def at(self, uidvalidity: int | None, *uids: str) -> dict[str, list[int]]:
        """Return the ids of what was logged there."""
        with self.db.reading() as tx:
            found = arrivals.at(tx, self.mailbox, uidvalidity, uids)
        return {uid: [one.id for one in ones] for uid, ones in found.items()}

    def present(self) -> list[int]:
        """Return the ids of what is not known to be gone."""
        with self.db.reading() as tx:
            return [one.id for one in arrivals.present(tx, self.mailbox)]


@pytest.fixture
def log(db: Database, category_id: int, now: datetime) -> Log:
    return Log(db, category_id, now)


def test_a_place_is_uidvalidity_and_uid_and_the_newest_there_comes_first(log: Log) -> None:
    first, second = log.keep("1"), log.keep("1")
    elsewhere, nowhere = log.keep("1", 2), log.keep("1", None)

    assert log.at(1, "1", "2") == {"1": [second, first]}
    assert log.at(2, "1") == {"1": [elsewhere]}
    assert log.at(None, "1") == {"1": [nowhere]}


def test_more_places_than_a_statement_may_name_can_be_asked_for(log: Log) -> None:
    made = log.keep("39999")

    assert log.at(1, *map(str, range(40_000))) == {"39999": [made]}


def test_more_arrivals_than_a_statement_may_name_can_be_gone(log: Log) -> None:
    made = log.keep("1")
    with log.db.transaction() as tx:
        arrivals.mark_gone(tx, range(made, 40_000), log.now)

    assert log.present() == []


def test_what_is_gone_is_not_present_until_it_returns(log: Log) -> None:
    first, second = log.keep("1"), log.keep("2")
    later = log.now + timedelta(hours=1)
    with log.db.transaction() as tx:
        arrivals.mark_gone(tx, [first, second], log.now)
        arrivals.mark_returned(tx, second, later)
        [found] = arrivals.present(tx, log.mailbox)

    assert (found.id, found.gone_at, found.returned) == (second, None, 1)
    assert found.seen_at == later


def test_one_mailbox_has_one_id(log: Log) -> None:
    with log.db.transaction() as tx:
        ids = [arrivals.mailbox_id(tx, key) for key in ("imap://here", "pop3://here")]

    assert ids[0] == log.mailbox != ids[1]
