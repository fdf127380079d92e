"""A waiting sender hears of what others commit."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime

import pytest

from storage import categories, claims, deliveries, inbound, outbox, subscriptions, wakeup
from storage.database import Database, Tx
from storage.opening import open_database
from storage.outbox import NewOutgoing
from storage.states import Kind, Origin, Source
from storage.wakeup import Wakeup
from tests.servers.postgres import Postgres

LONG = 60.0  # of which nothing is waited for if all is well


@pytest.fixture
def woken(db: Database) -> Iterator[Wakeup]:
    """One who waits, and has heard that the connection is new."""
    with closing(Wakeup(db)) as one:
        assert one.wait(LONG)
        yield one


def _write_elsewhere(url: str, slug: str) -> None:
    """Commit something that makes deliveries due, as another process does."""
    with closing(open_database(url)) as elsewhere, elsewhere.transaction() as tx:
        categories.keep(tx, slug, "a@example.org")
        wakeup.tell(tx)


def test_what_another_commits_ends_the_wait(woken: Wakeup, url: str) -> None:
    writer = threading.Timer(0.1, _write_elsewhere, (url, "one"))
    writer.start()
    heard = woken.wait(LONG)
    writer.join()

    assert heard


def test_what_was_committed_before_the_wait_ends_it_at_once(woken: Wakeup, url: str) -> None:
    _write_elsewhere(url, "one")

    assert woken.wait(LONG)


def test_what_was_heard_is_not_heard_again(woken: Wakeup, url: str) -> None:
    _write_elsewhere(url, "one")
    woken.wait(LONG)

    assert not woken.wait(0.1)


def test_nothing_is_heard_of_what_is_not_committed(woken: Wakeup, db: Database) -> None:
    with pytest.raises(ZeroDivisionError), db.transaction() as tx:  # noqa: PT012
        categories.keep(tx, "lost", "lost@example.org")
        wakeup.tell(tx)
        _ = 1 // 0

    assert not woken.wait(0.1)


@pytest.fixture
def listening(postgres_db: Database) -> Iterator[Wakeup]:
    """One who waits on PostgreSQL, where only what is told is heard."""
    with closing(Wakeup(postgres_db)) as one:
        assert one.wait(LONG)
        yield one


def _queue(tx: Tx, now: datetime) -> None:
    category_id = categories.keep(tx, "general", "general@example.org").id
    key = "ann@example.org"
    subscriptions.put(tx, category_id, address=key, key=key, name="", origin=Origin.ADMIN, now=now)
    _, raw_id = inbound.keep(tx, category_id, b"x", source=Source.CLI, now=now)
    new = NewOutgoing(Kind.POST, category_id, None, "a@example.org", b"\r\n", None, raw_id, None)
    outbox.fan_out(tx, new, to_subscribers=True, without=None, refusal=None, now=now)


def _abandon(tx: Tx, now: datetime) -> None:
    claims.claim(tx, 1, owner="dead", until=now, due=now, limit=1)


def _doubt(tx: Tx, now: datetime) -> None:
    claims.doubt_abandoned(tx, 1, is_alive=lambda _: False, hold=False, now=now)


@pytest.mark.parametrize(
    "steps",
    [
        (_queue,),
        (
            _queue,
            lambda tx, now: deliveries.hold(tx, 1),
            lambda tx, now: deliveries.release(tx, 1, now),
        ),
        (_queue, _abandon, _doubt),
        (_queue, _abandon, _doubt, lambda tx, now: deliveries.retry(tx, 1, now)),
    ],
    ids=["fan-out", "release", "doubt", "retry"],
)
def test_whatever_makes_deliveries_due_is_told(
    listening: Wakeup,
    postgres_db: Database,
    now: datetime,
    steps: tuple[Callable[[Tx, datetime], object], ...],
) -> None:
    for step in steps:
        while listening.wait(0):
            pass
        with postgres_db.transaction() as tx:
            step(tx, now)

    assert listening.wait(LONG)


def test_closing_ends_a_wait_in_another_thread(woken: Wakeup) -> None:
    heard: list[bool] = []
    waiting = threading.Thread(target=lambda: heard.append(woken.wait(LONG)))
    waiting.start()
    woken.close()
    waiting.join(LONG / 2)

    assert heard == [False]
    assert not woken.wait(LONG)


def test_a_lost_connection_is_made_anew(postgres: Postgres, postgres_url: str) -> None:
    with closing(open_database(postgres_url)) as db, closing(Wakeup(db)) as one:
        one.wait(LONG)
        with postgres.connect() as killer:
            killer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
            )

        assert one.wait(LONG)
        _write_elsewhere(postgres_url, "one")
        assert one.wait(LONG)


def test_while_the_database_is_gone_the_wait_goes_on(stopped_postgres: Postgres) -> None:
    server = stopped_postgres
    with server.running():
        server.migrate()
        db = open_database(server.url("migrated"))
        one = Wakeup(db)
        one.wait(LONG)
    with closing(db), closing(one):
        assert not one.wait(0.1)
        assert not one.wait(0.1)
        with server.running():
            assert one.wait(LONG)
