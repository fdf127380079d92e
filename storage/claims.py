"""The outbox as the sender sees it: claimed in groups, settled one by one, doubted by survivors."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Integer,
    Select,
    Text,
    Update,
    bindparam,
    case,
    cast,
    func,
    literal,
    select,
)

from storage import wakeup
from storage.database import Tx
from storage.dialects import json_pairs
from storage.outbox import NAMES, Names, names_of, with_names
from storage.schema import attempts, is_sending, is_waiting, outgoing
from storage.schema import deliveries as table
from storage.states import DeliveryState


class Claimed(NamedTuple):
    """One delivery in the hands of this process."""

    id: int
    recipient: str
    attempts: int
    waited: int


@dataclass(frozen=True)
class Group:
    """Deliveries of one outgoing message, all to be sent in one transaction.

    Of a message with personal copies, each is a transaction by itself.
    """

    outgoing_id: int
    deliveries: tuple[Claimed, ...]
    #: By recipient, the secret that goes into his own copy.
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Doubted:
    """A delivery whose process died while it was sending it."""

    id: int
    recipient: str
    reply: str
    names: Names


def claim(
    tx: Tx, category_id: int, *, owner: str, until: datetime, due: datetime, limit: int
) -> Group | None:
    """Mark the next due deliveries of one message as sending, at most `limit`, and return them.

    Several may claim at the same time: each passes over what another is just claiming, and so they
    share one message as well as several. None if nothing is left to share.
    """
    values = {"category": category_id, "due": due, "most": limit, "by": owner, "until": until}
    rows = tx.execute(_CLAIM, values).all()
    return Group(rows[0][0], tuple(Claimed(*row[1:]) for row in rows)) if rows else None


def _next() -> Select[Any]:
    """Ask for the next due deliveries of one message."""
    waiting = (
        table.c.category_id == bindparam("category"),
        is_waiting,
        table.c.next_attempt <= bindparam("due", type_=table.c.next_attempt.type),
    )
    first = (
        select(table.c.priority, table.c.outgoing_id)
        .where(*waiting)
        .order_by(table.c.priority, table.c.outgoing_id)
        .limit(1)
        # Locked, so that this one at least is left for the group.
        .with_for_update(skip_locked=True)
        .cte()
    )
    return (
        select(table.c.id)
        .where(table.c.priority == select(first.c.priority).scalar_subquery())
        .where(table.c.outgoing_id == select(first.c.outgoing_id).scalar_subquery())
        .where(*waiting)
        # As ix_deliveries_waiting has them: neither sorted nor looked for among the finished ones.
        .order_by(table.c.next_attempt)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(skip_locked=True)
    )


# Made once: building them takes several times as long as running them.
_CLAIM = (
    table.update()
    # A CTE, which is looked up once: a subquery PostgreSQL may ask again, and get others each time.
    .where(table.c.id.in_(select(_next().cte().c.id)))
    .values(
        state=DeliveryState.SENDING,
        owner=bindparam("by"),
        claimed_until=bindparam("until", type_=table.c.claimed_until.type),
    )
    .returning(table.c.outgoing_id, table.c.id, table.c.recipient, table.c.attempts, table.c.waited)
)


def settle_sent(tx: Tx, ends: Sequence[tuple[int, str]], *, owner: str) -> None:
    """Record that these deliveries of ours were sent, each with the server's words."""
    if ends:
        tx.execute(_SENT[tx.dialect.name], {"ends": json.dumps(dict(ends)), "by": owner})


def _sent(dialect: str) -> Update:
    """Settle many in one statement: SQLite and PostgreSQL spend more on each than on its row."""
    ends = json_pairs(dialect, bindparam("ends", type_=Text))
    # SQLite would look for each one among all that we are sending, rather than by its id.
    owned = func.coalesce(table.c.owner, "")
    return (
        table.update()
        .where(
            table.c.id == cast(ends.c.key, BigInteger),
            table.c.state == DeliveryState.SENDING,
            owned == bindparam("by"),
        )
        .values(
            state=DeliveryState.SENT,
            last_reply=ends.c.value,
            attempts=table.c.attempts + 1,
            owner=None,
            claimed_until=None,
        )
    )


_SENT = {dialect: _sent(dialect) for dialect in ("sqlite", "postgresql")}


def settle(
    tx: Tx,
    ids: Sequence[int],
    state: DeliveryState,
    *,
    reply: str,
    owner: str,
    now: datetime,
    next_attempt: datetime | None = None,
    waited: int | None = None,
    doubt: bool = False,
) -> int:
    """Record how an attempt at these deliveries of ours ended; return how many were still ours.

    `doubt` says that the server's answer was lost, whatever state that leads to.
    """
    values: dict[str, object] = {
        "state": state,
        "last_reply": reply,
        "owner": None,
        "claimed_until": None,
    }
    if state is not DeliveryState.PENDING:
        values["attempts"] = table.c.attempts + 1
    if next_attempt is not None:
        values["next_attempt"] = next_attempt
    if waited is not None:
        values["waited"] = waited
    update = table.update().where(
        table.c.id.in_(ids),
        table.c.state == DeliveryState.SENDING,
        table.c.owner == owner,
    )
    settled = tx.execute(update.values(values).returning(table.c.id)).scalars().all()
    if state not in (DeliveryState.SENT, DeliveryState.PENDING):
        _note_attempts(tx, settled, DeliveryState.UNCERTAIN if doubt else state, reply, now)
    return len(settled)


def put_off(
    tx: Tx,
    category_id: int,
    domain: str,
    *,
    soon: datetime,
    until: Sequence[datetime],
    reply: str,
    now: datetime,
) -> int:
    """Put off what waits for a domain, a share until each of these times; return how many.

    What waits for longer stays as it is. `soon`: by when what is put off would have been sent.

    It counts as no attempt. But it counts as waiting: who is put off again and again is given up
    no later than those who are tried.
    """
    waiting = (
        select(table.c.id)
        .where(
            table.c.category_id == category_id,
            is_waiting,
            table.c.next_attempt < min(until),
            table.c.recipient.endswith(f"@{domain}", autoescape=True),
        )
        # Whoever is just claiming one of these finds out for himself.
        .with_for_update(skip_locked=True)
    )
    moments = {n: literal(x, table.c.next_attempt.type) for n, x in enumerate(until)}
    # Of what is put off several times at once, one counts.
    more = int((min(until) - now).total_seconds())
    values = {
        "next_attempt": case(moments, value=table.c.id % len(moments)),
        "waited": table.c.waited + case((table.c.next_attempt <= soon, more), else_=0),
        "last_reply": reply,
    }
    return tx.execute(table.update().where(table.c.id.in_(waiting)).values(values)).rowcount


def pull_back(tx: Tx, category_id: int, *, latest: datetime, now: datetime) -> int:
    """Make due what is put off beyond `latest`; return how many that were.

    Nobody puts anything off for so long: the clock was set back since.
    """
    update = table.update().where(
        table.c.category_id == category_id, is_waiting, table.c.next_attempt > latest
    )
    return tx.execute(update.values(next_attempt=now)).rowcount


def doubt_abandoned(
    tx: Tx,
    category_id: int,
    *,
    is_alive: Callable[[str], bool | None],
    hold: bool,
    now: datetime,
) -> list[Doubted]:
    """Make deliveries uncertain whose process died while sending them; return them.

    `is_alive` says of an owner whether it lives; None where that cannot be known from here, and
    then its claim counts until it runs out. Under `hold` they wait for a person, else they are due.
    """
    reply = "the process that was sending this ended before the server's answer was on record"
    lost = [
        Doubted(row.id, row.recipient, reply, names_of(row))
        for row in tx.execute(_sending(category_id))
        if _is_abandoned(is_alive(row.owner), row.claimed_until, now)
    ]
    if not lost:
        return []
    ids = [one.id for one in lost]
    state = DeliveryState.HELD if hold else DeliveryState.UNCERTAIN
    tx.execute(
        table.update()
        .where(table.c.id.in_(ids))
        .values(
            state=state,
            attempts=table.c.attempts + 1,
            next_attempt=now,
            last_reply=reply,
            owner=None,
            claimed_until=None,
        )
    )
    _note_attempts(tx, ids, DeliveryState.UNCERTAIN, reply, now)
    wakeup.tell(tx)
    return lost


def _sending(category_id: int) -> Select[Any]:
    """Ask for what is being sent, or was when its process died."""
    columns = (
        table.c.id,
        table.c.recipient,
        table.c.owner,
        table.c.claimed_until,
        outgoing.c.post_id,
        *NAMES,
    )
    joined = with_names(table.join(outgoing, outgoing.c.id == table.c.outgoing_id))
    query = select(*columns).select_from(joined)
    query = query.where(is_sending, table.c.category_id == category_id)
    # What is locked is just being settled by a process that lives after all.
    return query.with_for_update(of=table, skip_locked=True)


def _is_abandoned(alive: bool | None, claimed_until: datetime, now: datetime) -> bool:
    return claimed_until < now if alive is None else not alive


def _note_attempts(
    tx: Tx, ids: Sequence[int], outcome: DeliveryState, reply: str, now: datetime
) -> None:
    if ids:
        rows = [{"delivery_id": x, "at": now, "outcome": outcome, "reply": reply} for x in ids]
        tx.execute(attempts.insert(), rows)
