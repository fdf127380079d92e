"""A category whose clock can be set, and what those who take digests find in their mailboxes."""

import email
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default

import pytest

from listbridge.intake.tally import Tally
from listbridge.service import duties
from storage import audit, raw_messages
from storage.database import Database
from tests.fakes.mailbox import FakeServer
from tests.fakes.office import Office, general
from tests.fakes.town import SENDING, Town

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def town(
    db: Database, category_id: int, server: FakeServer, at: Callable[[timedelta], None]
) -> Iterator[Town]:
    one = Town(Office(db, category_id, server, general(outgoing=SENDING, name="General")))
    yield one
    with db.reading() as tx:
        assert audit.problems(tx) == []


@dataclass
class Post:
    """The way of digests to their readers."""

    town: Town
    at: Callable[[timedelta], None]
    day: int = 0

    def morning(self) -> list[tuple[list[str], EmailMessage]]:
        """Let a night pass; return what digests are made then, and for whom."""
        self.day += 1
        self.at(timedelta(days=self.day))
        return self.digests()

    def digests(self) -> list[tuple[list[str], EmailMessage]]:
        """See to what is owed; return the digests that makes, and for whom."""
        before = self.last()
        self.see_to()
        return self.made_since(before)

    def see_to(self) -> None:
        """See to what is owed."""
        office = self.town.office
        duties.see_to(office.db, office.reader(Tally("general")))

    def made_since(self, before: int) -> list[tuple[list[str], EmailMessage]]:
        """Return the digests that were made behind the message with that id."""
        return [(self._recipients(one), self._read(raw)) for one, raw in self._since(before)]

    def last(self) -> int:
        """Return the id of the last message that was made, whatever it is."""
        with self.town.office.db.reading() as tx:
            query = "SELECT coalesce(max(id), 0) FROM outgoing"
            found: int = tx.exec_driver_sql(query).scalar_one()
        return found

    def _since(self, before: int) -> list[tuple[int, int]]:
        query = "SELECT id, raw_id FROM outgoing WHERE kind = 'digest' AND id > ? ORDER BY id"
        with self.town.office.db.reading() as tx:
            return [(row[0], row[1]) for row in tx.exec_driver_sql(query, (before,))]

    def _recipients(self, outgoing: int) -> list[str]:
        query = "SELECT recipient FROM deliveries WHERE outgoing_id = ? ORDER BY recipient"
        with self.town.office.db.reading() as tx:
            return [row[0] for row in tx.exec_driver_sql(query, (outgoing,))]

    def _read(self, raw_id: int) -> EmailMessage:
        with self.town.office.db.reading() as tx:
            raw = raw_messages.read(tx, raw_id)
        return email.message_from_bytes(raw, policy=default)  # type: ignore[return-value]


@pytest.fixture
def post(town: Town, at: Callable[[timedelta], None]) -> Post:
    return Post(town, at)
