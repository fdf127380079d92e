"""The sender: claims what is due, hands it to the account's courier, records each outcome."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from random import Random

from listbridge import clock, maillog, message
from listbridge.delivery import events
from listbridge.delivery.retry import LONGEST_WAIT
from listbridge.delivery.settle import Settled, give_back, settle
from listbridge.errors import ListbridgeError
from listbridge.submission import (
    AccountTrouble,
    Connection,
    Courier,
    Envelope,
    Outcome,
    OutgoingSettings,
    Result,
    SenderRefused,
)
from storage import budgets, claims, outbox, owner, raw_messages, restored
from storage import due as waiting
from storage.claims import Group
from storage.database import Database, Tx
from storage.errors import StoreError
from storage.outbox import Names, Outgoing
from storage.states import DeliveryState

# So many transactions in a row cut short without one message taken, and the account is left alone.
_CUTS = 5
# Claims of processes on other machines count for at least so long.
_CLAIM = timedelta(minutes=30)
# A database that is started anew is back by then. Seconds.
_STORE_WAITS = (0.5, 2.0, 10.0)


@dataclass(frozen=True)
class Attempt:
    """A group that was handed over, and what the server said to it."""

    group: Group
    names: Names
    outcomes: Mapping[str, Outcome]


@dataclass
class Account:
    """One outgoing account with its courier, and what keeps it from being used now."""

    courier: Courier
    trouble: ListbridgeError | None = None
    cuts: int = 0
    #: What the store was away for too long to record, by the category's id.
    unrecorded: dict[int, list[Attempt]] = field(default_factory=dict)


@dataclass
class Sent:
    """How the attempts of one run ended; `error` says what stopped it early.

    `starved` says that the account's budget did.
    """

    outcomes: Counter[DeliveryState] = field(default_factory=Counter)
    error: str | None = None
    starved: bool = False


@dataclass
class _Run:
    db: Database
    category_id: int
    settings: OutgoingSettings
    account: Account
    due: datetime
    enough: Callable[[], bool]
    sent: Sent = field(default_factory=Sent)
    stopped: bool = False
    random: Random = field(default_factory=Random)
    wire: "_Wire | None" = None  # the last one; groups come message by message


@dataclass(frozen=True)
class _Wire:
    """One outgoing message ready for SMTP, and its form for servers without 8BITMIME."""

    outgoing_id: int
    names: Names
    sender: str
    eight_bit: bytes

    @cached_property
    def seven_bit(self) -> bytes | None:
        """None where it must not be re-encoded. Made when asked for: it takes time and room."""
        return message.seven_bit(self.eight_bit)


async def send_due(
    db: Database,
    category_id: int,
    settings: OutgoingSettings,
    account: Account,
    enough: Callable[[], bool] = lambda: False,
) -> Sent:
    """Make one attempt at every delivery of the category that is due now.

    Trouble of the account or the store ends it early and is told in the result's `error`; so does
    `enough`, which is asked before each group. Within a process, to be called for a category once
    at a time.
    """
    run = _Run(db, category_id, settings, account, clock.now(), enough)
    due = await asyncio.to_thread(_begin, run)
    groups = -(-due // settings.max_recipients)
    places = min(groups, settings.max_connections)
    ended = await asyncio.gather(*(_work(run) for _ in range(places)), return_exceptions=True)
    for error in ended:
        if isinstance(error, StoreError):
            run.sent.error = run.sent.error or str(error)
        elif error is not None:
            raise error
    return run.sent


def _begin(run: _Run) -> int:
    """Settle what a dead process left behind; return how many deliveries are due."""
    hold, me = run.settings.on_uncertain == "hold", owner.this_process()

    def is_alive(one: str) -> bool | None:
        # A category is sent for once at a time: what is ours now, an earlier run could not record.
        return False if one == me else owner.is_alive(one)

    late = run.account.unrecorded.get(run.category_id, [])
    with run.db.transaction() as tx:
        # What the store has come back for is known, and no doubt.
        ends = [settle(tx, run.settings, x.group, x.outcomes, run.random) for x in late]
        doubtful = claims.doubt_abandoned(
            tx, run.category_id, is_alive=is_alive, hold=hold, now=run.due
        )
        budgets.tidy(tx, run.due)
        claims.pull_back(tx, run.category_id, latest=run.due + LONGEST_WAIT, now=run.due)
        due = waiting.count_due(tx, run.category_id, run.due)
        seen = restored.look(tx, run.due)
    restored.keep_beside(run.db, seen)
    run.account.unrecorded.pop(run.category_id, None)
    for attempt, settled in zip(late, ends, strict=True):
        _tell(run, attempt, settled)
    run.sent.outcomes += Counter({DeliveryState.UNCERTAIN: len(doubtful)})
    events.doubted(doubtful)
    if seen.hold is not None:
        run.sent.error = str(seen.hold)
        return 0
    return due


async def _work(run: _Run) -> None:
    """Send group after group until nothing is due or the account or category must stop."""
    while not run.stopped and not run.enough():
        try:
            await _send_one_group(run)
        except SenderRefused as trouble:
            maillog.warning("sender.refused", account=run.settings.account, reason=str(trouble))
            _stop(run, trouble)
        except AccountTrouble as trouble:
            _pause(run, trouble)
            _stop(run, trouble)
        except BaseException:
            run.stopped = True  # the others finish what they have in hand, and no more
            raise


def _pause(run: _Run, trouble: AccountTrouble) -> None:
    # Several connections may meet the same trouble; the first tells.
    if run.account.trouble is None:
        run.account.trouble = trouble
        maillog.warning("account.paused", account=run.settings.account, reason=str(trouble))


def _stop(run: _Run, trouble: ListbridgeError | None) -> None:
    run.stopped = True
    if trouble is not None and run.sent.error is None:
        run.sent.error = str(trouble)


async def _send_one_group(run: _Run) -> None:
    if run.account.trouble is not None:
        _stop(run, run.account.trouble)
        return
    # A connection first: what cannot leave is not claimed.
    async with run.account.courier.connection() as connection:
        group = await asyncio.to_thread(_claim, run)
        if group is None:
            _stop(run, None)
            return
        wire = await asyncio.to_thread(_wire, run, group.outgoing_id)
        try:
            outcomes = await _deliver(connection, group, wire)
        except AccountTrouble as trouble:
            await _record(run, Attempt(group, wire.names, trouble.outcomes))
            raise
        await _record(run, Attempt(group, wire.names, outcomes))
    _watch_for_cuts(run, outcomes)


async def _deliver(connection: Connection, group: Group, wire: _Wire) -> Mapping[str, Outcome]:
    recipients = tuple(one.recipient for one in group.deliveries)
    content: bytes | None = wire.eight_bit
    if not connection.accepts_8bit:
        content = await asyncio.to_thread(lambda: wire.seven_bit)
    if content is None:
        words = "the server takes no 8-bit mail, and signed mail must not be re-encoded"
        return dict.fromkeys(recipients, Outcome(Result.FAILED, words))
    return await connection.deliver(Envelope(wire.sender, recipients), content)


def _claim(run: _Run) -> Group | None:
    settings, now = run.settings, clock.now()
    with run.db.transaction() as tx:
        seen = restored.look(tx, now)
        if seen.hold is not None:
            run.sent.error = str(seen.hold)
            return None
        granted = budgets.reserve(
            tx,
            settings.account,
            settings.max_recipients,
            per_hour=settings.max_per_hour,
            per_day=settings.max_per_day,
            now=now,
        )
        if not granted:
            run.sent.starved = True
            return None
        group = claims.claim(
            tx,
            run.category_id,
            owner=owner.this_process(),
            until=now + _CLAIM,
            due=run.due,
            limit=granted,
        )
        used = len(group.deliveries) if group else 0
        give_back(tx, settings, granted - used)
    restored.keep_beside(run.db, seen)
    return group


def _wire(run: _Run, outgoing_id: int) -> _Wire:
    """Return the bytes of an outgoing message; groups of one message share them."""
    last = run.wire  # another thread may put the next message's there at any moment
    if last is not None and last.outgoing_id == outgoing_id:
        return last
    # Two large ones need not lie in memory side by side.
    last = run.wire = None
    with run.db.reading() as tx:
        outgoing = outbox.find(tx, outgoing_id)
        content = _content(tx, outgoing)
    made = _Wire(outgoing_id, outgoing.names, outgoing.sender, content)
    run.wire = made
    return made


def _content(tx: Tx, outgoing: Outgoing) -> bytes:
    if outgoing.body is not None:
        return message.wire(outgoing.head, outgoing.body)
    raw = raw_messages.read(tx, outgoing.raw_id)
    return message.wire(outgoing.head, raw, message.body_start(raw))


async def _record(run: _Run, attempt: Attempt) -> None:
    """Put on record how the attempts ended, also where the store is away for a while.

    What cannot be recorded stays *sending*. This process records it when it sends for the category
    again; another one doubts it.
    """
    for wait in (*_STORE_WAITS, None):
        try:
            await asyncio.to_thread(_settle, run, attempt)
        except StoreError:
            if wait is None:
                run.account.unrecorded.setdefault(run.category_id, []).append(attempt)
                raise
            await asyncio.sleep(wait)
        else:
            return


def _settle(run: _Run, attempt: Attempt) -> None:
    with run.db.transaction() as tx:
        ends = settle(tx, run.settings, attempt.group, attempt.outcomes, run.random)
    _tell(run, attempt, ends)


def _tell(run: _Run, attempt: Attempt, ends: Sequence[Settled]) -> None:
    for end in ends:
        run.sent.outcomes[end.state] += len(end.recipients)
    events.settled(attempt.names, ends)


def _watch_for_cuts(run: _Run, outcomes: Mapping[str, Outcome]) -> None:
    """Stop using an account whose server breaks off again and again without taking anything."""
    results = {outcome.result for outcome in outcomes.values()}
    if Result.SENT in results or Result.UNTRIED not in results:
        run.account.cuts = 0
        return
    run.account.cuts += 1
    if run.account.cuts >= _CUTS:
        words = next(x.reply for x in outcomes.values() if x.result is Result.UNTRIED)
        settings = run.settings
        raise AccountTrouble(
            f"{settings.host} broke off {_CUTS} times in a row without taking a message ({words}); "
            "what is left is tried again later"
        )
