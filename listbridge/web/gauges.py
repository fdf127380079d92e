"""What the store has to say, as the gauges of `listbridge.metrics`."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from listbridge import clock
from listbridge.metrics import Gauge
from storage import backlog, categories, leases, pauses, polls
from storage.backlog import Backlog
from storage.database import Database, Tx
from storage.errors import StoreError
from storage.polls import Poll
from storage.states import UNSENT

#: All there is to say while the database cannot be read.
DOWN: dict[str, Gauge] = {"listbridge_database_up": {(): 0}}


@dataclass(frozen=True)
class InEffect:
    """What is looked after now; the store also remembers what was, and is no more."""

    categories: Collection[str]  #: those to be polled, by slug
    accounts: Collection[str]  #: those mail goes out by


def read(db: Database, in_effect: InEffect) -> dict[str, Gauge]:
    """Read all gauges; where the database cannot be read, only that it is down."""
    try:
        with db.reading() as tx:
            gauges = _everything(tx, in_effect, clock.now())
    except StoreError:
        return DOWN
    return {"listbridge_database_up": {(): 1}, **gauges}


def _everything(tx: Tx, in_effect: InEffect, now: datetime) -> dict[str, Gauge]:
    waiting, passes = backlog.every(tx, now), polls.every(tx)
    nothing, known = Backlog(), categories.every(tx)
    backlogs = {one.slug: waiting.get(one.id, nothing) for one in known}
    here = [one for one in known if one.slug in in_effect.categories]
    paused = {one.account for one in pauses.every(tx)}.intersection(in_effect.accounts)
    return {
        # What was given up for good must not look like a list that nobody polls, for ever.
        **_of_backlog(
            {
                slug: one
                for slug, one in backlogs.items()
                if slug in in_effect.categories or one != nothing
            },
            now,
        ),
        **_of_polls({one.slug: passes[one.id] for one in here if one.id in passes}, now),
        "listbridge_account_paused": {(account,): 1 for account in paused},
        "listbridge_leases": {(): len(leases.held(tx, now))},
    }


def _of_backlog(waiting: dict[str, Backlog], now: datetime) -> dict[str, Gauge]:
    return {
        "listbridge_backlog_deliveries": {
            (slug, state.value): getattr(one, state.value)
            for slug, one in waiting.items()
            for state in UNSENT
        },
        "listbridge_backlog_due_deliveries": {(slug,): one.due for slug, one in waiting.items()},
        "listbridge_backlog_age_seconds": {
            (slug,): _since(one.oldest or now, now) for slug, one in waiting.items()
        },
        "listbridge_undecided_messages": {(slug,): one.received for slug, one in waiting.items()},
        "listbridge_shunted_messages": {(slug,): one.shunted for slug, one in waiting.items()},
        "listbridge_held_posts": {(slug,): one.held_posts for slug, one in waiting.items()},
    }


def _of_polls(passes: dict[str, Poll], now: datetime) -> dict[str, Gauge]:
    return {
        "listbridge_last_poll_timestamp_seconds": {
            (slug,): one.ended_at.timestamp() for slug, one in passes.items() if one.ended_at
        },
        "listbridge_poll_overdue_seconds": {
            (slug,): _since(one.next_at, now) for slug, one in passes.items() if one.next_at
        },
        "listbridge_poll_failures": {(slug,): one.failures for slug, one in passes.items()},
    }


def _since(moment: datetime, now: datetime) -> float:
    """Return the seconds since then; 0 if that is still to come."""
    return max(0.0, (now - moment).total_seconds())
