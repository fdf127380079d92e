"""A dry run: the real round, on mailboxes that were only looked at and a store that forgets."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from listbridge import clock, maillog
from listbridge.delivery import signing
from listbridge.delivery.signing import NoSigningKey
from listbridge.errors import ListbridgeError
from listbridge.intake.poll import time_budget
from listbridge.intake.readers import Reader, Readers
from listbridge.intake.tally import Tally
from listbridge.intake.watchdog import Watchdog
from listbridge.mailbox import FetchedMessage, IncomingSettings, Listed, open_mailbox
from listbridge.mailbox.mailbox import Batch, Listing
from listbridge.service.intake_round import costs_a_round, mailbox_trouble, whole_round
from listbridge.service.mailbox_lease import MailboxTaken, wait_until_free
from listbridge.submission import OutgoingSettings
from storage import budgets, categories, claims, owner, polls, restored
from storage import due as waiting
from storage.database import Database, Tx
from storage.polls import Poll


def look(db: Database, readers: Readers) -> "Seen | None":
    """Read a mailbox for `rehearse`; None if another process works on it.

    Before the rehearsal, because while that lasts no other process can store anything.
    """
    lead = readers.lead.category
    seen = Seen(clock.now())
    try:
        wait_until_free(db, lead)
        seen.at = clock.now()
        if lead.incoming is not None:
            seen.read(lead.incoming)
    except MailboxTaken as err:
        readers.complain(str(err))
        return None
    except ListbridgeError as err:
        readers.complain(str(err), mailbox_trouble(err))
    return seen


def rehearse(db: Database, looked_at: Sequence[tuple[Readers, "Seen | None"]], send: bool) -> None:
    """Count what a round over these mailboxes would come to.

    They are rehearsed together, for what one does may matter to another: a post that went to
    several categories, a budget that they share.
    """
    with maillog.silence(), db.rehearsal() as tried:
        with tried.transaction() as tx:
            known = [(_known(tx, readers), seen) for readers, seen in looked_at]
            # In the order that everybody keeps to: nobody waits for us while we wait for him.
            for category_id in sorted({one for readers, _ in known for one in readers.ids}):
                categories.lock(tx, category_id)
            last = polls.every(tx)
        for readers, seen in known:
            if seen is not None:
                with costs_a_round(readers):
                    _take_in(tried, readers, seen, last.get(readers.lead.id))
        if send:
            _send_all(tried, [one for readers, _ in known for one in readers.polled])


def _known(tx: Tx, readers: Readers) -> Readers:
    """Return them as the store knows them, or would."""
    return readers.known(lambda one: categories.keep(tx, one.slug, one.address).id)


def _take_in(db: Database, readers: Readers, seen: "Seen", last: Poll | None) -> None:
    if seen.listing and last is not None and last.begun_at >= seen.at:
        # What was seen is perhaps in the store by now.
        readers.complain("another process has just polled it; that was the real run")
    else:
        whole_round(db, readers, lambda _: seen, patient=False)


def _send_all(db: Database, readers: Iterable[Reader]) -> None:
    """Count what would be tried, one account after the other."""
    sending = [(one.category.outgoing, one) for one in readers if one.category.outgoing]
    # In an order of their own, and behind everything else: budgets are locked last.
    for settings, one in sorted(sending, key=lambda pair: pair[0].account):
        with costs_a_round(Readers([one])):
            _send(db, one.id, settings, one.tally)


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
        try:
            if settings.dkim is not None:
                signing.signer(settings.dkim)
        except NoSigningKey as trouble:
            tally.complain(str(trouble))
            return
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
class Seen:
    """A mailbox as it was seen, played back; what is deleted of it is gone only here."""

    at: datetime  #: when that began
    deletes_unread: bool = True
    listing: list[Listed] = field(default_factory=list)
    fetched: list[FetchedMessage] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    unreadable: list[tuple[Listed, str]] = field(default_factory=list)

    def read(self, settings: IncomingSettings) -> None:
        """Read it without changing it: IMAP by EXAMINE, POP3 by LIST, UIDL and TOP."""
        box = open_mailbox(settings, read_only=True)
        try:
            with Watchdog(time_budget(settings).total_seconds(), box.drop) as watchdog:
                box.on_progress(watchdog.progress)
                listing = box.list()
                fetched = [one for batch in box.fetch(listing) for one in batch]
        finally:
            box.drop()
        self.deletes_unread, self.listing, self.fetched = box.deletes_unread, listing, fetched
        self.complaints, self.unreadable = box.complaints, box.unreadable

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
