"""How each category is doing: read from the store alone, so that any process can say it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from listbridge.bootstrap import broken_categories
from listbridge.category import Category
from listbridge.config import Configuration
from listbridge.service.mailbox_lease import lease_name
from storage import (
    alerts,
    backlog,
    budgets,
    categories,
    deliveries,
    leases,
    pauses,
    polls,
    restored,
)
from storage.backlog import Backlog
from storage.database import Database, Tx
from storage.pauses import Pause
from storage.polls import Poll
from storage.restored import Hold
from storage.states import WAITING, DeliveryState, Kind

# A living service may be that late; after a longer time it is none.
_LATE = timedelta(minutes=1)
_VANISHED = "it has no file any more, and something of it still waits; put the file back"


class State(StrEnum):
    """In which state a category is; of several the first."""

    VANISHED = "vanished"  #: it has no file any more, and something of it still waits
    BROKEN = "broken"  #: its file is wrong
    INACTIVE = "inactive"  #: `active = false`
    FAILING = "failing"  #: the last pass ended with trouble
    PAUSED = "paused"  #: its outgoing account cannot be used now
    ACTIVE = "active"


@dataclass(frozen=True)
class CategoryStatus:
    """One category: how it is, what waits, and what a person should know."""

    category: str
    state: State
    last_poll: datetime | None  #: when the last pass ended
    next_poll: datetime | None  #: None where no service means to make one
    waits: Backlog
    done_by: datetime | None  #: when all that waits can be sent; None if nothing says so
    pause: Pause | None  #: of its account
    complaint: str | None  #: what is wrong with it, but for the pause and the hold
    hold: Hold | None = None  #: why nothing at all is sent

    @property
    def error(self) -> str | None:
        """Return everything that is wrong as one sentence, or None."""
        pause = f"{self.pause.account} is paused: {self.pause.reason}" if self.pause else None
        hold = str(self.hold) if self.hold else None
        return "; ".join(filter(None, (self.complaint, pause, hold))) or None


@dataclass(frozen=True)
class _Store:
    """What the store says at one moment; by slug, or by account."""

    tx: Tx
    now: datetime
    waiting: Mapping[str, Backlog]
    passes: Mapping[str, Poll]
    pauses: Mapping[str, Pause]
    leases: frozenset[str]
    queues: Mapping[str, int]  #: deliveries that wait for each account
    hold: Hold | None


def every(configuration: Configuration, db: Database, now: datetime) -> list[CategoryStatus]:
    """Return how every category is doing, by slug; raises `StoreError`."""
    hold = restored.standing(db, now)
    with db.reading() as tx:
        known = categories.every(tx)
        broken = broken_categories(configuration, known)
        usable = [x for slug, x in configuration.categories.items() if slug not in broken]
        store = _read(tx, known, [one for one in usable if one.active], hold, now)
        found = [_usable(store, category) for category in usable]
    found += [_resting(store, slug, State.BROKEN, why) for slug, why in broken.items()]
    gone = {one.slug for one in known} - {one.category for one in found}
    found += [
        _resting(store, slug, State.VANISHED, _VANISHED)
        for slug in gone
        if store.waiting[slug] != Backlog()
    ]
    return sorted(found, key=lambda one: one.category)


def untold(configuration: Configuration, db: Database) -> list[str]:
    """Say which operators the newest alert has not reached, and why; raises `StoreError`."""
    settings = configuration.service.alert_settings
    with db.reading() as tx:
        # What was told lately; without that the outbox would be looked through for nothing.
        sent = deliveries.of_newest(tx, Kind.ALERT) if alerts.every(tx) else []
        paused = {one.account: one.reason for one in pauses.every(tx)}
    waits_for = paused.get(settings.account) if settings else "[alerts] names no account for it"
    return [
        f"The last alert has not reached {one.recipient}, it is {one.state}: "
        f"{(one.state in WAITING and waits_for) or one.last_reply or 'not tried yet'}; "
        f"see `listbridge queue show {one.id}`"
        for one in sent
        if one.state in (*WAITING, DeliveryState.HELD, DeliveryState.FAILED)
    ]


def _read(
    tx: Tx,
    known: list[categories.Category],
    active: list[Category],
    hold: Hold | None,
    now: datetime,
) -> _Store:
    waiting, passes = backlog.every(tx, now), polls.every(tx)
    by_slug = {one.slug: waiting.get(one.id, Backlog()) for one in known}
    queues: Counter[str] = Counter()
    for category in active:
        if category.outgoing is not None and category.slug in by_slug:
            queues[category.outgoing.account] += by_slug[category.slug].waiting
    return _Store(
        tx,
        now,
        by_slug,
        {one.slug: passes[one.id] for one in known if one.id in passes},
        {one.account: one for one in pauses.every(tx)},
        frozenset(leases.held(tx, now)),
        queues,
        hold,
    )


def _usable(store: _Store, category: Category) -> CategoryStatus:
    """Tell how a category with a good file is."""
    if not category.active:
        return _resting(store, category.slug, State.INACTIVE, None)
    last = store.passes.get(category.slug)
    pause = store.pauses.get(category.outgoing.account) if category.outgoing else None
    state = State.PAUSED if pause else State.ACTIVE
    return CategoryStatus(
        category=category.slug,
        state=State.FAILING if last and last.trouble else state,
        last_poll=last.ended_at if last else None,
        next_poll=_next_poll(store, category, last),
        waits=store.waiting.get(category.slug, Backlog()),
        done_by=None if store.hold else _done_by(store, category, pause),
        pause=pause,
        complaint=last.error if last else None,
        hold=store.hold if category.outgoing else None,
    )


def _resting(store: _Store, slug: str, state: State, why: str | None) -> CategoryStatus:
    """Tell how a category is that is neither polled nor sent for."""
    last = store.passes.get(slug)
    return CategoryStatus(
        category=slug,
        state=state,
        last_poll=last.ended_at if last else None,
        next_poll=None,
        waits=store.waiting.get(slug, Backlog()),
        done_by=None,
        pause=None,
        complaint=why,
    )


def _next_poll(store: _Store, category: Category, last: Poll | None) -> datetime | None:
    """Return when a service looks again; a plan that nobody kept is none."""
    if last is None or last.next_at is None:
        return None
    under_way = lease_name(category) in store.leases
    return last.next_at if under_way or last.next_at > store.now - _LATE else None


def _done_by(store: _Store, category: Category, pause: Pause | None) -> datetime | None:
    """Estimate when all that waits is sent, if nothing is refused again and a service runs.

    Only a budget says how fast an account may go. Without one all goes as fast as its server
    takes it, and nobody knows that beforehand.
    """
    settings = category.outgoing
    waits = store.waiting.get(category.slug, Backlog())
    if settings is None or waits.due_last is None:
        return None
    if settings.max_per_hour is None and settings.max_per_day is None:
        return None
    granted = budgets.granted_by(
        store.tx,
        settings.account,
        store.queues[settings.account],  # all of it, as nobody knows whose turn comes first
        per_hour=settings.max_per_hour,
        per_day=settings.max_per_day,
        now=store.now,
    )
    return max(granted, waits.due_last, pause.until if pause else granted)
