"""Target 12: the outbox alone, shared by processes, and beside ten million finished deliveries.

PostgreSQL runs as it does for tests, in memory. BENCH_FINISHED says how many are finished.
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import timedelta

from sqlalchemy import text

from benchmarks import members
from benchmarks.measure import RUNS, Row, against_peer
from listbridge import clock
from storage import claims, owner
from storage.database import Database
from storage.opening import connect
from tests.servers import postgres
from tests.servers.postgres import Postgres

FINISHED = int(os.environ.get("BENCH_FINISHED", "10000000"))
_MEMBERS = 20_000
_GROUP = 100
_WORKERS = 4
_CLAIM = timedelta(minutes=30)
# Each finished post went to everybody.
_FINISH = """
    INSERT INTO deliveries (outgoing_id, category_id, recipient, priority, state, attempts, waited,
                            next_attempt, last_reply)
    SELECT :outgoing, category_id, address, 1, 'sent', 1, 0, :now, '250 2.0.0 queued'
    FROM subscriptions WHERE category_id = :category
"""
_FINISHED_POST = """
    INSERT INTO outgoing (kind, category_id, sender, head, raw_id, recipients, created_at)
    SELECT kind, category_id, sender, head, raw_id, recipients, created_at
    FROM outgoing ORDER BY id LIMIT 1 RETURNING id
"""


def rows() -> list[Row]:
    """Measure; return the lines of the table."""
    with postgres.running() as server:
        return [
            against_peer(
                12,
                f"outbox on PostgreSQL, {_WORKERS} processes, {_GROUP} a group",
                lambda: _shared(server, _WORKERS),
                lambda: _shared(server, 1),
                "one process",
                1.8,
            ),
            _flat("SQLite", members.empty_store),
            _flat("PostgreSQL", lambda: _on_postgresql(server)),
        ]


def _shared(server: Postgres, workers: int) -> float:
    """Have so many processes empty the outbox together; return deliveries a second."""
    with server.database() as name, closing(connect(server.url(name))) as db:
        category_id = members.subscribe(db, _MEMBERS * workers)
        members.queue_post(db, category_id)
        with ProcessPoolExecutor(workers) as processes:
            list(
                processes.map(owner.is_alive, [owner.this_process()] * workers)
            )  # all have started
            begun = time.perf_counter()
            shares = processes.map(_empty, [server.url(name)] * workers, [category_id] * workers)
            assert sum(shares) == _MEMBERS * workers
            return _MEMBERS * workers / (time.perf_counter() - begun)


def _empty(url: str, category_id: int) -> int:
    with closing(connect(url)) as db:
        return _take_all(db, category_id)


def _take_all(db: Database, category_id: int) -> int:
    """Claim group after group and record each as sent; return how many deliveries that were."""
    me, now, taken = owner.this_process(), clock.now(), 0
    while True:
        with db.transaction() as tx:
            group = claims.claim(
                tx, category_id, owner=me, until=now + _CLAIM, due=now, limit=_GROUP
            )
        if group is None:
            return taken
        ends = [(one.id, "250 2.0.0 queued") for one in group.deliveries]
        with db.transaction() as tx:
            claims.settle_sent(tx, ends, owner=me)
        taken += len(ends)


def _flat(name: str, database: Callable[[], AbstractContextManager[Database]]) -> Row:
    """Measure one database twice: with nothing else in it, and beside what is finished."""
    with database() as db:
        category_id = members.subscribe(db, _MEMBERS)
        before = [_rate(db, category_id) for _ in range(RUNS)]
        _finish(db, category_id)
        after = [_rate(db, category_id) for _ in range(RUNS)]
    return against_peer(
        12,
        f"outbox on {name} beside {FINISHED:,} finished deliveries",
        iter(after).__next__,
        iter(before).__next__,
        "beside none",
        0.8,
    )


@contextmanager
def _on_postgresql(server: Postgres) -> Iterator[Database]:
    with server.database() as name, closing(connect(server.url(name))) as db:
        yield db


def _rate(db: Database, category_id: int) -> float:
    """Queue a post and empty the outbox; return deliveries a second."""
    members.queue_post(db, category_id)
    begun = time.perf_counter()
    return _take_all(db, category_id) / (time.perf_counter() - begun)


def _finish(db: Database, category_id: int) -> None:
    """Add posts that went to everybody, until so many deliveries are finished."""
    for _ in range(FINISHED // _MEMBERS):
        with db.transaction() as tx:
            outgoing_id = tx.execute(text(_FINISHED_POST)).scalar_one()
            what = {"outgoing": outgoing_id, "category": category_id, "now": str(clock.now())}
            tx.execute(text(_FINISH), what)
