"""The sender: claims what is due, hands it to the account's courier, records each outcome."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

from listbridge import clock, maillog
from listbridge.bounces import Book
from listbridge.delivery import events, handover, signing, slow_domains, wires
from listbridge.delivery.account import Account
from listbridge.delivery.ledger import Attempt, BudgetUsedUp, Fenced, Ledger, Page
from listbridge.delivery.retry import LONGEST_WAIT
from listbridge.delivery.settle import Settled, settle
from listbridge.delivery.signing import NoSigningKey
from listbridge.delivery.wires import Wire
from listbridge.errors import ListbridgeError
from listbridge.message import Signer
from listbridge.submission import (
    AccountTrouble,
    Connection,
    Outcome,
    OutgoingSettings,
    Result,
    SenderRefused,
)
from storage import budgets, claims, owner, restored
from storage import due as waiting
from storage.claims import Group
from storage.database import Database
from storage.errors import StoreError
from storage.states import DeliveryState

__all__ = ["Account", "Sent", "send_due"]

# So many connections in a row cut short without one message taken, and the account is left alone.
_CUTS = 5
# After so long a connection is passed on to whoever waits for one, so that the account's other
# categories have their turn.
_LOAN_SECONDS = 1.0
# A process that dies leaves in doubt, of each connection, no more recipients than these, unless
# two transactions hold more.
_MOST_IN_DOUBT = 100


# The first outcome of each kind over one connection, which may carry a hundred thousand.
_Kinds = dict[tuple[Result, str | None], Outcome]


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
    ledger: Ledger
    enough: Callable[[], bool]
    sent: Sent = field(default_factory=Sent)
    stopped: bool = False
    signer: Signer | None = None  #: None: nothing is signed
    #: The last one that was asked for, by its message's id; groups come message by message.
    wire: "tuple[int, asyncio.Task[Wire]] | None" = None


async def send_due(
    db: Database,
    category_id: int,
    settings: OutgoingSettings,
    account: Account,
    enough: Callable[[], bool] = lambda: False,
    book: Book | None = None,
) -> Sent:
    """Make one attempt at every delivery of the category that is due now.

    Trouble of the account or the store ends it early and is told in the result's `error`; so does
    `enough`, which is asked before each group. The `book` of a category is told who was refused for
    good. Within a process, to be called for a category once at a time.
    """
    if book is not None and book.category.message.personalise:
        settings = settings.model_copy(update={"max_recipients": 1})
    now = clock.now()
    ledger = Ledger(db, category_id, settings, now, book)
    run = _Run(db, category_id, settings, account, now, ledger, enough)
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
        ended = [(one.group, one.outcomes) for one in late]
        ends = settle(tx, run.settings, ended, run.ledger.random, run.ledger.book)
        slow_domains.put_off(tx, run.category_id, ends, run.due)
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
    return due if due and _can_sign(run) else 0


def _can_sign(run: _Run) -> bool:
    """Read the keys, if there are any; without them nothing is claimed, and everything waits."""
    if run.settings.dkim is None:
        return True
    try:
        run.signer = signing.signer(run.settings.dkim)
    except NoSigningKey as trouble:
        maillog.warning("dkim.keyless", domain=run.settings.dkim.domain, reason=str(trouble))
        if run.ledger.book is None:
            return True  # mail of the service itself, which may be about this
        run.sent.error = str(trouble)
        return False
    return True


async def _work(run: _Run) -> None:
    """Use one connection after another until nothing is due or something must stop."""
    while _goes_on(run):
        with _stopped_by_trouble(run):
            if run.account.trouble is not None:
                _stop(run, run.account.trouble)
                return
            # A connection first: what cannot leave is not claimed.
            async with run.account.courier.connection() as connection:
                results = await _use(run, connection)
            if not results:
                return
            _watch_for_cuts(run, results)


def _goes_on(run: _Run) -> bool:
    return not run.stopped and not run.enough()


@contextmanager
def _stopped_by_trouble(run: _Run) -> Iterator[None]:
    try:
        yield
    except SenderRefused as trouble:
        maillog.warning("sender.refused", account=run.settings.account, reason=str(trouble))
        _stop(run, trouble)
    except AccountTrouble as trouble:
        _pause(run, trouble)
        _stop(run, trouble)
    except BaseException:
        run.stopped = True  # the others finish what they have in hand, and no more
        raise


async def _use(run: _Run, connection: Connection) -> list[Outcome]:
    """Keep as many groups under way as the connection carries, for a while; return how they ended.

    Nothing comes back where nothing was left to send.
    """
    outcomes: _Kinds = {}
    until = monotonic() + _LOAN_SECONDS
    lanes = min(connection.depth, max(2, _MOST_IN_DOUBT // run.settings.max_recipients))
    ended = await asyncio.gather(
        *(_send_groups(run, connection, until, outcomes) for _ in range(lanes)),
        return_exceptions=True,
    )
    for error in ended:
        if error is not None:
            raise error
    return list(outcomes.values())


async def _send_groups(run: _Run, connection: Connection, until: float, outcomes: _Kinds) -> None:
    """Send group after group until the connection ends, is needed elsewhere, or nothing is left."""
    # At least one, also on a connection that has just ended: its outcome says what happened.
    page = run.ledger.order() if _goes_on(run) else None
    while page is not None:
        ordered, page = page, None
        with _stopped_by_trouble(run):
            page = await _send_one_group(run, connection, ordered, until, outcomes)


def _pause(run: _Run, trouble: AccountTrouble) -> None:
    # Several connections may meet the same trouble; the first tells.
    if run.account.trouble is None:
        run.account.trouble = trouble
        maillog.warning("account.paused", account=run.settings.account, reason=str(trouble))


def _stop(run: _Run, trouble: ListbridgeError) -> None:
    run.stopped = True
    run.sent.error = run.sent.error or str(trouble)


async def _send_one_group(
    run: _Run, connection: Connection, ordered: Page, until: float, outcomes: _Kinds
) -> Page | None:
    """Send the group that was ordered and add how it ended; return an order for the next one.

    Nothing is added where nothing is left to send.
    """
    group = await _claim(run, ordered)
    if group is None:
        return None
    wire = await _wire(run, group.outgoing_id)
    try:
        ended = await handover.deliver(run.account, connection, group, wire)
    except AccountTrouble as trouble:
        await _record(run, Attempt(group, wire.names, trouble.outcomes))
        raise
    for one in ended.values():
        outcomes.setdefault((one.result, one.slow_domain), one)
    page = None
    on_loan = monotonic() < until or not run.account.courier.wanted
    if _goes_on(run) and connection.open and on_loan and not _was_cut(ended.values()):
        page = run.ledger.order()  # it shares the commit of what follows
    await _record(run, Attempt(group, wire.names, ended))
    return page


async def _claim(run: _Run, ordered: Page) -> Group | None:
    try:
        return await run.ledger.claim(ordered)
    except BudgetUsedUp:
        run.sent.starved = True
    except Fenced as hold:
        run.sent.error = str(hold)
    return None


async def _wire(run: _Run, outgoing_id: int) -> Wire:
    """Return the bytes of an outgoing message; groups of one message share them."""
    if run.wire is None or run.wire[0] != outgoing_id:
        # Two large ones need not lie in memory side by side.
        run.wire = None
        found = asyncio.to_thread(wires.read, run.db, outgoing_id, run.signer)
        run.wire = outgoing_id, asyncio.create_task(found)
    reading = run.wire[1]
    # Whoever is told to stop waiting must not take it from the others.
    return reading.result() if reading.done() else await asyncio.shield(reading)


async def _record(run: _Run, attempt: Attempt) -> None:
    """Put on record how the attempts ended, also where the store is away for a while.

    What cannot be recorded stays *sending*. This process records it when it sends for the category
    again; another one doubts it.
    """
    try:
        ends = await run.ledger.record(attempt)
    except StoreError:
        run.account.unrecorded.setdefault(run.category_id, []).append(attempt)
        raise
    _tell(run, attempt, ends)


def _tell(run: _Run, attempt: Attempt, ends: Sequence[Settled]) -> None:
    for end in ends:
        run.sent.outcomes[end.state] += len(end.recipients)
    events.settled(attempt.names, ends)


def _was_cut(outcomes: Collection[Outcome]) -> bool:
    """Say whether the server broke off and decided nothing; also where there was nothing."""
    results = {outcome.result for outcome in outcomes}
    # Many refusals make Postfix break off; each of them is done with.
    decided = results & {Result.SENT, Result.FAILED}
    return not results or (Result.UNTRIED in results and not decided)


def _watch_for_cuts(run: _Run, outcomes: Collection[Outcome]) -> None:
    """Stop using an account whose server breaks off again and again without taking anything."""
    if not _was_cut(outcomes):
        run.account.cuts = 0
        run.account.cut_over.clear()
        return
    domains = {outcome.slow_domain for outcome in outcomes if outcome.slow_domain is not None}
    if domains and domains <= run.account.cut_over:
        return  # other groups under way, which held somebody of the same domain
    run.account.cut_over |= domains
    run.account.cuts += 1
    if run.account.cuts >= _CUTS:
        words = next(x.reply for x in outcomes if x.result is Result.UNTRIED)
        settings = run.settings
        raise AccountTrouble(
            f"{settings.host} broke off {_CUTS} times in a row without taking a message ({words}); "
            "what is left is tried again later"
        )
