"""The audit: every message in one state, every recipient with one result, nothing lost between."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from sqlalchemy import (
    CompoundSelect,
    Integer,
    Select,
    case,
    exists,
    func,
    literal_column,
    select,
    union_all,
)

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


@dataclass(frozen=True)
class _Wrong:
    """A query for the ids of rows that must not be, and what is told of each of them."""

    what: str
    problem: str
    query: Select[int]


def _wrong_rows(tx: Tx) -> Iterator[Problem]:
    kinds, query = _in_one_query()
    for number, found in sorted((number, found) for found, number in tx.execute(query)):
        yield Problem(kinds[number].what, found, kinds[number].problem)


@cache
def _in_one_query() -> tuple[tuple[_Wrong, ...], CompoundSelect[int, int]]:
    """Return every kind of wrong row, and one query for the ids and numbers of their kinds.

    Each of so many queries would take longer to put together and to send than to answer, and even
    one takes too long for every start of the program, which rarely asks.
    """
    kinds = (*_references_to_nothing(), *_WRONG)
    queries = (
        one.query.add_columns(literal_column(str(number), Integer))
        for number, one in enumerate(kinds)
    )
    return kinds, union_all(*queries)


def _damaged_bytes(tx: Tx) -> Iterator[Problem]:
    for raw_id, problem in raw_messages.damaged(tx):
        yield Problem("raw message", raw_id, problem)


def _recipients_missing(tx: Tx) -> Iterator[Problem]:
    for outgoing_id, expected, found in tx.execute(_MISCOUNTED):
        problem = f"it had {expected} recipients and has {found} deliveries"
        yield Problem("outgoing", outgoing_id, problem)


def _abandoned_sending(tx: Tx) -> Iterator[Problem]:
    for delivery_id, process in tx.execute(_SENDING):
        if process is None:
            yield Problem("delivery", delivery_id, "it is being sent, but by nobody")
        elif owner.is_alive(process) is False:
            problem = "its process ended while sending it; `listbridge poll-once` settles that"
            yield Problem("delivery", delivery_id, problem)


_CHECKS: tuple[Callable[[Tx], Iterator[Problem]], ...] = (
    _wrong_rows,
    _damaged_bytes,
    _recipients_missing,
    _abandoned_sending,
)


def _references_to_nothing() -> Iterator[_Wrong]:
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
            yield _Wrong(_CALLED.get(table.name, table.name), problem, query)


def _torn_threads() -> Select[int]:
    parents = posts.alias("parents")
    # A post that answers nothing is the first of a thread of its own.
    belongs_to = case((posts.c.parent_id.is_(None), posts.c.id), else_=parents.c.thread_id)
    # The first of a thread answers none, or they go round in a circle.
    circular = posts.c.parent_id.is_not(None) & (posts.c.thread_id == posts.c.id)
    return (
        select(posts.c.id)
        .outerjoin(parents, parents.c.id == posts.c.parent_id)
        .where(posts.c.thread_id.is_distinct_from(belongs_to) | belongs_to.is_(None) | circular)
    )


_POST_RESULTS = (Result.POST, Result.REPLY)
_WITH_INBOUND = select(posts.c.id).join(inbound, inbound.c.id == posts.c.inbound_id)
_DIGEST_OWED = exists().where(
    duties.c.category_id == digest_entries.c.category_id, duties.c.what == Duty.DIGEST
)

_WRONG = (
    _Wrong(
        "arrival",
        "it was deleted on the server and is not stored",
        select(arrivals.c.id).where(
            arrivals.c.gone_at.is_not(None), ~exists().where(inbound.c.id == arrivals.c.inbound_id)
        ),
    ),
    _Wrong(
        "inbound",
        "was decided before it was known who it was sent to",
        select(inbound.c.id).where(inbound.c.unrouted, inbound.c.result.is_not(None)),
    ),
    _Wrong(
        "inbound",
        "was decided to be a post, but there is no post",
        select(inbound.c.id).where(
            inbound.c.result.in_(_POST_RESULTS),
            ~exists().where(posts.c.inbound_id == inbound.c.id),
        ),
    ),
    _Wrong(
        "inbound",
        "was decided before its time",
        select(inbound.c.id).where(inbound.c.decided_at < inbound.c.not_before),
    ),
    _Wrong(
        "post",
        "its inbound message was not decided to be a post",
        _WITH_INBOUND.where(inbound.c.result.is_(None) | inbound.c.result.not_in(_POST_RESULTS)),
    ),
    _Wrong(
        "post",
        "it was accepted, but it never came into the outbox",
        _WITH_INBOUND.where(
            posts.c.state == PostState.ACCEPTED,
            inbound.c.source != Source.IMPORT,
            ~exists().where(outgoing.c.post_id == posts.c.id),
        ),
    ),
    _Wrong(
        "post",
        "it was imported as history, but it is in the outbox",
        _WITH_INBOUND.join(outgoing, outgoing.c.post_id == posts.c.id).where(
            inbound.c.source == Source.IMPORT
        ),
    ),
    _Wrong(
        "post",
        "it is in the outbox, but it was not accepted",
        select(posts.c.id)
        .join(outgoing, outgoing.c.post_id == posts.c.id)
        .where(posts.c.state != PostState.ACCEPTED),
    ),
    _Wrong(
        "post",
        "it waits for a digest that is not to be made",
        select(digest_entries.c.post_id).where(~_DIGEST_OWED).distinct(),
    ),
    _Wrong("post", "it is not in the thread of the post it answers", _torn_threads()),
)
_DELIVERIES = (
    select(func.count())
    .where(deliveries.c.outgoing_id == outgoing.c.id)
    .correlate(outgoing)
    .scalar_subquery()
)
_MISCOUNTED = select(outgoing.c.id, outgoing.c.recipients, _DELIVERIES).where(
    outgoing.c.recipients != _DELIVERIES
)
_SENDING = select(deliveries.c.id, deliveries.c.owner).where(is_sending)
