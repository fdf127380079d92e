"""The intake half of a round: under the mailbox's lease, decide what is left over, poll, decide."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from listbridge import clock
from listbridge.errors import ListbridgeError
from listbridge.intake.dispatch import dispatch_waiting, nobody_waits
from listbridge.intake.poll import poll
from listbridge.intake.readers import Reader, Readers
from listbridge.mailbox import (
    IncomingSettings,
    LoginRefused,
    Mailbox,
    MailboxBusy,
    OutOfStep,
    ReadOnly,
)
from listbridge.membership import subscriptions
from listbridge.service import duties, events
from listbridge.service.mailbox_lease import MailboxTaken, mailbox_lease
from storage import polls
from storage.database import Database, Tx
from storage.errors import LeaseLost, StoreError
from storage.leases import Lease
from storage.polls import Poll
from storage.states import Trouble


@contextmanager
def costs_a_round(readers: Readers) -> Iterator[None]:
    """Tell who reads a mailbox of whatever blows up: it costs them a round, and others go on."""
    try:
        yield
    except StoreError as err:
        readers.complain(str(err))
    except Exception as err:
        where = traceback.extract_tb(err.__traceback__)[-1]
        readers.complain(f"it failed with {type(err).__name__} in {where.name}; report this")


def whole_round(
    db: Database,
    readers: Readers,
    open_mailbox: Callable[[IncomingSettings], Mailbox],
    *,
    patient: bool = True,
) -> None:
    """Follow the subscriber files and take in the mail; never raises for trouble."""
    for one in readers.polled:
        follow_file(db, one)
    try:
        take_in(db, readers, open_mailbox, patient=patient)
    except MailboxTaken as err:
        readers.complain(str(err))


def take_in(
    db: Database,
    readers: Readers,
    open_mailbox: Callable[[IncomingSettings], Mailbox],
    *,
    patient: bool = True,
    unless_since: datetime | None = None,
    plan: Callable[[datetime, int], datetime | None] = polls.no_plan,
    queued: Callable[[int], None] = nobody_waits,
) -> datetime | None:
    """Decide leftovers, poll, decide; return when the next pass is meant to be.

    What goes wrong is added to the tallies' errors; everything that can still be done is done.
    Unless `patient`, a mailbox that another process works on is not waited for, and either way
    raises `MailboxTaken` if it stays so. Nothing is done if a pass began after `unless_since`.
    `plan` makes the next time of when the last pass began, whoever made it, and how many in a row
    have gone wrong; `queued` is called with the category's id whenever deliveries have been made.
    """
    next_pass = None
    try:
        with mailbox_lease(db, readers.lead.category, patient=patient) as lease:
            with db.transaction() as tx:
                other = _begin(tx, readers, unless_since)
            if other is not None:
                return plan(other.begun_at, other.failures)
            _work(db, readers, lease, open_mailbox, queued)
            with db.transaction() as tx:
                next_pass = _end(tx, readers, plan)
    except StoreError as err:
        readers.complain(str(err), Trouble.OURS)
    for one in readers.polled:
        events.polled(one.tally)
    return next_pass


def _begin(tx: Tx, readers: Readers, unless_since: datetime | None) -> Poll | None:
    """Record that a pass begins, unless another one did so just now, which is returned."""
    now = clock.now()
    other = polls.begin(tx, readers.lead.id, now=now, unless_since=unless_since)
    if other is None:
        for one in readers.polled[1:]:
            polls.begin(tx, one.id, now=now)
    return other


def _end(
    tx: Tx, readers: Readers, plan: Callable[[datetime, int], datetime | None]
) -> datetime | None:
    """Record how the pass ended for each; the next one is when the first of them wants it."""
    wishes = [
        polls.end(
            tx,
            one.id,
            trouble=one.tally.trouble,
            error=one.tally.error,
            now=clock.now(),
            plan=plan,
        )
        for one in readers.polled
    ]
    next_pass = min(filter(None, wishes), default=None)
    if len(wishes) > 1:
        polls.plan(tx, [one.id for one in readers.polled], next_pass)
    return next_pass


def _work(
    db: Database,
    readers: Readers,
    lease: Lease,
    open_mailbox: Callable[[IncomingSettings], Mailbox],
    queued: Callable[[int], None],
) -> None:
    settings = readers.lead.category.incoming
    # First what an earlier run left: it must not wait for a mailbox that is down.
    dispatch_waiting(db, readers, queued)
    if settings is not None:
        try:
            _poll(db, settings, readers, lease, open_mailbox)
            dispatch_waiting(db, readers, queued)
        finally:
            readers.count_shared(db)
    for one in readers.polled:
        duties.see_to(db, one, queued)


def _poll(
    db: Database,
    settings: IncomingSettings,
    readers: Readers,
    lease: Lease,
    open_mailbox: Callable[[IncomingSettings], Mailbox],
) -> None:
    try:
        try:
            poll(db, settings, readers, lease, open_mailbox)
        except OutOfStep:
            # What it stored stays stored. A message may be such that it misleads us, or the server.
            in_lock_step = settings.model_copy(update={"pipelining": "off"})
            poll(db, in_lock_step, readers, lease, open_mailbox)
    except LeaseLost:
        raise  # whoever has the mailbox now also decides what is in it
    except StoreError as err:
        readers.complain(str(err), Trouble.OURS)
    except ListbridgeError as err:
        readers.complain(str(err), mailbox_trouble(err))
    except Exception as err:
        # A server can make a library raise anything; it costs its readers this pass, no more.
        readers.complain(f"polling {settings.host} failed: {type(err).__name__}", Trouble.OURS)


def mailbox_trouble(err: ListbridgeError) -> Trouble | None:
    """Say what kind of trouble keeps a mailbox from being read; "later" is none."""
    if isinstance(err, MailboxBusy):
        return None
    if isinstance(err, ReadOnly):
        return Trouble.DELETIONS
    return Trouble.LOGIN if isinstance(err, LoginRefused) else Trouble.UNREACHABLE


def follow_file(db: Database, one: Reader) -> None:
    """Bring the memberships in step with the subscriber file; complain if that cannot be done."""
    category, tally = one.category, one.tally
    if category.subscribers_file is None:
        return
    try:
        with db.transaction() as tx:
            change = subscriptions.follow_file(
                tx, one.id, category.subscribers_file, category.address
            )
    except ListbridgeError as err:
        tally.complain(str(err), Trouble.SUBSCRIBERS)
    except StoreError as err:
        tally.complain(str(err), Trouble.OURS)
    else:
        events.followed(category.slug, change)
        tally.warnings.extend(change.warnings)
        if change.problem:
            tally.complain(change.problem, Trouble.SUBSCRIBERS)
