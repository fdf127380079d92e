"""A dry run: the real round, on a mailbox that was only looked at and a store that forgets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from listbridge import clock
from listbridge.bootstrap import Installation
from listbridge.errors import ListbridgeError
from listbridge.intake.tally import Tally
from listbridge.mailbox import FetchedMessage, IncomingSettings, Listed, open_mailbox
from listbridge.mailbox.mailbox import Batch, Listing
from listbridge.service.intake_round import take_in
from storage import outbox


def rehearse(installation: Installation, slug: str, send: bool, tally: Tally) -> None:
    """Count what a round over this category would come to."""
    category, category_id = installation.category(slug), installation.ids[slug]
    seen = _Seen()
    if category.incoming is not None:
        try:
            seen = _look(category.incoming)
        except ListbridgeError as err:
            tally.complain(str(err))
    with installation.db.rehearsal() as db:
        take_in(db, category, category_id, tally, lambda _: seen)
        if send and category.outgoing is not None:
            with db.reading() as tx:
                tally.sent = outbox.count_due(tx, category_id, clock.now())


@dataclass
class _Seen:
    """A mailbox as it was seen, played back; what is deleted of it is gone only here."""

    deletes_unread: bool = True
    listing: list[Listed] = field(default_factory=list)
    fetched: list[FetchedMessage] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    unreadable: list[tuple[Listed, str]] = field(default_factory=list)

    def list(self) -> Listing:
        return self.listing

    def fetch(self, wanted: Sequence[Listed]) -> Iterator[Batch]:
        asked = set(wanted)
        yield [one for one in self.fetched if one.listed in asked]

    def delete(self, stored: Sequence[Listed]) -> Listing:
        return [*stored]

    def finish(self) -> Listing:
        return []

    def drop(self) -> None:
        """There is nothing to break off."""


def _look(settings: IncomingSettings) -> _Seen:
    """Read a mailbox without changing it: IMAP by EXAMINE, POP3 by LIST, UIDL and TOP."""
    box = open_mailbox(settings, read_only=True)
    try:
        listing = box.list()
        fetched = [one for batch in box.fetch(listing) for one in batch]
        return _Seen(box.deletes_unread, listing, fetched, box.complaints, box.unreadable)
    finally:
        box.drop()
