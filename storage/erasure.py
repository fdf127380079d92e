"""Everything that is known of one person, taken away; what others were sent stays as it is.

No row that others rest on goes: those get another address in its place, and bytes are replaced by
others of which the record says the same, so that the audit finds everything in order.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Delete, Select, String, Table, cast, exists, func, or_, select

from storage import categories, erased, raw_messages
from storage.database import Tx
from storage.schema import (
    aliases,
    allowed,
    answers,
    attempts,
    bounces,
    deliveries,
    digest_entries,
    inbound,
    is_held,
    is_received,
    is_sending,
    is_waiting,
    muted_threads,
    news,
    outgoing,
    posts,
    subscriptions,
    tokens,
)
from storage.states import DeliveryState, Kind, PostState, Result

#: Takes the place of a recipient; no mail can ever be sent there (RFC 2606).
_NOBODY = "erased-{}@erased.invalid"
_REASON = "erased"
_DUPLICATE = "same Message-ID and content as post "


def keys_of(tx: Tx, key: str) -> set[str]:
    """Return the keys of all addresses of whoever has this one, over all categories."""
    known = {key}
    while True:
        own = select(subscriptions.c.id).where(subscriptions.c.address_key.in_(known))
        his = or_(aliases.c.address_key.in_(known), aliases.c.subscription_id.in_(own))
        query = (
            select(aliases.c.address_key, subscriptions.c.address_key)
            .join(subscriptions, subscriptions.c.id == aliases.c.subscription_id)
            .where(his)
        )
        found = known.union(*map(tuple, tx.execute(query)))
        if found == known:
            return known
        known = found


def erase(tx: Tx, keys: Collection[str], now: datetime, *, with_posts: bool) -> Counter[str]:
    """Take away what is known of the addresses with these keys; return how much, by what it is.

    What is just being sent to them stays: it counts as `leaving`, and another time finds it. So it
    is with posts that are still being sent to others, `going out`, whose bytes are needed.
    """
    categories.lock_all(tx)
    done: Counter[str] = Counter()
    done += _held_posts(tx, keys, now)
    for step in (_reports_and_commands, _own_mail, _recipients, _membership):
        done += step(tx, keys)
    done += _posts(tx, keys, with_posts=with_posts)
    erased.note(tx, keys, now)
    return done


def _held_posts(tx: Tx, keys: Collection[str], now: datetime) -> Counter[str]:
    """What waits for a moderator will not be posted; one who answers is told that it is decided."""
    his = posts.c.sender_key.in_(keys) & (posts.c.state == PostState.HELD)
    update = posts.update().where(his).values(state=PostState.DISCARDED, decided_at=now)
    return Counter({"held posts discarded": tx.execute(update).rowcount})


def _posts(tx: Tx, keys: Collection[str], *, with_posts: bool) -> Counter[str]:
    """Posts lose their author's name; their bytes only where nobody was sent them, or `with_posts`.

    Whatever came with the same content as one of them goes like it.
    """
    columns = (posts.c.id, posts.c.raw_id, posts.c.state, posts.c.trail, posts.c.reason)
    his = tx.execute(select(*columns).where(posts.c.sender_key.in_(keys))).all()
    gone, going_out = set(), set()
    for post in his:
        wanted = with_posts or post.state != PostState.ACCEPTED
        if wanted and _is_needed(tx, post):
            going_out.add(post.id)
        elif wanted:
            gone.add(post.id)
            _blank(tx, post.raw_id)
            _blank_outgoing(tx, outgoing.c.post_id == post.id)
    for post in his:
        if post.id not in going_out:
            _anonymise(tx, post, keys)
    for inbound_id, raw_id in _copies_of(tx, gone):
        _blank(tx, raw_id)
        tx.execute(inbound.update().where(inbound.c.id == inbound_id).values(reason=_REASON))
    return Counter(
        {
            "posts without a name": len(his) - len(going_out),
            "posts without content": len(gone),
            "posts going out": len(going_out),
        }
    )


def _anonymise(tx: Tx, post: Any, keys: Collection[str]) -> None:
    values: dict[str, object] = {"sender": None, "sender_key": None, "sender_name": ""}
    if _names_any(str(post.trail), keys):
        values["trail"] = []
    if _names_any(post.reason or "", keys):
        values["reason"] = _REASON
    tx.execute(posts.update().where(posts.c.id == post.id).values(values))
    its = select(posts.c.inbound_id).where(posts.c.id == post.id).scalar_subquery()
    if "reason" in values:
        tx.execute(inbound.update().where(inbound.c.id == its).values(reason=_REASON))


def _names_any(text: str, keys: Collection[str]) -> bool:
    return any(key in text.lower() for key in keys)


def _is_needed(tx: Tx, post: Any) -> bool:
    """Say whether a post's bytes are still to be sent, or to be decided for another category."""
    unsent = (
        exists()
        .where(deliveries.c.outgoing_id == outgoing.c.id)
        .where(or_(is_waiting, is_held, is_sending))
    )
    its = or_(outgoing.c.post_id == post.id, outgoing.c.raw_id == post.raw_id)
    undecided = exists().where(inbound.c.raw_id == post.raw_id, is_received)
    return bool(tx.execute(select(or_(exists().where(its, unsent), undecided))).scalar())


def _copies_of(tx: Tx, post_ids: Collection[int]) -> list[tuple[int, int]]:
    """Return id and raw id of what came once more with other bytes and the same content."""
    query = select(inbound.c.id, inbound.c.raw_id, inbound.c.reason).where(
        inbound.c.result == Result.DUPLICATE, inbound.c.reason.startswith(_DUPLICATE)
    )
    wanted = {f"{_DUPLICATE}{post_id}" for post_id in post_ids}
    return [(row.id, row.raw_id) for row in tx.execute(query) if row.reason in wanted]


def _reports_and_commands(tx: Tx, keys: Collection[str]) -> Counter[str]:
    """What came back from him, with the reports of it, and what he asked for by mail."""
    own = select(subscriptions.c.id).where(subscriptions.c.address_key.in_(keys))
    his = or_(bounces.c.subscription_id.in_(own), func.lower(bounces.c.recipient).in_(keys))
    reports = set(tx.execute(select(bounces.c.inbound_id).where(his)).scalars()) - {None}
    removed = tx.execute(bounces.delete().where(his)).rowcount
    named = inbound.c.result == Result.COMMAND
    commands = set(
        tx.execute(select(inbound.c.id).where(named & _mentions(inbound.c.reason, keys))).scalars()
    )
    for inbound_id in reports | commands:
        this = inbound.c.id == inbound_id
        _blank(tx, tx.execute(select(inbound.c.raw_id).where(this)).scalar_one())
        tx.execute(inbound.update().where(this).values(reason=_REASON, traceback=None))
    return Counter({"bounces": removed, "reports and commands": len(reports | commands)})


def _mentions(column: ColumnElement[Any], keys: Iterable[str]) -> ColumnElement[bool]:
    text = func.lower(cast(column, String))
    return or_(*(text.contains(key, autoescape=True) for key in keys))


def _own_mail(tx: Tx, keys: Collection[str]) -> Counter[str]:
    """Mail of ours to him alone: notices, probes, digests."""
    his = func.lower(deliveries.c.recipient).in_(keys)
    to_him = select(deliveries.c.outgoing_id).where(his)
    leaving = select(deliveries.c.outgoing_id).where(his & is_sending)
    these = (
        outgoing.c.kind != Kind.POST,
        outgoing.c.recipients == 1,
        outgoing.c.id.in_(to_him),
        outgoing.c.id.not_in(leaving),
    )
    ids = tx.execute(select(outgoing.c.id).where(*these)).scalars().all()
    if ids:
        _blank_outgoing(tx, outgoing.c.id.in_(ids))
    return Counter({"notices": len(ids)})


def _recipients(tx: Tx, keys: Collection[str]) -> Counter[str]:
    """What was sent to him is on record as sent to nobody; what was not is cancelled."""
    his = func.lower(deliveries.c.recipient).in_(keys)
    leaving = tx.execute(select(func.count()).select_from(deliveries).where(his & is_sending))
    unsent = his & or_(is_waiting, is_held)
    cancel = deliveries.update().where(unsent).values(state=DeliveryState.CANCELLED)
    cancelled = tx.execute(cancel).rowcount
    ids = tx.execute(select(deliveries.c.id).where(his & ~is_sending)).scalars().all()
    for delivery_id in ids:
        values = {"recipient": _NOBODY.format(delivery_id), "last_reply": None}
        tx.execute(deliveries.update().where(deliveries.c.id == delivery_id).values(values))
        its = attempts.c.delivery_id == delivery_id
        tx.execute(attempts.update().where(its).values(reply=_REASON))
    return Counter(
        {
            "deliveries": len(ids),
            "of these cancelled": cancelled,
            "deliveries leaving": leaving.scalar_one(),
        }
    )


def _membership(tx: Tx, keys: Collection[str]) -> Counter[str]:
    own = select(subscriptions.c.id).where(subscriptions.c.address_key.in_(keys))
    his_token = or_(tokens.c.address_key.in_(keys), func.lower(tokens.c.detail).in_(keys))
    steps: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("digest entries", lambda: _of(digest_entries, own)),
        ("muted threads", lambda: _of(muted_threads, own)),
        (
            "further addresses",
            lambda: aliases.delete().where(
                or_(aliases.c.address_key.in_(keys), aliases.c.subscription_id.in_(own))
            ),
        ),
        ("allowed senders", lambda: allowed.delete().where(allowed.c.address_key.in_(keys))),
        ("tokens", lambda: tokens.delete().where(his_token)),
        ("answers", lambda: answers.delete().where(answers.c.address_key.in_(keys))),
        ("news", lambda: news.delete().where(func.lower(news.c.address).in_(keys))),
        (
            "subscriptions",
            lambda: subscriptions.delete().where(subscriptions.c.address_key.in_(keys)),
        ),
    )
    return Counter({name: tx.execute(step()).rowcount for name, step in steps})


def _of(table: Table, subscription_ids: Select[Any]) -> Delete:
    return table.delete().where(table.c.subscription_id.in_(subscription_ids))


def _blank(tx: Tx, raw_id: int) -> None:
    raw_messages.replace(tx, raw_id, f"Subject: erased {raw_id}\r\n\r\nErased.\r\n".encode())


def _blank_outgoing(tx: Tx, these: ColumnElement[bool]) -> None:
    """Of messages that were sent, only that they were made remains.

    Two with the same body share its bytes: those that somebody else's rest on stay.
    """
    rows = tx.execute(select(outgoing.c.id, outgoing.c.raw_id).where(these)).all()
    empty = raw_messages.keep(tx, b"Subject: erased\r\n\r\nErased.\r\n")
    values = {"head": b"Subject: erased\r\n\r\n", "body": None, "raw_id": empty}
    for row in rows:
        tx.execute(outgoing.update().where(outgoing.c.id == row.id).values(values))
    for raw_id in {row.raw_id for row in rows} - {empty}:
        used = (exists().where(table.c.raw_id == raw_id) for table in (outgoing, inbound))
        if not tx.execute(select(or_(*used))).scalar():
            _blank(tx, raw_id)
