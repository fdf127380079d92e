"""Routing: what came into a shared mailbox is given to the categories that it was sent to.

It comes before everything else that is decided about a message, and each category decides about
its own row of it as if it had a mailbox of its own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from listbridge import message
from listbridge.intake import events, in_hand, umbrella
from listbridge.intake.groups import groups
from listbridge.intake.readers import Readers
from listbridge.intake.sent_to import NotForUs, sent_to
from storage import raw_messages, unrouted
from storage.database import Database, Tx
from storage.inbound import Inbound, Waiting


@dataclass(frozen=True)
class _Way:
    """Where a message goes."""

    one: Inbound
    raw: bytes
    slugs: Sequence[str]


def route(db: Database, readers: Readers, waiting: Iterable[Waiting]) -> None:
    """Give each of these unrouted messages to those of the readers that it was sent to.

    One that was sent to none of them, or that cannot be read, is shunted as it is, so that a retry
    looks anew; it counts as the lead's. `StoreError` ends it, and what is left stays unrouted.
    """
    routing = _Routing(db, readers)
    for group in groups(waiting):
        in_hand.handle(db, group, routing.together, routing.alone, lambda: None)


class _Routing:
    def __init__(self, db: Database, readers: Readers) -> None:
        self._db = db
        self._tally = readers.lead.tally
        self._ids = {one.category.slug: one.id for one in readers.every}
        self._categories = [one.category for one in readers.every]
        self._addresses = {one.slug: one.address for one in self._categories}
        incoming = readers.lead.category.incoming
        self._account = incoming.username if incoming else ""

    def together(self, waiting: Sequence[Inbound]) -> int:
        with self._db.reading() as tx:
            ways = [self._way(tx, one, raw_messages.read(tx, one.raw_id)) for one in waiting]
        self._go(ways)
        return len(ways)

    def alone(self, one: Inbound) -> None:
        if in_hand.is_deadly(one):
            in_hand.shunt_deadly(self._db, one, self._tally)
            return
        with in_hand.shunted_if_bad(self._db, one, self._tally) as hand:
            with self._db.reading() as tx:
                hand.raw = raw_messages.read(tx, one.raw_id)
                way = self._way(tx, one, hand.raw)
            self._go([way])

    def _way(self, tx: Tx, one: Inbound, raw: bytes) -> _Way:
        head = message.head(raw)
        # An umbrella's copy names the umbrella and not those that it was sent to.
        below = {each.slug for each in self._categories if umbrella.was_sent_to(tx, each, head)}
        try:
            below |= {*sent_to(head, self._addresses, self._account)}
        except NotForUs:
            if not below:
                raise
        return _Way(one, raw, [slug for slug in self._addresses if slug in below])

    def _go(self, ways: Sequence[_Way]) -> None:
        wanted = {self._ids[slug] for way in ways for slug in way.slugs}
        with self._db.transaction() as tx:
            still = unrouted.lock(tx, [way.one.id for way in ways], wanted)
            given = [(way, self._give(tx, way)) for way in ways if way.one.id in still]
        for way, ids in given:
            events.routed(way.one, way.raw, way.slugs, ids)

    def _give(self, tx: Tx, way: _Way) -> list[int]:
        return unrouted.give(tx, way.one, [self._ids[slug] for slug in way.slugs])
