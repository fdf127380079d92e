"""What is asked for together goes on record together."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

import pytest

from listbridge.delivery.ledger import Attempt, Ledger
from listbridge.submission import OutgoingSettings
from storage import inbound, outbox, subscriptions
from storage.claims import Group
from storage.database import Database, Tx
from storage.outbox import Names, NewOutgoing
from storage.states import Kind, Origin, Source
from tests.fakes.courier import SENT

NAMES = Names("general", None, None)


@pytest.fixture
def ledger(db: Database, category_id: int, now: datetime) -> Ledger:
    """Two messages, each for ten; groups of four."""
    with db.transaction() as tx:
        for number in range(10):
            address = f"s{number}@example.org"
            subscriptions.put(
                tx, category_id, address=address, key=address, name="", origin=Origin.ADMIN, now=now
            )
        for text in (b"one\r\n", b"two\r\n"):
            _, raw_id = inbound.keep(tx, category_id, text, source=Source.CLI, now=now)
            new = NewOutgoing(Kind.POST, category_id, None, "l@example.org", b"", b"", raw_id, None)
            outbox.fan_out(tx, new, to_subscribers=True, without=None, refusal=None, now=now)
    settings = OutgoingSettings(host="smtp.example.org", max_recipients=4)
    return Ledger(db, category_id, settings, due=now)


@pytest.fixture
def commits(db: Database, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """One entry for each transaction from now on."""
    made: list[object] = []
    begin: Callable[[], AbstractContextManager[Tx]] = db.transaction

    def counted() -> AbstractContextManager[Tx]:
        made.append(object())
        return begin()

    monkeypatch.setattr(db, "transaction", counted)
    return made


async def _claims(ledger: Ledger, number: int) -> list[Group]:
    claimed = await asyncio.gather(*(ledger.claim() for _ in range(number)))
    return [group for group in claimed if group is not None]


async def test_groups_claimed_together_are_of_one_message_each_and_share_a_commit(
    ledger: Ledger, commits: list[object]
) -> None:
    groups = await _claims(ledger, 6)

    assert [len(group.deliveries) for group in groups] == [4, 4, 2, 4, 4, 2]
    assert len({one.id for group in groups for one in group.deliveries}) == 20
    assert len(commits) == 1


async def test_no_more_is_claimed_than_was_asked_for(ledger: Ledger) -> None:
    groups = await _claims(ledger, 4)

    assert [len(group.deliveries) for group in groups] == [4, 4, 2, 4]


async def test_outcomes_recorded_together_share_a_commit_and_keep_their_places(
    ledger: Ledger, commits: list[object]
) -> None:
    groups = await _claims(ledger, 3)
    commits.clear()

    ends = await asyncio.gather(
        *(
            ledger.record(Attempt(x, NAMES, {one.recipient: SENT for one in x.deliveries}))
            for x in groups
        )
    )

    assert [set(end.recipients) for [end] in ends] == [
        {one.recipient for one in group.deliveries} for group in groups
    ]
    assert len(commits) == 1


async def test_whoever_stops_waiting_leaves_the_others_their_groups(ledger: Ledger) -> None:
    gone = asyncio.ensure_future(ledger.claim())
    others = asyncio.ensure_future(_claims(ledger, 2))
    await asyncio.sleep(0)
    gone.cancel()

    assert len(await others) == 2
