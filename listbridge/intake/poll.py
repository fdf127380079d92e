"""One pass over one mailbox: store what is new, then delete it on the server, and verify."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from listbridge import clock, maillog
from listbridge.intake import events
from listbridge.intake.readers import Readers
from listbridge.intake.recognise import Recognised, recognise
from listbridge.intake.watchdog import Watchdog
from listbridge.mailbox import FetchedMessage, IncomingSettings, Listed, Mailbox, MailboxError
from storage import arrivals, categories, inbound, leases, raw_messages
from storage.arrivals import Arrival
from storage.database import Database, Tx
from storage.leases import Lease
from storage.raw_messages import Kept
from storage.states import Source, Trouble

# So many time limits without one more message finished end a pass.
_PATIENCE = 5
_TOLD_AT_ONCE = 100
# So many times the very same bytes, Received lines and all, are taken for new messages.
_TIMES_SENT = 3


def time_budget(settings: IncomingSettings) -> timedelta:
    """Return how long a pass may go on without finishing one more message."""
    return settings.timeout * _PATIENCE


@dataclass
class _Pass:
    """What a pass needs at hand and has found out so far."""

    db: Database
    settings: IncomingSettings
    mailbox_id: int
    readers: Readers
    lease: Lease
    recognised: Recognised = field(default_factory=Recognised)
    arrival_of: dict[Listed, int] = field(default_factory=dict)  # stored and not yet seen gone


def poll(
    db: Database,
    settings: IncomingSettings,
    readers: Readers,
    lease: Lease,
    open_mailbox: Callable[[IncomingSettings], Mailbox],
) -> None:
    """Take in what lies in the mailbox. Where several read it, nobody asks yet whose it is.

    Raises `MailboxError` or `StoreError` when it must end early.
    Whatever was stored by then stays stored, and what was not deleted is recognised next time.
    """
    with db.transaction() as tx:
        mailbox_id = arrivals.mailbox_id(tx, settings.key)
    this = _Pass(db, settings, mailbox_id, readers, lease)
    box = open_mailbox(settings)
    watchdog = Watchdog(time_budget(settings).total_seconds(), box.drop)
    try:
        with watchdog:
            box.on_progress(watchdog.progress)
            _take_in(this, box, watchdog)
    except BaseException as err:
        # Without QUIT: over POP3 nothing that was marked for deletion may go now.
        box.drop()
        if watchdog.has_bitten and isinstance(err, MailboxError):
            raise MailboxError(
                f"{settings.host} did not finish one more message within {time_budget(settings)}; "
                "the rest waits for the next pass"
            ) from err
        raise
    _report(this, box)


def _report(this: _Pass, box: Mailbox) -> None:
    """Say what the operator should hear although the pass went well."""
    host = this.settings.host
    for sentence in box.complaints:
        this.readers.complain(sentence, Trouble.DELETIONS)
    if box.unreadable:
        listed, why = box.unreadable[0]
        others = len(box.unreadable) - 1
        this.readers.complain(
            f"{host}: message {listed.uid or listed.number} cannot be read and stays in the "
            f"mailbox{f', like {others} others' if others else ''}: {why}",
            Trouble.MAILBOX,
        )
    if this.recognised.returned:
        this.readers.complain(
            f"{host} still offers {this.recognised.returned} messages that were deleted there; "
            "they are not posted again, but have the mailbox's settings looked at",
            Trouble.DELETIONS,
        )


def _take_in(this: _Pass, box: Mailbox, watchdog: Watchdog) -> None:
    listing = box.list()
    with this.db.transaction() as tx:
        # By now another process may have taken over; then this listing is an old one.
        leases.renew(tx, this.lease, clock.now() + time_budget(this.settings))
        this.recognised = recognise(
            tx,
            this.mailbox_id,
            listing,
            deletes_unread=box.deletes_unread,
            now=clock.now(),
        )
        _note_returned(tx, this.recognised.known.values())
    _tell_leftovers(this, len(this.recognised.known))
    _delete_known(this, box)
    for batch in box.fetch(this.recognised.wanted):
        _keep(this, batch)
        watchdog.progress()
        stored = [one.listed for one in batch if one.listed in this.arrival_of]
        # Its bytes must not lie in memory beside those of the next one.
        batch.clear()
        _note_gone(this, box.delete(stored))
        watchdog.progress()
    try:
        _note_gone(this, box.finish())
    finally:
        if not box.deletes_unread:
            _note_refused(this)
    with this.db.transaction() as tx:
        # Everything the server offers has been looked at, so it has these no longer.
        arrivals.mark_gone(tx, (x.id for x in this.recognised.elsewhere), clock.now())


def _delete_known(this: _Pass, box: Mailbox) -> None:
    """Delete what an earlier pass stored and could not delete, without reading it again."""
    known = this.recognised.known
    if known:
        this.arrival_of |= {listed: arrival.id for listed, arrival in known.items()}
        _note_gone(this, box.delete(list(known)))


def _keep(this: _Pass, batch: Sequence[FetchedMessage]) -> None:
    """Commit a batch under the lease; only then may anything of it be deleted."""
    new: list[tuple[int, FetchedMessage]] = []
    category = this.readers.lead.category.slug
    until = clock.now() + time_budget(this.settings)
    logged: dict[Listed, int] = {}
    with this.db.transaction() as tx:
        leases.renew(tx, this.lease, until)
        kept = raw_messages.keep_several(tx, [one.raw for one in batch])
        categories.lock(tx, this.readers.lead.id)
        for one, bytes_ in zip(batch, kept, strict=True):
            leftover = _leftover(tx, this, one.listed, bytes_)
            if leftover is None:
                inbound_id, logged[one.listed] = _keep_new(tx, this, one.listed, bytes_)
                new.append((inbound_id, one))
            else:
                logged[one.listed] = leftover
    this.arrival_of |= logged
    this.readers.count_fetched([logged[one.listed] for _, one in new])
    mailbox = this.settings.key
    for inbound_id, one in new:
        events.received(category, inbound_id, one.raw, mailbox=mailbox, uid=one.listed.uid)
    _tell_leftovers(this, len(logged) - len(new))


def _tell_leftovers(this: _Pass, count: int) -> None:
    if count:
        maillog.info(
            "message.leftover",
            category=this.readers.lead.category.slug,
            mailbox=this.settings.key,
            count=count,
        )


def _keep_new(tx: Tx, this: _Pass, listed: Listed, bytes_: Kept) -> tuple[int, int]:
    inbound_id = inbound.keep_stored(
        tx,
        this.readers.lead.id,
        bytes_.id,
        source=Source.MAILBOX,
        now=clock.now(),
        unrouted=this.readers.share,
    )
    return inbound_id, _log(tx, this, listed, bytes_.id, inbound_id)


def _leftover(tx: Tx, this: _Pass, listed: Listed, bytes_: Kept) -> int | None:
    """Return the arrival of a message that an earlier pass stored and could not delete.

    Its bytes tell it, whatever the server calls it now: POP3 servers re-use and forget UIDLs, and
    IMAP UIDs mean nothing under another UIDVALIDITY.
    """
    if bytes_.is_new:
        return None  # Most are, and then nothing more need be asked.
    place = _same_place(tx, this, listed, bytes_.sha256)
    if place is not None:
        _note_returned(tx, [place])
        this.recognised.returned += place.gone_at is not None
        return place.id
    for arrival in this.recognised.elsewhere:
        if arrival.sha256 == bytes_.sha256 and _may_have_moved(arrival, listed):
            this.recognised.elsewhere.remove(arrival)
            arrivals.mark_gone(tx, [arrival.id], clock.now())
            return _log(tx, this, listed, bytes_.id, arrival.inbound_id)
    return _come_back(tx, this, bytes_.id)


def _come_back(tx: Tx, this: _Pass, raw_id: int) -> int | None:
    """Return the arrival of a message that has been deleted here so often that it was not.

    A server that forgets deletions and names is known by nothing else. The first times it may
    still be somebody who sends the very same bytes again.
    """
    gone = arrivals.gone_before(tx, this.mailbox_id, this.readers.ids, raw_id)
    if sum(1 + arrival.returned for arrival in gone) < _TIMES_SENT:
        return None
    _note_returned(tx, gone[-1:])
    this.recognised.returned += 1
    return gone[-1].id


def _same_place(tx: Tx, this: _Pass, listed: Listed, sha256: str) -> Arrival | None:
    if listed.uid is None:
        return None
    logged = arrivals.at(tx, this.mailbox_id, listed.uidvalidity, [listed.uid])
    return next((x for x in logged.get(listed.uid, []) if x.sha256 == sha256), None)


def _may_have_moved(arrival: Arrival, listed: Listed) -> bool:
    # Under one UIDVALIDITY a message keeps its UID for ever (RFC 3501 2.3.1.1).
    return listed.uidvalidity is None or arrival.uidvalidity != listed.uidvalidity


def _log(tx: Tx, this: _Pass, listed: Listed, raw_id: int, inbound_id: int) -> int:
    return arrivals.keep(
        tx,
        this.mailbox_id,
        uidvalidity=listed.uidvalidity,
        uid=listed.uid,
        size=listed.size,
        internal_date=listed.internal_date,
        raw_id=raw_id,
        inbound_id=inbound_id,
        now=clock.now(),
    )


def _note_returned(tx: Tx, seen: Iterable[Arrival]) -> None:
    for arrival in seen:
        if arrival.gone_at is not None:
            arrivals.mark_returned(tx, arrival.id, clock.now())


def _note_refused(this: _Pass) -> None:
    """Count what is still there after it was deleted, lest it be read again in each pass."""
    with this.db.transaction() as tx:
        for arrival in this.arrival_of.values():
            arrivals.mark_returned(tx, arrival, clock.now())


def _note_gone(this: _Pass, gone: list[Listed]) -> None:
    if not gone:
        return
    ids = [this.arrival_of.pop(listed) for listed in gone]
    with this.db.transaction() as tx:
        arrivals.mark_gone(tx, ids, clock.now())
    this.readers.count_deleted(ids)
    # A POP3 server gives all that it deleted at once, and a line of the log should stay a line.
    for start in range(0, len(gone), _TOLD_AT_ONCE):
        told = gone[start : start + _TOLD_AT_ONCE]
        maillog.info(
            "message.deleted",
            category=this.readers.lead.category.slug,
            mailbox=this.settings.key,
            count=len(told),
            uids=[listed.uid for listed in told if listed.uid is not None],
        )
