"""What of a listing is new, what is known without reading it, and what is left alone for now."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from listbridge.intake.recognise import Recognised, recognise
from listbridge.mailbox import Listed
from storage import arrivals, inbound
from storage.database import Database
from storage.states import Source

ARRIVED = datetime.fromisoformat("2026-10-31T08:00:00+00:00")
IMAP = Listed(7, "5", 5, 100, ARRIVED)
POP3 = Listed(None, "uidl", 1, 100, None)


class Log:
    """The arrivals of one mailbox."""

    def __init__(self, db: Database, category_id: int, now: datetime) -> None:
        self.db, self.category_id, self.now = db, category_id, now
        with db.transaction() as tx:
            self.mailbox = arrivals.mailbox_id(tx, "imap://here")

    def keep(self, listed: Listed, *, gone: bool = False, returned: int = 0) -> int:
        """Log an arrival, and how often it came back."""
        with self.db.transaction() as tx:
            inbound_id, raw_id = inbound.keep(
                tx, self.category_id, b"bytes", source=Source.MAILBOX, now=self.now
            )
            made = arrivals.keep(
                tx,
                self.mailbox,
                uidvalidity=listed.uidvalidity,
                uid=listed.uid,
                size=listed.size,
                internal_date=listed.internal_date,
                raw_id=raw_id,
                inbound_id=inbound_id,
                now=self.now,
            )
            statement = text("UPDATE arrivals SET returned = :returned WHERE id = :made")
            tx.execute(statement, {"returned": returned, "made": made})
            if gone:
                arrivals.mark_gone(tx, [made], self.now)
        return made

    def recognise(self, *listing: Listed, later: timedelta = timedelta(0)) -> Recognised:
        """Compare a listing with the log; POP3 if the first entry has no INTERNALDATE."""
        imap = not listing or listing[0].internal_date is not None
        with self.db.reading() as tx:
            return recognise(
                tx, self.mailbox, [*listing], deletes_unread=imap, now=self.now + later
            )


@pytest.fixture
def log(db: Database, category_id: int, now: datetime) -> Log:
    return Log(db, category_id, now)


def test_what_was_never_seen_is_read(log: Log) -> None:
    found = log.recognise(IMAP)

    assert found == Recognised(wanted=[IMAP])


def test_what_matches_in_all_four_is_known_without_reading(log: Log) -> None:
    arrival = log.keep(IMAP)

    found = log.recognise(IMAP)

    assert (found.wanted, found.known[IMAP].id) == ([], arrival)


@pytest.mark.parametrize(
    "other",
    [
        Listed(8, "5", 5, 100, ARRIVED),
        Listed(None, "5", 5, 100, ARRIVED),
        Listed(7, "6", 6, 100, ARRIVED),
        Listed(7, "5", 5, 101, ARRIVED),
        Listed(7, "5", 5, 100, ARRIVED + timedelta(seconds=1)),
    ],
)
def test_what_differs_in_one_of_the_four_is_read(log: Log, other: Listed) -> None:
    log.keep(IMAP)

    found = log.recognise(other)

    assert (found.wanted, found.known) == ([other], {})


def test_over_pop3_nothing_is_known_without_reading(log: Log) -> None:
    log.keep(POP3)

    found = log.recognise(POP3)

    assert (found.wanted, found.known) == ([POP3], {})


def test_another_mailbox_has_other_places(log: Log) -> None:
    log.keep(IMAP)
    with log.db.transaction() as tx:
        log.mailbox = arrivals.mailbox_id(tx, "imap://elsewhere")

    found = log.recognise(IMAP)

    assert found == Recognised(wanted=[IMAP])


def test_what_another_client_has_flagged_is_left_alone(log: Log) -> None:
    flagged = Listed(7, "9", 9, 100, ARRIVED, deleted=True)

    assert log.recognise(flagged) == Recognised()


def test_what_we_have_flagged_ourselves_is_known(log: Log) -> None:
    flagged = Listed(7, "5", 5, 100, ARRIVED, deleted=True)
    log.keep(IMAP)

    assert [*log.recognise(flagged).known] == [flagged]


def test_an_arrival_whose_place_is_not_listed_may_have_moved(log: Log) -> None:
    there, gone = log.keep(POP3), log.keep(Listed(None, "old", 1, 100, None), gone=True)

    found = log.recognise(Listed(None, "new", 1, 100, None))

    assert [x.id for x in found.elsewhere] == [there]
    assert gone not in [x.id for x in found.elsewhere]


def test_an_arrival_without_a_name_may_always_have_moved(log: Log) -> None:
    nameless = Listed(None, None, 1, 100, None)
    arrival = log.keep(nameless)

    found = log.recognise(nameless)

    assert ([x.id for x in found.elsewhere], found.wanted) == ([arrival], [nameless])


@pytest.mark.parametrize("listed", [IMAP, POP3])
@pytest.mark.parametrize(
    ("returned", "later", "left_alone"),
    [
        (1, timedelta(0), False),
        (2, timedelta(0), False),
        (3, timedelta(0), True),
        (3, timedelta(minutes=7), True),
        (3, timedelta(minutes=8), False),
        (6, timedelta(minutes=63), True),
        (6, timedelta(minutes=64), False),
        (1000, timedelta(hours=23), True),
        (1000, timedelta(days=1), False),
    ],
)
def test_what_keeps_coming_back_is_touched_ever_more_rarely(
    log: Log, listed: Listed, returned: int, later: timedelta, left_alone: bool
) -> None:
    log.keep(listed, gone=True, returned=returned)

    found = log.recognise(listed, later=later)

    assert (found.wanted == [] and found.known == {}) is left_alone
    assert (found.returned == 1) or listed is POP3


def test_a_new_message_under_a_used_uidl_is_not_taken_for_one_that_keeps_coming_back(
    log: Log,
) -> None:
    log.keep(POP3, gone=True, returned=9)
    new = Listed(None, "uidl", 1, 123, None)

    assert log.recognise(new).wanted == [new]
