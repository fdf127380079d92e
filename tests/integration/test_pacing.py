"""How fast mail may leave: budgets, precedence, fair turns, and domains that want less of it."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from listbridge import clock
from listbridge.delivery import worker
from listbridge.delivery.worker import Account, Sent, send_due
from listbridge.submission import Envelope, Outcome, OutgoingSettings, SmtpCourier
from storage import categories, deliveries, inbound, outbox
from storage.database import Database
from storage.outbox import NewOutgoing
from storage.schema import subscriptions
from storage.states import DeliveryState, Kind, Origin, Receives, Source, SubscriptionState
from tests.fakes.courier import SENT, RecordingCourier
from tests.fakes.smtp_server import Script, SmtpServer, refuses

DAY = timedelta(days=1)
EVERY = tuple(DeliveryState)


@dataclass
class Clock:
    """What the program takes for the time."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def db(sqlite: Database) -> Database:
    return sqlite


@pytest.fixture
def time(now: datetime, monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock(now)
    monkeypatch.setattr(clock, "now", fake.now)
    return fake


def _subscribe(db: Database, category_id: int, addresses: Iterable[str]) -> None:
    rows = [
        {
            "category_id": category_id,
            "address": address,
            "address_key": address,
            "name": "",
            "state": SubscriptionState.ACTIVE,
            "receives": Receives.EACH,
            "origin": Origin.ADMIN,
            "changed_at": clock.now(),
        }
        for address in addresses
    ]
    with db.transaction() as tx:
        tx.execute(subscriptions.insert(), rows)


def _queue(db: Database, category_id: int, sender: str, kind: Kind = Kind.POST) -> None:
    with db.transaction() as tx:
        raw = b"Subject: hello\r\n\r\nGood morning.\r\n"
        _, raw_id = inbound.keep(tx, category_id, raw, source=Source.CLI, now=clock.now())
        new = NewOutgoing(kind, category_id, None, sender, b"\r\n", None, raw_id, None)
        outbox.fan_out(tx, new, to_subscribers=True, without=None, refusal=None, now=clock.now())


def _settings(port: int = 25, **values: object) -> OutgoingSettings:
    account = {"host": "127.0.0.1", "port": port, "security": "none"}
    return OutgoingSettings.model_validate(account | values)


async def test_5000_on_an_account_of_2000_a_day_are_done_on_the_third_day_with_nobody_missed(
    db: Database, category_id: int, time: Clock
) -> None:
    members = [f"m{number}@example.org" for number in range(5_000)]
    _subscribe(db, category_id, members)
    _queue(db, category_id, "general@example.org")
    begun, left = time.moment, []

    def answer(envelope: Envelope) -> dict[str, Outcome]:
        left.extend((time.moment, recipient) for recipient in envelope.recipients)
        return dict.fromkeys(envelope.recipients, SENT)

    account, settings = Account(RecordingCourier(answer)), _settings(max_per_day=2_000)
    while len(left) < len(members) and time.moment < begun + 10 * DAY:
        await send_due(db, category_id, settings, account)
        time.moment += timedelta(minutes=30)

    assert sorted(recipient for _, recipient in left) == sorted(members)
    assert begun + 2 * DAY <= left[-1][0] < begun + 3 * DAY
    assert max(
        sum(moment - DAY < earlier <= moment for earlier, _ in left)
        for moment in {moment for moment, _ in left}
    ) <= 2_000  # fmt: skip


async def test_notices_go_before_posts_and_posts_before_digests(
    db: Database, category_id: int
) -> None:
    _subscribe(db, category_id, [f"m{number}@example.org" for number in range(3)])
    for kind in (Kind.DIGEST, Kind.POST, Kind.NOTICE):
        _queue(db, category_id, f"{kind}@example.org", kind)
    courier = RecordingCourier()

    await send_due(
        db, category_id, _settings(max_recipients=2, max_connections=1), Account(courier)
    )

    order = [envelope.sender for envelope, _ in courier.taken]
    assert order == [f"{kind}@example.org" for kind in ("notice", "post", "digest") for _ in "12"]


async def test_two_categories_on_one_account_send_by_turns(
    db: Database, category_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_LOAN_SECONDS", 0.0)
    with db.transaction() as tx:
        other_id = categories.keep(tx, "other", "other@example.org").id
    for one, name in ((category_id, "general"), (other_id, "other")):
        _subscribe(db, one, [f"m{number}@example.org" for number in range(10)])
        _queue(db, one, f"{name}@example.org")
    async with SmtpServer() as server:
        settings = _settings(server.port, max_connections=1, max_recipients=1)
        account = Account(SmtpCourier(settings))
        await asyncio.gather(
            *(send_due(db, one, settings, account) for one in (category_id, other_id))
        )
        await account.courier.close()

    senders = [message.sender for message in server.messages]
    both = senders[senders.index("other@example.org") - 1 :][: 2 * 9]
    assert len(senders) == 20
    assert all(one != next_one for one, next_one in itertools.pairwise(both))


# 50 domains, one of which is crowded, with 20 recipients each.
MEMBERS = [f"m{n}@{d}.example" for n in range(20) for d in range(50)]
CONNECTIONS = 8
CROWDED = [address for address in MEMBERS if address.endswith("@7.example")]


async def _send(db: Database, category_id: int, script: Script) -> tuple[Sent, SmtpServer]:
    async with SmtpServer(script) as server:
        settings = _settings(server.port, max_connections=CONNECTIONS, max_recipients=50)
        account = Account(SmtpCourier(settings))
        sent = await send_due(db, category_id, settings, account)
        await account.courier.close()
    return sent, server


def _listed(db: Database, of: Iterable[str]) -> list[deliveries.Delivery]:
    chosen = set(of)
    with db.reading() as tx:
        return [one for one in deliveries.listed(tx, EVERY) if one.recipient in chosen]


@pytest.fixture
def queued(db: Database, category_id: int, time: Clock) -> None:
    _subscribe(db, category_id, MEMBERS)
    _queue(db, category_id, "general@example.org")


@pytest.mark.usefixtures("queued")
@pytest.mark.parametrize("words", ["421 4.7.28 slow down", "421 come back later"])
async def test_a_domain_that_ends_each_connection_costs_the_others_nothing(
    db: Database, category_id: int, words: str
) -> None:
    sent, _ = await _send(db, category_id, refuses(dict.fromkeys(CROWDED, words)))

    others = Counter((x.state.value, x.attempts) for x in _listed(db, set(MEMBERS) - set(CROWDED)))
    assert sent.error is None
    assert others == {("sent", 1): len(MEMBERS) - len(CROWDED)}


@pytest.mark.usefixtures("queued")
async def test_a_crowded_domain_is_asked_by_no_more_than_were_under_way(
    db: Database, category_id: int, time: Clock
) -> None:
    await _send(db, category_id, refuses(dict.fromkeys(CROWDED, "421 4.7.28 slow down")))

    found = Counter((x.state.value, x.attempts) for x in _listed(db, CROWDED))
    assert found["deferred", 1] <= CONNECTIONS
    assert found["deferred", 1] + found["pending", 0] == len(CROWDED)
    assert all(x.next_attempt > time.moment + timedelta(minutes=4) for x in _listed(db, CROWDED))


@pytest.mark.usefixtures("queued")
async def test_once_a_crowded_domain_has_room_everybody_there_is_sent_to(
    db: Database, category_id: int, time: Clock
) -> None:
    await _send(db, category_id, refuses(dict.fromkeys(CROWDED, "421 4.7.28 slow down")))
    time.moment += timedelta(minutes=8)

    _, server = await _send(db, category_id, Script())

    got = sorted(x for message in server.messages for x in message.recipients)
    assert got == sorted(CROWDED)


@pytest.mark.usefixtures("queued")
async def test_who_is_greylisted_one_by_one_gets_it_after_the_first_wait(
    db: Database, category_id: int, time: Clock
) -> None:
    await _send(db, category_id, refuses(dict.fromkeys(MEMBERS, "451 4.7.1 come again")))
    time.moment += timedelta(minutes=6)

    await _send(db, category_id, Script())

    found = Counter((x.state.value, x.attempts) for x in _listed(db, MEMBERS))
    assert found == {("sent", 2): len(MEMBERS)}


@pytest.mark.usefixtures("queued")
async def test_a_domain_that_defers_again_by_policy_is_left_alone_by_all_until_one_is_tried(
    db: Database, category_id: int, time: Clock
) -> None:
    defers = refuses(dict.fromkeys(CROWDED, "451 4.7.1 try later"))
    await _send(db, category_id, defers)
    first = min(x.next_attempt for x in _listed(db, CROWDED))
    time.moment = first

    await _send(db, category_id, defers)
    found = Counter(x.attempts for x in _listed(db, CROWDED))
    soonest = min(x.next_attempt for x in _listed(db, CROWDED))

    assert found[2] < len(CROWDED) // 2
    assert soonest >= first + timedelta(minutes=8)  # 10 minutes, a fifth off at most
