"""What an attempt's outcome means for each delivery: its next state, and when it is tried again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from listbridge import clock
from listbridge.bounces import Book, Recorded
from listbridge.delivery import retry
from listbridge.submission import Outcome, OutgoingSettings, Result
from storage import budgets, claims, owner
from storage.claims import Claimed, Group
from storage.database import Tx
from storage.states import DeliveryState


@dataclass(frozen=True)
class Settled:
    """Deliveries of one group whose attempts ended alike; what was not tried is in none."""

    state: DeliveryState  #: as it counts: in doubt is uncertain, also while it is held
    recipients: tuple[str, ...]
    reply: str
    next_attempt: datetime | None = None
    slow_domain: str | None = None  #: which is to get nothing until then
    bounces: Sequence[Recorded] = ()  #: what became of those who are refused for good


def settle(
    tx: Tx,
    settings: OutgoingSettings,
    ended: Sequence[tuple[Group, Mapping[str, Outcome]]],
    random: Random,
    book: Book | None = None,
) -> list[list[Settled]]:
    """Record all outcomes of some groups; who is not named in them was not tried.

    In the `book` it is noted down who was refused for good; mail to nobody in a category has none.
    """
    alike = [_by_outcome(group, outcomes) for group, outcomes in ended]
    # Nearly all; in one statement, which costs a tenth of one for each transaction.
    sent = [
        (one.id, outcome.reply)
        for by_outcome in alike
        for outcome, deliveries in by_outcome.items()
        if outcome.result is Result.SENT
        for one in deliveries
    ]
    claims.settle_sent(tx, sent, owner=owner.this_process())
    settled = [
        [
            _with_bounces(tx, book, group.outgoing_id, outcome, end)
            for outcome, deliveries in by_outcome.items()
            for end in _settle_alike(tx, settings, outcome, deliveries, random)
        ]
        for (group, _), by_outcome in zip(ended, alike, strict=True)
    ]
    untried = [
        len(deliveries)
        for by_outcome in alike
        for outcome, deliveries in by_outcome.items()
        if outcome.result is Result.UNTRIED
    ]
    # Behind the category, which `book` has locked: whoever claims has the two in this order.
    give_back(tx, settings, sum(untried))
    return settled


def _with_bounces(
    tx: Tx, book: Book | None, outgoing_id: int, outcome: Outcome, end: Settled
) -> Settled:
    if book is None or end.state is not DeliveryState.FAILED:
        return end
    bounces = book.refused(
        tx,
        outgoing_id,
        end.recipients,
        outcome.reply,
        clock.now(),
        given_up=outcome.result is not Result.FAILED,
    )
    return replace(end, bounces=bounces)


def _by_outcome(group: Group, outcomes: Mapping[str, Outcome]) -> dict[Outcome, list[Claimed]]:
    by_outcome: dict[Outcome, list[Claimed]] = {}
    untried = Outcome(Result.UNTRIED, "")
    for one in group.deliveries:
        by_outcome.setdefault(outcomes.get(one.recipient, untried), []).append(one)
    return by_outcome


def give_back(tx: Tx, settings: OutgoingSettings, unused: int) -> None:
    """Return to the account's budget what was reserved and not tried."""
    if settings.max_per_hour is not None or settings.max_per_day is not None:
        budgets.give_back(tx, settings.account, unused, clock.now())


def _settle_alike(
    tx: Tx,
    settings: OutgoingSettings,
    outcome: Outcome,
    deliveries: list[Claimed],
    random: Random,
) -> list[Settled]:
    recipients = tuple([one.recipient for one in deliveries])
    if outcome.result is Result.SENT:
        return [Settled(DeliveryState.SENT, recipients, outcome.reply)]
    me, now = owner.this_process(), clock.now()
    ids = [one.id for one in deliveries]
    if outcome.result is Result.UNTRIED:
        claims.settle(tx, ids, DeliveryState.PENDING, reply=outcome.reply, owner=me, now=now)
        return []
    if outcome.result is Result.FAILED:
        claims.settle(tx, ids, DeliveryState.FAILED, reply=outcome.reply, owner=me, now=now)
        return [Settled(DeliveryState.FAILED, recipients, outcome.reply)]
    return [_settle_open(tx, settings, outcome, one, random) for one in deliveries]


def _settle_open(
    tx: Tx, settings: OutgoingSettings, outcome: Outcome, one: Claimed, random: Random
) -> Settled:
    """Record an attempt that left the delivery open: deferred, uncertain, or given up."""
    now = clock.now()
    doubt = outcome.result is Result.UNCERTAIN
    waited = timedelta(seconds=one.waited)
    wait = retry.next_wait(one.attempts + 1, waited, settings.give_up_after, random)
    state, reply = DeliveryState.DEFERRED, outcome.reply
    if doubt:
        hold = settings.on_uncertain == "hold"
        state = DeliveryState.HELD if hold else DeliveryState.UNCERTAIN
    if wait is None and state is not DeliveryState.HELD:
        state, reply = DeliveryState.FAILED, f"given up after {settings.give_up_after}: {reply}"
    later = now + (wait or timedelta(0))
    claims.settle(
        tx,
        [one.id],
        state,
        reply=reply,
        owner=owner.this_process(),
        now=now,
        next_attempt=later,
        waited=int((waited + (wait or timedelta(0))).total_seconds()),
        doubt=doubt,
    )
    is_waiting = state in (DeliveryState.DEFERRED, DeliveryState.UNCERTAIN)
    counted = DeliveryState.UNCERTAIN if doubt else state
    # Who is greylisted is told so the first time, whatever the domain thinks of the others.
    slow = None if outcome.perhaps_greylisted and not one.attempts else outcome.slow_domain
    if not is_waiting:
        return Settled(counted, (one.recipient,), reply)
    return Settled(counted, (one.recipient,), reply, later, slow)
