"""Deliveries as a person sees them: listed, shown, retried, held, released, cancelled."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select, union_all

from storage import wakeup
from storage.database import Tx
from storage.schema import attempts, categories, is_held, is_sending, is_waiting, outgoing
from storage.schema import deliveries as table
from storage.states import UNSENT, DeliveryState, Kind


@dataclass(frozen=True)
class Delivery:
    """One message to one address."""

    id: int
    kind: Kind
    post_id: int | None
    category: str
    recipient: str
    state: DeliveryState
    attempts: int
    next_attempt: datetime  #: of what waits for one; otherwise when the last was due
    last_reply: str | None


@dataclass(frozen=True)
class Attempt:
    """One try that did not simply succeed."""

    at: datetime
    outcome: DeliveryState
    reply: str


def listed(
    tx: Tx,
    states: Collection[DeliveryState],
    limit: int | None = None,
    messages: Collection[int] | None = None,
) -> list[Delivery]:
    """Return all deliveries in one of these states, in the order they were made.

    With `messages`, ids of what is in the outbox, only those of them.
    """
    query = _query().where(table.c.state.in_(states)).order_by(table.c.id).limit(limit)
    if messages is not None:
        query = query.where(table.c.outgoing_id.in_(messages))
    elif set(states).issubset(UNSENT):
        # In the words of the partial indexes, lest all that is finished is read as well.
        parts = (select(table.c.id).where(one) for one in (is_waiting, is_sending, is_held))
        query = query.where(table.c.id.in_(union_all(*parts)))
    return [_read(row) for row in tx.execute(query)]


def of_post(tx: Tx, post_id: int) -> list[Delivery]:
    """Return the deliveries of one post."""
    query = _query().where(outgoing.c.post_id == post_id).order_by(table.c.id)
    return [_read(row) for row in tx.execute(query)]


def of_newest(tx: Tx, kind: Kind) -> list[Delivery]:
    """Return the deliveries of the newest message of this kind; it is looked for from the end."""
    newest = select(outgoing.c.id).where(outgoing.c.kind == kind)
    newest = newest.order_by(outgoing.c.id.desc()).limit(1)
    query = _query().where(outgoing.c.id == newest.scalar_subquery()).order_by(table.c.id)
    return [_read(row) for row in tx.execute(query)]


def find(tx: Tx, delivery_id: int) -> Delivery | None:
    """Return one delivery."""
    row = tx.execute(_query().where(table.c.id == delivery_id)).one_or_none()
    return _read(row) if row else None


def attempts_at(tx: Tx, delivery_id: int) -> list[Attempt]:
    """Return what went wrong with a delivery so far, oldest first."""
    query = (
        select(attempts.c.at, attempts.c.outcome, attempts.c.reply)
        .where(attempts.c.delivery_id == delivery_id)
        .order_by(attempts.c.id)
    )
    return [Attempt(at, DeliveryState(outcome), reply) for at, outcome, reply in tx.execute(query)]


def retry(tx: Tx, delivery_id: int, now: datetime) -> bool:
    """Make a failed, deferred or uncertain delivery due now; False in any other state."""
    states = (DeliveryState.FAILED, DeliveryState.DEFERRED, DeliveryState.UNCERTAIN)
    values = {"state": DeliveryState.PENDING, "next_attempt": now, "waited": 0}
    return _make_due(tx, delivery_id, states, values)


def hold(tx: Tx, delivery_id: int) -> bool:
    """Stop a delivery until it is released; False if it is not waiting to be tried."""
    states = (DeliveryState.PENDING, DeliveryState.DEFERRED, DeliveryState.UNCERTAIN)
    return _move(tx, delivery_id, states, {"state": DeliveryState.HELD})


def release(tx: Tx, delivery_id: int, now: datetime) -> bool:
    """Make a held delivery due now; False if it is not held."""
    values = {"state": DeliveryState.PENDING, "next_attempt": now}
    return _make_due(tx, delivery_id, (DeliveryState.HELD,), values)


def cancel(tx: Tx, delivery_id: int) -> bool:
    """Give up an unsent delivery; False if it is sent, ended, or just leaving."""
    states = [state for state in UNSENT if state is not DeliveryState.SENDING]
    return _move(tx, delivery_id, states, {"state": DeliveryState.CANCELLED})


def _make_due(
    tx: Tx, delivery_id: int, states: Collection[DeliveryState], values: dict[str, object]
) -> bool:
    wakeup.tell(tx)
    return _move(tx, delivery_id, states, values)


def _move(
    tx: Tx, delivery_id: int, states: Collection[DeliveryState], values: dict[str, object]
) -> bool:
    update = table.update().where(table.c.id == delivery_id, table.c.state.in_(states))
    return tx.execute(update.values(values)).rowcount == 1


def _query() -> Select[Any]:
    columns = (
        table.c.id,
        outgoing.c.kind,
        outgoing.c.post_id,
        categories.c.slug,
        table.c.recipient,
        table.c.state,
        table.c.attempts,
        table.c.next_attempt,
        table.c.last_reply,
    )
    joined = table.join(outgoing, outgoing.c.id == table.c.outgoing_id).join(
        categories, categories.c.id == table.c.category_id
    )
    return select(*columns).select_from(joined)


def _read(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        kind=Kind(row.kind),
        post_id=row.post_id,
        category=row.slug,
        recipient=row.recipient,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        next_attempt=row.next_attempt,
        last_reply=row.last_reply,
    )
