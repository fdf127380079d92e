"""Posts: contributions to a category, under which Message-IDs they are known, what they answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Row, Select, bindparam, func, select

from storage.database import Tx
from storage.schema import aliases, categories, post_aliases, post_references
from storage.schema import posts as table
from storage.states import PostState

# What was rejected or discarded has no part in the conversation.
_IN_THREADS = (PostState.ACCEPTED, PostState.HELD)
_LATELY = 1000  #: posts

# What is asked of each post that comes is put together once; to do so takes longer than to ask.
_ADD = table.insert().returning(table.c.id)
_ADD_ALIAS = post_aliases.insert()
_ADD_REFERENCE = post_references.insert()
_SET_THREAD = (
    table.update().where(table.c.id == bindparam("this")).values(thread_id=bindparam("thread"))
)
_SAME_CONTENT = select(table.c.id).where(
    table.c.category_id == bindparam("category"),
    table.c.message_id == bindparam("named"),
    table.c.fingerprint == bindparam("saying"),
)
_ANSWERING = (
    select(post_references.c.post_id, post_references.c.rank)
    .join(table, table.c.id == post_references.c.post_id)
    .where(
        post_references.c.category_id == bindparam("category"),
        post_references.c.message_id.in_(bindparam("names", expanding=True)),
        table.c.state.in_(_IN_THREADS),
        table.c.parent_rank.is_(None) | (post_references.c.rank < table.c.parent_rank),
    )
    .order_by(post_references.c.post_id, post_references.c.rank)
)


@dataclass(frozen=True)
class Author:
    """Who writes: the key of an address, and of a subscriber's further addresses those as well."""

    key: str
    subscription_id: int | None = None


@dataclass(frozen=True)
class NewPost:
    """What is known of a post before it is stored."""

    category_id: int
    inbound_id: int
    raw_id: int
    message_id: str
    fingerprint: str
    aliases: tuple[str, ...]  #: other Message-IDs it is known under
    references: tuple[str, ...]  #: what it answers, the nearest first
    sender: str | None
    sender_name: str
    subject: str
    date: datetime
    state: PostState
    reason: str | None
    trail: tuple[dict[str, str], ...]


@dataclass(frozen=True)
class Post:
    """A stored post."""

    id: int
    category_id: int
    category: str
    inbound_id: int
    raw_id: int
    message_id: str
    fingerprint: str
    thread_id: int
    parent_id: int | None
    parent_rank: int | None
    sender: str | None
    sender_name: str
    subject: str
    date: datetime
    state: PostState
    reason: str | None
    created_at: datetime
    trail: tuple[dict[str, str], ...] = field(default=())
    decided_by: str | None = None  #: the moderator who did so by mail
    decided_at: datetime | None = None  #: None where no person has


def add(tx: Tx, new: NewPost, now: datetime) -> int:
    """Store a post as the first of a thread of its own; return its id."""
    row = {
        "category_id": new.category_id,
        "inbound_id": new.inbound_id,
        "raw_id": new.raw_id,
        "message_id": new.message_id,
        "fingerprint": new.fingerprint,
        "sender": new.sender,
        "sender_key": new.sender and new.sender.lower(),
        "sender_name": new.sender_name,
        "subject": new.subject,
        "date": new.date,
        "state": new.state,
        "reason": new.reason,
        "trail": list(new.trail),
        "created_at": now,
    }
    post_id: int = tx.execute(_ADD, row).scalar_one()
    tx.execute(_SET_THREAD, {"this": post_id, "thread": post_id})
    names = dict.fromkeys((new.message_id, *new.aliases))
    tx.execute(
        _ADD_ALIAS,
        [
            {"category_id": new.category_id, "message_id": name, "post_id": post_id}
            for name in names
        ],
    )
    if new.references:
        tx.execute(
            _ADD_REFERENCE,
            [
                {
                    "post_id": post_id,
                    "rank": rank,
                    "category_id": new.category_id,
                    "message_id": name,
                }
                for rank, name in enumerate(new.references)
            ],
        )
    return post_id


def find(tx: Tx, post_id: int) -> Post | None:
    """Return one post."""
    row = tx.execute(_FIND, {"this": post_id}).one_or_none()
    return _read(row) if row else None


def of_inbound(tx: Tx, inbound_id: int) -> Post | None:
    """Return the post an inbound message became."""
    row = tx.execute(_query().where(table.c.inbound_id == inbound_id)).one_or_none()
    return _read(row) if row else None


def in_category(
    tx: Tx, category_id: int | None, *, state: PostState | None = None, limit: int | None = None
) -> list[Post]:
    """Return the posts of a category, or of all, oldest first; with a limit, the newest ones."""
    query = _query()
    if category_id is not None:
        query = query.where(table.c.category_id == category_id)
    elif state is not None:
        # With no category named SQLite would read all posts, so they are named all.
        query = query.where(table.c.category_id.in_(select(categories.c.id)))
    if state is not None:
        query = query.where(table.c.state == state)
    if limit is None:
        return [_read(row) for row in tx.execute(query.order_by(table.c.id))]
    newest = tx.execute(query.order_by(table.c.id.desc()).limit(limit)).all()
    return [_read(row) for row in reversed(newest)]


def same_content(tx: Tx, category_id: int, message_id: str, fingerprint: str) -> int | None:
    """Return the id of the post with this Message-ID and this content, if there is one."""
    values = {"category": category_id, "named": message_id, "saying": fingerprint}
    return tx.execute(_SAME_CONTENT, values).scalar()


def sent_at(tx: Tx, category_id: int, moment: datetime) -> str | None:
    """Return the Message-ID of an accepted post that is dated to this second, if there is one."""
    query = select(table.c.message_id).where(
        table.c.category_id == category_id,
        table.c.state == PostState.ACCEPTED,
        table.c.date >= moment,
        table.c.date < moment + timedelta(seconds=1),
    )
    return tx.execute(query.limit(1)).scalar()


def lately_by(tx: Tx, category_id: int, sender: str, most: int) -> list[tuple[int, str]]:
    """Return raw id and subject of what this sender has posted lately, newest first.

    Lately is among the newest posts of all categories, so that the search costs the same always.
    """
    newest = select(func.max(table.c.id)).scalar_subquery()
    query = (
        select(table.c.raw_id, table.c.subject)
        .where(
            table.c.id > newest - _LATELY,
            table.c.category_id == category_id,
            table.c.sender == sender,
            table.c.state.in_(_IN_THREADS),
        )
        .order_by(table.c.id.desc())
        .limit(most)
    )
    return [(raw_id, subject) for raw_id, subject in tx.execute(query)]


def accepted_of(tx: Tx, category_id: int, author: Author, most: int) -> int:
    """Count the accepted posts of an author, up to `most`."""
    found = _by(category_id, author, table.c.state == PostState.ACCEPTED).limit(most)
    return tx.execute(select(func.count()).select_from(found.subquery())).scalar_one()


def posted_by(tx: Tx, category_id: int, author: Author, since: datetime) -> int:
    """Count what an author has posted since then."""
    lately = (table.c.created_at >= since) & table.c.state.in_(_IN_THREADS)
    found = _by(category_id, author, lately)
    return tx.execute(select(func.count()).select_from(found.subquery())).scalar_one()


def posted_beside(tx: Tx, post_id: int, since: datetime) -> int:
    """Count the posts since then in the thread of a post, that one included."""
    thread = select(table.c.thread_id).where(table.c.id == post_id).scalar_subquery()
    query = select(func.count()).where(
        table.c.thread_id == thread,
        table.c.created_at >= since,
        table.c.state.in_(_IN_THREADS),
    )
    return tx.execute(query).scalar_one()


def _by(
    category_id: int, author: Author, like: ColumnElement[bool]
) -> Select[Any] | CompoundSelect[Any]:
    his = select(table.c.id).where(table.c.category_id == category_id, like)
    own = his.where(table.c.sender_key == author.key)
    if author.subscription_id is None:
        return own
    # Side by side, as SQLite would take another index for both at once.
    further = his.join(aliases, aliases.c.address_key == table.c.sender_key)
    return own.union_all(further.where(aliases.c.subscription_id == author.subscription_id))


def known_as(tx: Tx, category_id: int, message_ids: Sequence[str]) -> dict[str, int]:
    """Return, for those of the Message-IDs that name a post, the id of the newest such post."""
    if not message_ids:
        return {}
    query = (
        select(post_aliases.c.message_id, post_aliases.c.post_id)
        .join(table, table.c.id == post_aliases.c.post_id)
        .where(
            post_aliases.c.category_id == category_id,
            post_aliases.c.message_id.in_(message_ids),
            table.c.state.in_(_IN_THREADS),
        )
        .order_by(post_aliases.c.post_id)
    )
    return {row.message_id: row.post_id for row in tx.execute(query)}


def answering(tx: Tx, category_id: int, message_ids: Sequence[str]) -> list[tuple[int, int]]:
    """Return (post id, rank) of posts that refer to one of these nearer than to their parent."""
    values = {"category": category_id, "names": list(message_ids)}
    return [(post_id, rank) for post_id, rank in tx.execute(_ANSWERING, values)]


def ancestors(tx: Tx, post_id: int) -> list[int]:
    """Return the post itself and everything it answers, up to the first of the thread."""
    line = select(table.c.id, table.c.parent_id).where(table.c.id == post_id).cte(recursive=True)
    step = select(table.c.id, table.c.parent_id).join(line, table.c.id == line.c.parent_id)
    return list(tx.execute(select(line.union(step).c.id)).scalars())


def hang(tx: Tx, post_id: int, *, parent: int, rank: int) -> None:
    """Make `parent` the parent of a post, which moves to its thread with all that answers it."""
    thread = select(table.c.thread_id).where(table.c.id == parent).scalar_subquery()
    tree = select(table.c.id).where(table.c.id == post_id).cte(recursive=True)
    tree = tree.union(select(table.c.id).join(tree, table.c.parent_id == tree.c.id))
    tx.execute(
        table.update().where(table.c.id == post_id).values(parent_id=parent, parent_rank=rank)
    )
    members = list(tx.execute(select(tree.c.id)).scalars())
    tx.execute(table.update().where(table.c.id.in_(members)).values(thread_id=thread))


def decide(
    tx: Tx, post_id: int, state: PostState, reason: str, *, by: str | None, now: datetime
) -> bool:
    """Record a person's decision about a held post; False if it is not held.

    `by` is the moderator who decided by mail, None stands for the command line.
    """
    update = table.update().where(table.c.id == post_id, table.c.state == PostState.HELD)
    values = {"state": state, "reason": reason, "decided_by": by, "decided_at": now}
    return tx.execute(update.values(values)).rowcount == 1


def held(tx: Tx, category_id: int, most: int) -> tuple[list[Post], int]:
    """Return the posts that have been held longest, at most so many, and how many there are."""
    these = (table.c.category_id == category_id, table.c.state == PostState.HELD)
    query = _query().where(*these).order_by(table.c.id).limit(most)
    number = tx.execute(select(func.count()).where(*these)).scalar_one()
    return [_read(row) for row in tx.execute(query)], number


def _query() -> Select[Any]:
    columns = (
        table.c.id,
        table.c.category_id,
        categories.c.slug,
        table.c.inbound_id,
        table.c.raw_id,
        table.c.message_id,
        table.c.fingerprint,
        table.c.thread_id,
        table.c.parent_id,
        table.c.parent_rank,
        table.c.sender,
        table.c.sender_name,
        table.c.subject,
        table.c.date,
        table.c.state,
        table.c.reason,
        table.c.created_at,
        table.c.trail,
        table.c.decided_by,
        table.c.decided_at,
    )
    joined = table.join(categories, categories.c.id == table.c.category_id)
    return select(*columns).select_from(joined)


_FIND = _query().where(table.c.id == bindparam("this"))


def _read(row: Row[Any]) -> Post:
    values = dict(row._mapping)
    values["category"] = values.pop("slug")
    values["state"] = PostState(values["state"])
    values["trail"] = tuple(values["trail"])
    return Post(**values)
