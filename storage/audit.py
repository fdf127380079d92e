"""The audit: every message in one state, every recipient with one result, nothing lost between."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Select, case, exists, func, select

from storage import owner, raw_messages
from storage.database import Tx
from storage.schema import (
    arrivals,
    deliveries,
    digest_entries,
    duties,
    inbound,
    is_sending,
    metadata,
    outgoing,
    posts,
)
from storage.states import Duty, PostState, Result, Source

# As the other problems of their rows are told.
_CALLED = {"posts": "post", "deliveries": "delivery", "arrivals": "arrival"}


@dataclass(frozen=True)
class Problem:
    """Something that must not be: what kind of thing, which one, and what is wrong with it."""

    what: str
    id: int
    problem: str


def problems(tx: Tx) -> list[Problem]:
    """Look at everything and return what is wrong; an empty list is the proof."""
    return [problem for check in _CHECKS for problem in check(tx)]


def _references_to_nothing(tx: Tx) -> Iterator[Problem]:
    """Find what refers to rows that are gone: the tables forbid it, but not to every program.

    The `sqlite3` shell, for one, deletes the bytes of a post without a word.
    """
    for table in metadata.sorted_tables:
        row = next(iter(table.primary_key))
        for reference in table.foreign_keys:
            named = reference.column.table
            target = named.alias()
            query = select(row).where(
                reference.parent.is_not(None),
                ~exists().where(target.c[reference.column.name] == reference.parent),
            )
            problem = f"its {reference.parent.name} names a row of {named.name} that is gone"
            yield from _each(tx, query, _CALLED.get(table.name, table.name), problem)


def _damaged_bytes(tx: Tx) -> Iterator[Problem]:
    for raw_id, problem in raw_messages.damaged(tx):
        yield Problem("raw message", raw_id, problem)


def _posts_missing(tx: Tx) -> Iterator[Problem]:
    results = (Result.POST, Result.REPLY)
    query = select(inbound.c.id).where(
        inbound.c.result.in_(results), ~exists().where(posts.c.inbound_id == inbound.c.id)
    )
    yield from _each(tx, query, "inbound", "was decided to be a post, but there is no post")


def _decided_for_nobody(tx: Tx) -> Iterator[Problem]:
    query = select(inbound.c.id).where(inbound.c.unrouted, inbound.c.result.is_not(None))
    yield from _each(tx, query, "inbound", "was decided before it was known who it was sent to")


def _decided_too_soon(tx: Tx) -> Iterator[Problem]:
    query = select(inbound.c.id).where(inbound.c.decided_at < inbound.c.not_before)
    yield from _each(tx, query, "inbound", "was decided before its time")


def _posts_without_inbound(tx: Tx) -> Iterator[Problem]:
    results = (Result.POST, Result.REPLY)
    query = (
        select(posts.c.id)
        .join(inbound, inbound.c.id == posts.c.inbound_id)
        .where(inbound.c.result.is_(None) | inbound.c.result.not_in(results))
    )
    yield from _each(tx, query, "post", "its inbound message was not decided to be a post")


def _sent_without_acceptance(tx: Tx) -> Iterator[Problem]:
    query = (
        select(posts.c.id)
        .join(outgoing, outgoing.c.post_id == posts.c.id)
        .where(posts.c.state != PostState.ACCEPTED)
    )
    yield from _each(tx, query, "post", "it is in the outbox, but it was not accepted")


def _recipients_missing(tx: Tx) -> Iterator[Problem]:
    made = (
        select(func.count())
        .where(deliveries.c.outgoing_id == outgoing.c.id)
        .correlate(outgoing)
        .scalar_subquery()
    )
    query = select(outgoing.c.id, outgoing.c.recipients, made).where(outgoing.c.recipients != made)
    for outgoing_id, expected, found in tx.execute(query):
        problem = f"it had {expected} recipients and has {found} deliveries"
        yield Problem("outgoing", outgoing_id, problem)


def _posts_without_outgoing(tx: Tx) -> Iterator[Problem]:
    query = (
        select(posts.c.id)
        .join(inbound, inbound.c.id == posts.c.inbound_id)
        .where(
            posts.c.state == PostState.ACCEPTED,
            inbound.c.source != Source.IMPORT,
            ~exists().where(outgoing.c.post_id == posts.c.id),
        )
    )
    yield from _each(tx, query, "post", "it was accepted, but it never came into the outbox")


def _history_in_the_outbox(tx: Tx) -> Iterator[Problem]:
    query = (
        select(posts.c.id)
        .join(inbound, inbound.c.id == posts.c.inbound_id)
        .join(outgoing, outgoing.c.post_id == posts.c.id)
        .where(inbound.c.source == Source.IMPORT)
    )
    yield from _each(tx, query, "post", "it was imported as history, but it is in the outbox")


def _digests_forgotten(tx: Tx) -> Iterator[Problem]:
    owed = exists().where(
        duties.c.category_id == digest_entries.c.category_id, duties.c.what == Duty.DIGEST
    )
    query = select(digest_entries.c.post_id).where(~owed).distinct()
    yield from _each(tx, query, "post", "it waits for a digest that is not to be made")


def _abandoned_sending(tx: Tx) -> Iterator[Problem]:
    query = select(deliveries.c.id, deliveries.c.owner).where(is_sending)
    for delivery_id, process in tx.execute(query):
        if process is None:
            yield Problem("delivery", delivery_id, "it is being sent, but by nobody")
        elif owner.is_alive(process) is False:
            problem = "its process ended while sending it; `listbridge poll-once` settles that"
            yield Problem("delivery", delivery_id, problem)


def _deleted_before_stored(tx: Tx) -> Iterator[Problem]:
    query = select(arrivals.c.id).where(
        arrivals.c.gone_at.is_not(None), ~exists().where(inbound.c.id == arrivals.c.inbound_id)
    )
    yield from _each(tx, query, "arrival", "it was deleted on the server and is not stored")


def _torn_threads(tx: Tx) -> Iterator[Problem]:
    parents = posts.alias("parents")
    # A post that answers nothing is the first of a thread of its own.
    belongs_to = case((posts.c.parent_id.is_(None), posts.c.id), else_=parents.c.thread_id)
    # The first of a thread answers none, or they go round in a circle.
    circular = posts.c.parent_id.is_not(None) & (posts.c.thread_id == posts.c.id)
    query = (
        select(posts.c.id)
        .outerjoin(parents, parents.c.id == posts.c.parent_id)
        .where(posts.c.thread_id.is_distinct_from(belongs_to) | belongs_to.is_(None) | circular)
    )
    yield from _each(tx, query, "post", "it is not in the thread of the post it answers")


def _each(tx: Tx, query: Select[int], what: str, problem: str) -> Iterator[Problem]:
    for found in tx.execute(query).scalars():
        yield Problem(what, found, problem)


_CHECKS: tuple[Callable[[Tx], Iterator[Problem]], ...] = (
    _references_to_nothing,
    _damaged_bytes,
    _deleted_before_stored,
    _decided_for_nobody,
    _posts_missing,
    _decided_too_soon,
    _posts_without_inbound,
    _posts_without_outgoing,
    _history_in_the_outbox,
    _sent_without_acceptance,
    _recipients_missing,
    _digests_forgotten,
    _abandoned_sending,
    _torn_threads,
)
