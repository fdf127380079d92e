"""The intake half of a round: under the mailbox's lease, decide what is left over, poll, decide."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic, sleep

from listbridge import clock
from listbridge.category import Category
from listbridge.errors import ListbridgeError
from listbridge.intake.dispatch import dispatch_waiting
from listbridge.intake.poll import poll, time_budget
from listbridge.intake.tally import Tally
from listbridge.mailbox import IncomingSettings, Mailbox
from listbridge.membership import subscriptions
from storage import leases, owner
from storage.database import Database
from storage.errors import LeaseLost, StoreError
from storage.leases import Lease

# How long a category without a mailbox of its own may take to decide what it was handed.
_DECIDING = timedelta(minutes=5)
_LOOK_AGAIN_SECONDS = 0.2


class MailboxTaken(ListbridgeError):
    """Another process is working on the mailbox."""


def take_in(
    db: Database,
    category: Category,
    category_id: int,
    tally: Tally,
    open_mailbox: Callable[[IncomingSettings], Mailbox],
) -> None:
    """Follow the subscriber file, decide leftovers, poll, decide; never raises for trouble.

    What goes wrong is added to the tally's error; everything that can still be done is done.
    """
    _follow_file(db, category, category_id, tally)
    try:
        with _lease(db, category) as lease:
            # First what an earlier run left: it must not wait for a mailbox that is down.
            dispatch_waiting(db, category, category_id, tally)
            if category.incoming is not None:
                _poll(db, category.incoming, category_id, lease, tally, open_mailbox)
                dispatch_waiting(db, category, category_id, tally)
    except (StoreError, MailboxTaken) as err:
        tally.complain(str(err))


def _poll(
    db: Database,
    settings: IncomingSettings,
    category_id: int,
    lease: Lease,
    tally: Tally,
    open_mailbox: Callable[[IncomingSettings], Mailbox],
) -> None:
    try:
        poll(db, settings, category_id, lease, tally, open_mailbox)
    except LeaseLost:
        raise  # whoever has the mailbox now also decides what is in it
    except (ListbridgeError, StoreError) as err:
        tally.complain(str(err))
    except Exception as err:
        # A server can make a library raise anything; it costs this category this pass, no more.
        tally.complain(f"polling {settings.host} failed: {type(err).__name__}")


def _follow_file(db: Database, category: Category, category_id: int, tally: Tally) -> None:
    if category.subscribers_file is None:
        return
    try:
        with db.transaction() as tx:
            change = subscriptions.follow_file(tx, category_id, category.subscribers_file)
    except (ListbridgeError, StoreError) as err:
        tally.complain(str(err))
    else:
        tally.warnings.extend(change.warnings)


@contextmanager
def _lease(db: Database, category: Category) -> Iterator[Lease]:
    """Hold the mailbox's lease, waiting for a living holder for up to the mailbox's `timeout`."""
    settings = category.incoming
    name = settings.key if settings else f"category {category.slug}"
    lasting = time_budget(settings) if settings else _DECIDING
    patience = settings.timeout.total_seconds() if settings else 0.0
    give_up = monotonic() + patience
    while True:
        now = clock.now()
        with db.transaction() as tx:
            taken = leases.take(tx, name, now + lasting, now)
        if isinstance(taken, Lease):
            break
        if monotonic() >= give_up:
            holder = owner.shown(taken.owner)
            raise MailboxTaken(f"{name} is being worked on by {holder}; it is left to that one")
        sleep(_LOOK_AGAIN_SECONDS)
    try:
        yield taken
    finally:
        with db.transaction() as tx:
            leases.give_up(tx, taken, clock.now())
