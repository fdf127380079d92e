"""Everything that is known of one person, taken away; what others were sent stays as it is.

No row that others rest on goes: those get another address in its place, and bytes are replaced by
others of which the record says the same, so that the audit finds everything in order.
"""

from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Delete,
    Select,
    String,
    Table,
    and_,
    cast,
    func,
    literal,
    or_,
    select,
)

from storage import categories, erased, erased_posts
from storage.blanking import IS_BLANK, UNSENT, blank, blank_outgoing, is_used
from storage.database import Tx
from storage.naming import Naming, pattern
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
_NOBODY = literal("erased-") + cast(deliveries.c.id, String) + "@erased.invalid"
_REASON = "erased"
# SQLite allows 32,766 variables in a statement.
_CHUNK = 5_000


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


def erase(
    tx: Tx, keys: Collection[str], naming: Naming, now: datetime, *, with_posts: bool
) -> Counter[str]:
    """Take away what is known of the addresses with these keys; return how much, by what it is.

    `naming` is the stored mail that was found to name them. What is just being sent to them stays:
    it counts as `leaving`, and another time finds it. So it is with posts and letters that are
    still being sent to others, `going out`, whose bytes are needed.
    """
    categories.lock_all(tx)
    done: Counter[str] = Counter()
    done += _held_posts(tx, keys, now)
    for step in (_decisions, _own_mail, _recipients):
        done += step(tx, keys)
    done += _letters(tx, naming.letters | (naming.digests if with_posts else frozenset()))
    done += _read(tx, keys, naming.read)
    done += _membership(tx, keys)
    done += erased_posts.erase(tx, keys, with_posts=with_posts)
    erased.note(tx, keys, now)
    return done


def _held_posts(tx: Tx, keys: Collection[str], now: datetime) -> Counter[str]:
    """What waits for a moderator will not be posted; one who answers is told that it is decided."""
    his = posts.c.sender_key.in_(keys) & (posts.c.state == PostState.HELD)
    update = posts.update().where(his).values(state=PostState.DISCARDED, decided_at=now)
    return Counter({"held posts discarded": tx.execute(update).rowcount})


def _decisions(tx: Tx, keys: Collection[str]) -> Counter[str]:
    """What he has decided as a moderator stays decided, by somebody."""
    decided = posts.update().where(func.lower(posts.c.decided_by).in_(keys))
    let_in = allowed.update().where(func.lower(allowed.c.allowed_by).in_(keys))
    number = tx.execute(decided.values(decided_by=_REASON)).rowcount
    return Counter({"decisions": number + tx.execute(let_in.values(allowed_by=_REASON)).rowcount})


def _read(tx: Tx, keys: Collection[str], naming: Collection[int]) -> Counter[str]:
    """What came back from him, with the reports of it, what he asked for, and his robots' mail."""
    own = select(subscriptions.c.id).where(subscriptions.c.address_key.in_(keys))
    his = or_(bounces.c.subscription_id.in_(own), func.lower(bounces.c.recipient).in_(keys))
    reports = set(tx.execute(select(bounces.c.inbound_id).where(his)).scalars()) - {None}
    removed = tx.execute(bounces.delete().where(his)).rowcount
    wanted = pattern(keys)
    query = select(inbound.c.id, inbound.c.reason).where(inbound.c.result == Result.COMMAND)
    commands = {row.id for row in tx.execute(query) if wanted.search(row.reason or "")}
    every = reports | commands | {*naming}
    for inbound_id in every:
        this = inbound.c.id == inbound_id
        raw_id = tx.execute(select(inbound.c.raw_id).where(this)).scalar_one()
        if not is_used(tx, raw_id):
            blank(tx, raw_id)
        tx.execute(inbound.update().where(this).values(reason=_REASON, traceback=None))
    return Counter({"bounces": removed, "reports and commands": len(every)})


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
    return Counter({"notices": blank_outgoing(tx, and_(*these))})


def _letters(tx: Tx, naming: Collection[int]) -> Counter[str]:
    """Mail of ours to others that names him; another time finds what is not sent yet."""
    done: Counter[str] = Counter()
    every = sorted(naming)
    for start in range(0, len(every), _CHUNK):
        these = outgoing.c.id.in_(every[start : start + _CHUNK]) & ~IS_BLANK
        unsent = tx.execute(select(outgoing.c.id).where(these, UNSENT)).scalars().all()
        done["letters going out"] += len(unsent)
        done["letters to others"] += blank_outgoing(tx, these & ~UNSENT)
    return done


def _recipients(tx: Tx, keys: Collection[str]) -> Counter[str]:
    """What was sent to him is on record as sent to nobody; what was not is cancelled."""
    his = func.lower(deliveries.c.recipient).in_(keys)
    leaving = tx.execute(select(func.count()).select_from(deliveries).where(his & is_sending))
    unsent = his & or_(is_waiting, is_held)
    cancel = deliveries.update().where(unsent).values(state=DeliveryState.CANCELLED)
    cancelled = tx.execute(cancel).rowcount
    these = his & ~is_sending
    tried = attempts.c.delivery_id.in_(select(deliveries.c.id).where(these))
    tx.execute(attempts.update().where(tried).values(reply=_REASON))
    nobody = {"recipient": _NOBODY, "last_reply": None}
    changed = tx.execute(deliveries.update().where(these).values(nobody)).rowcount
    return Counter(
        {
            "deliveries": changed,
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
