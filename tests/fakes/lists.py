"""Several categories in one database, and the mail that goes from one to another."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from listbridge import clock, message
from listbridge.category import Category, Posting
from listbridge.intake.dispatch import dispatch
from listbridge.intake.readers import Reader
from listbridge.intake.tally import Tally
from listbridge.membership import subscriptions
from listbridge.submission import OutgoingSettings
from storage import categories, inbound, outbox, raw_messages
from storage.database import Database
from storage.inbound import Inbound
from storage.schema import deliveries
from storage.states import Origin, Source

_SENDING = OutgoingSettings(host="smtp.example.org", foreign_from=False)


def address(slug: str) -> str:
    return f"{slug}@example.org"


@dataclass
class Lists:
    """Categories by their slugs; each has its own id, settings and subscribers."""

    db: Database
    categories: dict[str, Category] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)

    def make(self, slug: str, *subscribers: str, posting: Any = None, **settings: Any) -> None:
        """Make a category to which anybody may write, or change it; subscribe some more."""
        self.categories[slug] = Category(
            slug=slug,
            address=address(slug),
            outgoing=_SENDING,
            posting=Posting(**{"non_members": "accept", **(posting or {})}),
            **settings,
        )
        with self.db.transaction() as tx:
            self.ids[slug] = categories.keep(tx, slug, address(slug)).id
            for one in subscribers:
                subscriptions.subscribe(tx, self.ids[slug], one, "", Origin.ADMIN)

    def hand_in(self, slug: str, raw: bytes) -> dict[str, int]:
        """Have a category decide a message; return the counters that are not zero."""
        with self.db.transaction() as tx:
            received, _ = inbound.keep(tx, self.ids[slug], raw, source=Source.CLI, now=clock.now())
        reader = self.reader(slug)
        dispatch(self.db, reader, received)
        with self.db.reading() as tx:
            found = inbound.find(tx, received)
        assert found is not None
        self.last: Inbound = found
        return {k: v for k, v in vars(reader.tally).items() if isinstance(v, int) and v}

    def reader(self, slug: str) -> Reader:
        """Return a category as a pass needs it."""
        return Reader(self.categories[slug], self.ids[slug], Tally(slug))

    def getting(self, slug: str) -> list[str]:
        """Return who gets something of a category, time by time."""
        query = select(deliveries.c.recipient).where(deliveries.c.category_id == self.ids[slug])
        with self.db.reading() as tx:
            return sorted(tx.execute(query).scalars())

    def copy(self, slug: str) -> bytes:
        """Return the newest copy that a category has made, as its server is given it."""
        query = select(deliveries.c.outgoing_id).where(deliveries.c.category_id == self.ids[slug])
        with self.db.reading() as tx:
            newest = max(tx.execute(query).scalars())
            sent = outbox.find(tx, newest)
            source = sent.body or raw_messages.read(tx, sent.raw_id)
        return message.wire(sent.head, source, message.body_start(source))
