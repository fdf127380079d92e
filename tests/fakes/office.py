"""A category with a scripted mailbox, polled and decided pass by pass."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from listbridge import clock
from listbridge.category import Category, Posting
from listbridge.errors import ListbridgeError
from listbridge.intake.dispatch import dispatch_waiting
from listbridge.intake.poll import poll
from listbridge.intake.readers import Reader, Readers
from listbridge.intake.tally import Tally
from listbridge.membership import subscriptions
from storage import deliveries, inbound, leases, posts
from storage.database import Database
from storage.errors import StoreError
from storage.leases import Lease
from storage.states import DeliveryState, Origin, Source
from tests.fakes.mailbox import FakeServer

ADDRESS = "general@example.org"
OPEN = Posting(non_members="accept")


def general(**settings: Any) -> Category:
    """Return a category to which anybody may write, unless the settings say otherwise."""
    return Category(**{"slug": "general", "address": ADDRESS, "posting": OPEN, **settings})


@dataclass
class Office:
    """A category in a database, and the server it is read from."""

    db: Database
    category_id: int
    server: FakeServer
    category: Category = field(default_factory=general)

    def lease(self) -> Lease:
        """Take the mailbox's lease."""
        now = clock.now()
        with self.db.transaction() as tx:
            taken = leases.take(tx, "mailbox", now + timedelta(minutes=5), now)
        assert isinstance(taken, Lease)
        return taken

    def poll(self, tally: Tally, lease: Lease | None = None) -> None:
        """Make one pass; raises what `poll` raises."""
        mine = lease or self.lease()
        readers = Readers([self.reader(tally)])
        try:
            poll(self.db, self.server.settings, readers, mine, self.server.open)
        finally:
            with self.db.transaction() as tx:
                leases.give_up(tx, mine, clock.now())

    def round(self) -> Tally:
        """Make one pass and decide what came; trouble is in the tally."""
        tally = Tally("general")
        try:
            self.poll(tally)
        except (ListbridgeError, StoreError) as err:
            tally.complain(str(err))
        self.decide(tally)
        return tally

    def decide(self, tally: Tally | None = None) -> Tally:
        """Decide whatever waits."""
        tally = tally or Tally("general")
        dispatch_waiting(self.db, Readers([self.reader(tally)]))
        return tally

    def reader(self, tally: Tally) -> Reader:
        """Return the category as a pass needs it."""
        return Reader(self.category, self.category_id, tally)

    def hand_in(self, raw: bytes, *, approved: bool = False) -> int:
        """Store a message as received; return its id."""
        with self.db.transaction() as tx:
            inbound_id, _ = inbound.keep(
                tx,
                self.category_id,
                raw,
                source=Source.CLI,
                now=clock.now(),
                approved=approved,
            )
        return inbound_id

    def inbound(self, inbound_id: int) -> inbound.Inbound:
        """Return what is stored of an inbound message."""
        with self.db.reading() as tx:
            found = inbound.find(tx, inbound_id)
        assert found is not None
        return found

    def subscribe(self, *addresses: str) -> None:
        """Make the addresses subscribers."""
        with self.db.transaction() as tx:
            for address in addresses:
                subscriptions.subscribe(tx, self.category_id, address, "", Origin.ADMIN)

    def recipients(self) -> Counter[str]:
        """Return everybody who is to get something, and how much."""
        with self.db.reading() as tx:
            return Counter(x.recipient for x in deliveries.listed(tx, tuple(DeliveryState)))

    def subjects(self) -> list[str]:
        """Return the subjects of all posts, oldest first."""
        with self.db.reading() as tx:
            return [one.subject for one in posts.in_category(tx, self.category_id)]

    def count(self, table: str, where: str = "1 = 1") -> int:
        """Count rows."""
        with self.db.reading() as tx:
            query = f"SELECT count(*) FROM {table} WHERE {where}"
            found: int = tx.exec_driver_sql(query).scalar_one()
        return found


def counted(tally: Tally) -> dict[str, int]:
    """Return the counters that are not zero."""
    return {k: v for k, v in vars(tally).items() if isinstance(v, int) and v}


def letter(number: int, *, message_id: str | None = None, **fields: str) -> bytes:
    """Make a small post; the number is its subject and its Message-ID."""
    head = {
        "From": "Ann <ann@example.net>",
        "To": "general@example.org",
        "Subject": str(number),
        "Date": "Sat, 31 Oct 2026 10:00:00 +0000",
        "Message-ID": f"<{number}@example.net>" if message_id is None else message_id,
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    lines = [f"{name}: {value}" for name, value in head.items() if value]
    return "\r\n".join([*lines, "", f"This is letter {number}.", ""]).encode()
