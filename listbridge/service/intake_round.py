"""The intake half of a round: under the mailbox's lease, decide what is left over, poll, decide."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic, sleep
from typing import TypeVar

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
from storage.leases import Holder, Lease

T = TypeVar("T")

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
    *,
    patient: bool = True,
) -> None:
    """Follow the subscriber file, decide leftovers, poll, decide; never raises for trouble.

    What goes wrong is added to the tally's error; everything that can still be done is done.
    Unless `patient`, a mailbox that another process works on is not waited for.
    """
    _follow_file(db, category, category_id, tally)
    try:
        with _lease(db, category, patient) as lease:
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
        if change.problem:
            tally.complain(change.problem)


def wait_until_free(db: Database, category: Category) -> None:
    """Wait until no living process works on the mailbox, taking nothing; raise `MailboxTaken`."""
    name, patience = _lease_name(category), _patience(category)

    def look() -> Holder | None:
        with db.reading() as tx:
            return leases.holder(tx, name, clock.now())

    _when_free(look, name, patience)


@contextmanager
def _lease(db: Database, category: Category, patient: bool) -> Iterator[Lease]:
    """Hold the mailbox's lease, waiting for a living holder for up to the mailbox's `timeout`."""
    name = _lease_name(category)
    lasting = time_budget(category.incoming) if category.incoming else _DECIDING

    def take() -> Lease | Holder:
        now = clock.now()
        with db.transaction() as tx:
            return leases.take(tx, name, now + lasting, now)

    taken = _when_free(take, name, _patience(category) if patient else 0.0)
    try:
        yield taken
    finally:
        with db.transaction() as tx:
            leases.give_up(tx, taken, clock.now())


def _when_free(attempt: Callable[[], T | Holder], name: str, patience: float) -> T:
    """Try until nobody has the lease, for so many seconds; return what the attempt gave."""
    give_up = monotonic() + patience
    while isinstance(found := attempt(), Holder):
        if monotonic() >= give_up:
            who = owner.shown(found.owner)
            raise MailboxTaken(f"{name} is being worked on by {who}; it is left to that one")
        sleep(_LOOK_AGAIN_SECONDS)
    return found


def _lease_name(category: Category) -> str:
    return category.incoming.key if category.incoming else f"category {category.slug}"


def _patience(category: Category) -> float:
    return category.incoming.timeout.total_seconds() if category.incoming else 0.0
