"""A dry run: the real round, on a mailbox that was only looked at and a store that forgets."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from listbridge import clock, maillog
from listbridge.bootstrap import Installation
from listbridge.errors import ListbridgeError
from listbridge.intake.poll import time_budget
from listbridge.intake.readers import Readers
from listbridge.intake.tally import Tally
from listbridge.intake.watchdog import Watchdog
from listbridge.mailbox import FetchedMessage, IncomingSettings, Listed, open_mailbox
from listbridge.mailbox.mailbox import Batch, Listing
from listbridge.service.intake_round import mailbox_trouble, whole_round
from listbridge.service.mailbox_lease import MailboxTaken, wait_until_free
from listbridge.submission import OutgoingSettings
from storage import budgets, categories, claims, owner, restored
from storage import due as waiting
from storage.database import Database


def rehearse(installation: Installation, readers: Readers, send: bool) -> None:
    """Count what a round over these categories would come to."""
    lead = readers.lead.category
    seen: _Seen | None = _Seen()
    try:
        # Now, because while the rehearsal lasts no other process can store anything.
        wait_until_free(installation.db, lead)
        if lead.incoming is not None:
            seen = _look(lead.incoming)
    except MailboxTaken as err:
        seen = None
        readers.complain(str(err))
    except ListbridgeError as err:
        readers.complain(str(err), mailbox_trouble(err))
    with maillog.silence(), installation.db.rehearsal() as db:
        with db.transaction() as tx:
            known = readers.known(lambda one: categories.keep(tx, one.slug, one.address).id)
        if seen is not None:
            whole_round(db, known, lambda _: seen, patient=False)
        for one in known.polled:
            if send and one.category.outgoing is not None:
                _send(db, one.id, one.category.outgoing, one.tally)


def _send(db: Database, category_id: int, settings: OutgoingSettings, tally: Tally) -> None:
    """Count what would be tried: what is due, as far as the account's budget goes."""
    now = clock.now()
    hold = settings.on_uncertain == "hold"
    with db.transaction() as tx:
        fenced = restored.look(tx, now).hold
        if fenced is not None:
            tally.complain(str(fenced))
            return
        doubtful = claims.doubt_abandoned(
            tx, category_id, is_alive=owner.is_alive, hold=hold, now=now
        )
        tally.uncertain = len(doubtful)
        due = waiting.count_due(tx, category_id, now)
        tally.sent = budgets.reserve(
            tx,
            settings.account,
            due,
            per_hour=settings.max_per_hour,
            per_day=settings.max_per_day,
            now=now,
        )


@dataclass
class _Seen:
    """A mailbox as it was seen, played back; what is deleted of it is gone only here."""

    deletes_unread: bool = True
    listing: list[Listed] = field(default_factory=list)
    fetched: list[FetchedMessage] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    unreadable: list[tuple[Listed, str]] = field(default_factory=list)

    def on_progress(self, _report: Callable[[], None]) -> None:
        """It has all been read already."""

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
        with Watchdog(time_budget(settings).total_seconds(), box.drop) as watchdog:
            box.on_progress(watchdog.progress)
            listing = box.list()
            fetched = [one for batch in box.fetch(listing) for one in batch]
        return _Seen(box.deletes_unread, listing, fetched, box.complaints, box.unreadable)
    finally:
        box.drop()
