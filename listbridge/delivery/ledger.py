"""Claims and outcomes of one run, on record in as few transactions as they come together in.

A commit costs as much as many rows: whatever is asked for while one is made shares the next.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

from listbridge import clock
from listbridge.bounces import Book
from listbridge.delivery import slow_domains
from listbridge.delivery.settle import Settled, give_back, settle
from listbridge.message import key
from listbridge.submission import Outcome, OutgoingSettings
from storage import budgets, claims, leaving, outbox, owner, restored
from storage.claims import Group
from storage.database import Database, Tx
from storage.errors import StoreError
from storage.outbox import Names

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


class BudgetUsedUp(Exception):
    """The account has been given as many recipients as it may for now."""


class Fenced(Exception):
    """The database may be an old state put back; the text says what to do."""


@dataclass
class Page:
    """What is asked for together, and what came of it once it is on record."""

    wanted: int = 0  #: groups to claim
    claimed: deque[Group] = field(default_factory=deque)
    refusal: BudgetUsedUp | Fenced | None = None  #: why nothing was claimed
    ended: list[tuple[Group, Mapping[str, Outcome]]] = field(default_factory=list)
    settled: list[list[Settled]] = field(default_factory=list)
    written: "asyncio.Task[None] | None" = None

    @property
    def failed(self) -> bool:
        """Say whether nothing of it is on record, since the store was away."""
        if self.written is None or not self.written.done():
            return False
        return self.written.exception() is not None


@dataclass
class Ledger:
    """For one run over the deliveries of a category that are `due`; belongs to one event loop."""

    db: Database
    category_id: int
    settings: OutgoingSettings
    due: datetime
    book: Book | None = None  #: for those who are refused for good
    random: Random = field(default_factory=Random)
    #: Whether a message is made anew for each recipient, by its id.
    _personal: dict[int, bool] = field(default_factory=dict)
    _page: Page | None = None
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def order(self) -> Page:
        """Ask for one more group, to be fetched by `claim`.

        What is recorded before anything is waited for goes on the same page.
        """
        page = self._open()
        page.wanted += 1
        return page

    async def claim(self, page: Page | None = None) -> Group | None:
        """Return the group that was ordered, marked as sending; None if nothing is left to do.

        Raises `BudgetUsedUp` or `Fenced` where nothing may be sent now.
        """
        if page is None or page.failed:  # `record` has seen the store come back since
            page = self.order()
        await self._on_record(page)
        if page.claimed:
            return page.claimed.popleft()
        if page.refusal is not None:
            raise page.refusal
        return None

    async def record(self, attempt: Attempt) -> list[Settled]:
        """Put on record how the attempts ended, also where the store is away for a moment.

        Raises `StoreError` where it is away for longer.
        """
        for wait in (*_STORE_WAITS, None):
            page = self._open()
            page.ended.append((attempt.group, attempt.outcomes))
            place = len(page.ended) - 1
            try:
                await self._on_record(page)
            except StoreError:
                if wait is None:
                    raise
                await asyncio.sleep(wait)
            else:
                break
        return page.settled[place]

    def _open(self) -> Page:
        """Return the page that is still being filled."""
        if self._page is None:
            self._page = Page()
            self._page.written = asyncio.create_task(self._write(self._page))
        return self._page

    async def _on_record(self, page: Page) -> None:
        assert page.written is not None
        # Whoever is told to stop waiting must not take the page from the others on it.
        await asyncio.shield(page.written)

    async def _write(self, page: Page) -> None:
        async with self._writing:  # it fills until the one before is on record
            self._page = None
            await asyncio.to_thread(self._put_on_record, page)

    def _put_on_record(self, page: Page) -> None:
        seen = None
        with self.db.transaction() as tx:
            if page.ended:
                page.settled = settle(tx, self.settings, page.ended, self.random, self.book)
                slow_domains.put_off(tx, self.category_id, page.settled, clock.now())
            if page.wanted:
                seen = restored.look(tx, clock.now())
                if seen.hold is None:
                    self._claim(tx, page)
                else:
                    page.refusal = Fenced(str(seen.hold))
        if seen is not None:
            restored.keep_beside(self.db, seen)

    def _claim(self, tx: Tx, page: Page) -> None:
        """Claim as many groups as are wanted, of one message after another."""
        settings, now = self.settings, clock.now()
        left = granted = budgets.reserve(
            tx,
            settings.account,
            settings.max_recipients * page.wanted,
            per_hour=settings.max_per_hour,
            per_day=settings.max_per_day,
            now=now,
        )
        if not granted:
            page.refusal = BudgetUsedUp()
        while left and len(page.claimed) < page.wanted:
            places = settings.max_recipients * (page.wanted - len(page.claimed))
            more = claims.claim(
                tx,
                self.category_id,
                owner=owner.this_process(),
                until=now + _CLAIM,
                due=self.due,
                limit=min(left, places),
            )
            if more is None:
                break
            left -= len(more.deliveries)
            more = self._with_secrets(tx, more)
            page.claimed += _divided(more, settings.max_recipients)
        give_back(tx, settings, left)

    def _with_secrets(self, tx: Tx, group: Group) -> Group:
        """Add what goes into each one's own copy, where each gets one."""
        if group.outgoing_id not in self._personal:
            self._personal[group.outgoing_id] = outbox.is_personal(tx, group.outgoing_id)
        if not self._personal[group.outgoing_id]:
            return group
        keys = {key(one.recipient): one.recipient for one in group.deliveries}
        secrets = leaving.of(tx, self.category_id, keys)
        return replace(group, secrets={keys[one]: secret for one, secret in secrets.items()})


def _divided(group: Group, size: int) -> list[Group]:
    whole = group.deliveries
    return [
        Group(group.outgoing_id, whole[start : start + size], group.secrets)
        for start in range(0, len(whole), size)
    ]
