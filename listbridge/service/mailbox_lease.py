"""The lease under which a mailbox is worked on: of several processes only one at a time does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic, sleep
from typing import TypeVar
from weakref import WeakKeyDictionary

from listbridge import clock, maillog
from listbridge.category import Category
from listbridge.errors import ListbridgeError
from listbridge.intake.poll import time_budget
from storage import leases, owner
from storage.database import Database
from storage.errors import StoreError
from storage.leases import Holder, Lease

T = TypeVar("T")

# How long a category without a mailbox of its own may take to decide what it was handed.
_DECIDING = timedelta(minutes=5)
_LOOK_AGAIN_SECONDS = 0.2

# Names of leases that may be on record as ours although nobody here works under them: the store
# was in trouble when they were taken or given up. We live, so only their end would free them.
_left_over: WeakKeyDictionary[Database, set[str]] = WeakKeyDictionary()


class MailboxTaken(ListbridgeError):
    """Another process is working on the mailbox."""


def wait_until_free(db: Database, category: Category) -> None:
    """Wait until no living process works on the mailbox, taking nothing; raise `MailboxTaken`."""
    name, patience = lease_name(category), _patience(category)

    def look() -> Holder | None:
        with db.reading() as tx:
            return leases.holder(tx, name, clock.now())

    _when_free(look, name, patience)


@contextmanager
def mailbox_lease(db: Database, category: Category, *, patient: bool) -> Iterator[Lease]:
    """Hold the mailbox's lease, if `patient` waiting for a living holder up to its `timeout`.

    Raises `MailboxTaken` if another process keeps it.
    """
    name = lease_name(category)
    lasting = time_budget(category.incoming) if category.incoming else _DECIDING

    def take() -> Lease | Holder:
        now = clock.now()
        with _noted_on_failure(db, name), db.transaction() as tx:
            if name in _left_over.get(db, ()):
                leases.give_up_ours(tx, name, now)
            return leases.take(tx, name, now + lasting, now)

    taken = _when_free(take, name, _patience(category) if patient else 0.0)
    if taken.taken_from is not None:
        maillog.warning(
            "lease.taken-over",
            category=category.slug,
            mailbox=name,
            owner=owner.shown(taken.taken_from),
        )
    try:
        yield taken
    finally:
        with _noted_on_failure(db, name), db.transaction() as tx:
            leases.give_up(tx, taken, clock.now())


@contextmanager
def _noted_on_failure(db: Database, name: str) -> Iterator[None]:
    """Remember that a lease may be left over if the block fails, and forget it if it does not."""
    try:
        yield
    except StoreError:
        _left_over.setdefault(db, set()).add(name)
        raise
    _left_over.get(db, set()).discard(name)


def _when_free(attempt: Callable[[], T | Holder], name: str, patience: float) -> T:
    """Try until nobody has the lease, for so many seconds; return what the attempt gave."""
    give_up = monotonic() + patience
    while isinstance(found := attempt(), Holder):
        if monotonic() >= give_up:
            who = owner.shown(found.owner)
            raise MailboxTaken(f"{name} is being worked on by {who}; it is left to that one")
        sleep(_LOOK_AGAIN_SECONDS)
    return found


def lease_name(category: Category) -> str:
    """Return the name of the lease under which a category's mail is taken in."""
    return category.incoming.key if category.incoming else f"category {category.slug}"


def _patience(category: Category) -> float:
    return category.incoming.timeout.total_seconds() if category.incoming else 0.0
