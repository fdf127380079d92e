"""What several do at the same time is done once, whichever database keeps it."""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from storage import (
    arrivals,
    budgets,
    categories,
    claims,
    deliveries,
    inbound,
    leases,
    outbox,
    owner,
    pauses,
    polls,
    raw_messages,
    subscriptions,
)
from storage.database import Database, Tx
from storage.leases import Lease
from storage.outbox import NewOutgoing
from storage.states import DeliveryState, Kind, Origin, Result, Source

T = TypeVar("T")
Step = Callable[[Tx, int], T]

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ROUNDS = 20  # so that some of them do meet
THREADS = 6


def at_once(db: Database, step: Step[T], rounds: int = ROUNDS) -> list[list[T]]:
    """Take each round of a step in several threads side by side; return what each thread got."""
    ready = threading.Barrier(THREADS)

    def work(_: int) -> list[T]:
        return [one_round(number) for number in range(rounds)]

    def one_round(number: int) -> T:
        ready.wait()
        try:
            with db.transaction() as tx:
                return step(tx, number)
        except BaseException:
            ready.abort()
            raise

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, range(THREADS)))


def subscribe(tx: Tx, category_id: int, number: int) -> None:
    """Make s0, s1, … a subscriber."""
    address = f"s{number}@example.org"
    subscriptions.put(
        tx, category_id, address=address, key=address, name="", origin=Origin.ADMIN, now=NOW
    )


def fan_out(tx: Tx, category_id: int) -> int:
    """Send a message to all subscribers."""
    _, raw_id = inbound.keep(tx, category_id, b"x", source=Source.CLI, now=NOW)
    head = b"Subject: hello\r\n\r\n"
    new = NewOutgoing(Kind.POST, category_id, None, "g@example.org", head, None, raw_id, None)
    return outbox.fan_out(tx, new, to_subscribers=True, without=None, refusal=None, now=NOW)


@pytest.mark.parametrize(
    "make",
    [
        lambda tx, n: categories.keep(tx, f"c{n}", "c@example.org").id,
        lambda tx, n: arrivals.mailbox_id(tx, f"imap://host/{n}"),
        lambda tx, n: raw_messages.keep(tx, b"%d" % n),
    ],
    ids=["category", "mailbox", "raw message"],
)
def test_what_several_use_first_is_made_once(db: Database, make: Step[int]) -> None:
    each = at_once(db, make)

    assert len(set(each[0])) == ROUNDS
    assert each == [each[0]] * THREADS


def test_one_subscription_is_made_by_several(db: Database, category_id: int) -> None:
    at_once(db, lambda tx, n: subscribe(tx, category_id, n))

    with db.reading() as tx:
        assert len(subscriptions.in_category(tx, category_id)) == ROUNDS


def test_one_pause_is_made_by_several(db: Database) -> None:
    at_once(db, lambda tx, n: pauses.keep(tx, f"a{n}", until=NOW, reason="no", now=NOW))

    with db.reading() as tx:
        assert len(pauses.every(tx)) == ROUNDS


def test_a_new_lease_is_taken_by_one(db: Database) -> None:
    taken = at_once(db, lambda tx, n: leases.take(tx, f"imap://{n}", NOW + MINUTE, NOW))

    holders = Counter(x.name for each in taken for x in each if isinstance(x, Lease))
    assert holders == {f"imap://{n}": 1 for n in range(ROUNDS)}


def test_a_lease_that_has_run_out_is_taken_by_one(db: Database) -> None:
    with db.transaction() as tx:
        for n in range(ROUNDS):
            leases.take(tx, f"imap://{n}", NOW, NOW)

    taken = at_once(db, lambda tx, n: leases.take(tx, f"imap://{n}", NOW + MINUTE, NOW))

    holders = Counter(x.name for each in taken for x in each if isinstance(x, Lease))
    assert holders == {f"imap://{n}": 1 for n in range(ROUNDS)}


def test_of_several_services_one_makes_each_pass(db: Database, category_id: int) -> None:
    def begin(tx: Tx, n: int) -> bool:
        earlier = NOW + (n - 1) * MINUTE
        return polls.begin(tx, category_id, now=NOW + n * MINUTE, unless_since=earlier) is None

    begun = at_once(db, begin)

    assert sum(map(sum, begun)) == ROUNDS


def test_a_message_is_decided_by_one(db: Database, category_id: int) -> None:
    with db.transaction() as tx:
        ids = [
            inbound.keep(tx, category_id, b"%d" % n, source=Source.CLI, now=NOW)[0]
            for n in range(ROUNDS)
        ]

    def decide(tx: Tx, n: int) -> bool:
        inbound.begin(tx, ids[n])
        return inbound.finish(tx, ids[n], Result.ROBOT, reason=None, now=NOW)

    assert sum(map(sum, at_once(db, decide))) == ROUNDS


def test_letters_that_come_to_two_categories_the_other_way_round_are_all_stored(
    db: Database, category_id: int
) -> None:
    with db.transaction() as tx:
        other = categories.keep(tx, "other", "other@example.org").id
    turn = iter([(category_id, 1), (other, -1)] * THREADS * ROUNDS)

    def take_in(tx: Tx, n: int) -> None:
        category, direction = next(turn)
        letters = [b"%d of batch %d" % (k, n) for k in range(30)][::direction]
        raw_messages.keep_several(tx, letters)
        for raw in letters:
            inbound.keep(tx, category, raw, source=Source.MAILBOX, now=NOW)

    at_once(db, take_in, rounds=5)

    with db.reading() as tx:
        stored = [len(inbound.waiting(tx, category)) for category in (category_id, other)]
    assert stored == [30 * 5 * THREADS // 2] * 2


def test_of_equal_bytes_the_lower_id_can_be_seen_first(db: Database, category_id: int) -> None:
    with db.transaction() as tx:
        # They are there already, from another category; else to store them would be to wait.
        raw_messages.keep_several(tx, [b"%d" % n for n in range(ROUNDS)])

    def keep(tx: Tx, n: int) -> tuple[int, bool]:
        inbound_id, raw_id = inbound.keep(tx, category_id, b"%d" % n, source=Source.CLI, now=NOW)
        return inbound_id, inbound.came_before(tx, category_id, raw_id, inbound_id)

    kept = sorted(one for each in at_once(db, keep) for one in each)

    assert [before for _, before in kept] == ([False] + [True] * (THREADS - 1)) * ROUNDS


def test_a_budget_is_never_overbooked(db: Database) -> None:
    def reserve(tx: Tx, n: int) -> int:
        return budgets.reserve(tx, f"a{n}@h:25", 7, per_hour=20, per_day=None, now=NOW)

    assert [sum(granted) for granted in zip(*at_once(db, reserve), strict=True)] == [20] * ROUNDS


def test_each_delivery_is_claimed_by_one_and_none_is_left(db: Database, category_id: int) -> None:
    with db.transaction() as tx:
        for number in range(200):
            subscribe(tx, category_id, number)
        for _ in range(10):
            fan_out(tx, category_id)

    def claim_all(_: int) -> list[int]:
        mine: list[int] = []
        while group := _claim(db, category_id):
            assert group.deliveries
            mine += [one.id for one in group.deliveries]
        return mine

    with ThreadPoolExecutor(THREADS) as pool:
        claimed = Counter(x for each in pool.map(claim_all, range(THREADS)) for x in each)

    assert len(claimed) == 2_000
    assert set(claimed.values()) == {1}


def _claim(db: Database, category_id: int) -> claims.Group | None:
    with db.transaction() as tx:
        me = owner.this_process()
        return claims.claim(tx, category_id, owner=me, until=NOW + MINUTE, due=NOW, limit=7)


def test_several_share_the_deliveries_of_one_message(postgres_db: Database) -> None:
    with postgres_db.transaction() as tx:
        category_id = categories.keep(tx, "general", "general@example.org").id
        for number in range(20):
            subscribe(tx, category_id, number)
        fan_out(tx, category_id)
    with postgres_db.transaction() as slow:
        claims.claim(slow, category_id, owner="slow", until=NOW, due=NOW, limit=7)

        other = _claim(postgres_db, category_id)

    assert other is not None
    assert len(other.deliveries) == 7


def test_what_is_just_being_settled_is_not_in_doubt(postgres_db: Database) -> None:
    with postgres_db.transaction() as tx:
        category_id = categories.keep(tx, "general", "general@example.org").id
        subscribe(tx, category_id, 1)
        fan_out(tx, category_id)
    group = _claim(postgres_db, category_id)
    assert group is not None
    ids = [one.id for one in group.deliveries]
    with postgres_db.transaction() as tx:
        me = owner.this_process()
        claims.settle(tx, ids, DeliveryState.SENT, reply="250 ok", owner=me, now=NOW)

        with postgres_db.transaction() as survivor:
            survivor.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
            doubted = claims.doubt_abandoned(
                survivor, category_id, is_alive=lambda _: False, hold=False, now=NOW
            )

    assert doubted == []
    with postgres_db.reading() as tx:
        assert [x.state for x in deliveries.listed(tx, tuple(DeliveryState))] == ["sent"]


def test_who_leaves_while_a_post_is_sent_out_is_not_sent_to(db: Database, category_id: int) -> None:
    with db.transaction() as tx:
        subscribe(tx, category_id, 1)
    leaving = threading.Thread(target=_leave, args=(db, category_id))
    with db.transaction() as tx:
        categories.lock(tx, category_id)
        made = fan_out(tx, category_id)
        leaving.start()
        leaving.join(0.2)  # it waits for us; if it did not, it would be through by now
    leaving.join()

    assert made == 1
    with db.reading() as tx:
        assert [x.state for x in deliveries.listed(tx, tuple(DeliveryState))] == ["cancelled"]


def _leave(db: Database, category_id: int) -> None:
    with db.transaction() as tx:
        subscriptions.remove(tx, category_id, "s1@example.org", by=Origin.PERSON, now=NOW)
        outbox.cancel_for(tx, category_id, "s1@example.org")


TAKE_ALL = """
import sys
from datetime import UTC, datetime, timedelta
from storage import leases
from storage.opening import open_database
db, now = open_database(sys.argv[1]), datetime.now(UTC)
print("ready", flush=True)
sys.stdin.readline()
for n in range(100):
    with db.transaction() as tx:
        taken = leases.take(tx, f"imap://{n}", now + timedelta(minutes=5), now)
    if isinstance(taken, leases.Lease):
        print(taken.name)
print("done", flush=True)
sys.stdin.readline()
db.close()
"""


def test_of_several_processes_one_takes_each_lease(url: str) -> None:
    command = [sys.executable, "-c", TAKE_ALL, url]
    pipe = subprocess.PIPE
    with ExitStack() as stack:
        started = [
            stack.enter_context(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True))
            for _ in range(3)
        ]
        for one in started:
            _lines_until("ready", one)
        for one in started:
            _go_on(one)
        # All live until the last is done: leases of the dead are free.
        taken = [name for one in started for name in _lines_until("done", one)]
        for one in started:
            _go_on(one)

    assert sorted(taken) == sorted(f"imap://{n}" for n in range(100))


def _lines_until(end: str, process: "subprocess.Popen[str]") -> list[str]:
    assert process.stdout is not None
    return list(iter(lambda: process.stdout.readline().strip(), end))


def _go_on(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
