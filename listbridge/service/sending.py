"""The sending part of the service: whatever is due leaves at once, category beside category."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from time import monotonic

from listbridge import clock, maillog
from listbridge.bootstrap import Accounts
from listbridge.delivery.retry import LONGEST_WAIT
from listbridge.delivery.worker import Account, Sent, send_due
from listbridge.metrics import Metrics
from listbridge.service.roster import Roster
from listbridge.submission import OutgoingSettings
from scheduler.rests import Rests
from storage import due, pauses, restored
from storage.errors import StoreError
from storage.restored import Hold

# How often it is looked whether something has become due by itself: retries, ended pauses.
_LOOK_EVERY_SECONDS = 5.0
# How often it is looked whether a process has died while it was sending.
_DOUBT_EVERY_SECONDS = 60.0
_FIRST_REST = timedelta(seconds=30)
# After trouble with the database, which may be over before anybody has noticed it.
_SHORT_REST = timedelta(seconds=5)
_LONGEST_REST = timedelta(minutes=15)


class Sending:
    """Sends for the categories of the roster until it is stopped; belongs to the event loop."""

    def __init__(self, roster: Roster, metrics: Metrics) -> None:
        self._roster = roster
        self._metrics = metrics
        self._accounts = Accounts()
        self._sends: dict[int, OutgoingSettings] = {}
        self._forget_rests()
        self._paused: set[str] = set()  # accounts that the store calls paused
        self._woken = asyncio.Event()
        self._look = True  # whether categories other than these may have something due
        self._due: set[int] = set()
        self._running: dict[int, asyncio.Task[None]] = {}
        self._next_doubt = 0.0
        self._hold: Hold | None = None
        self._stopping = False

    def wake(self, category_id: int | None = None) -> None:
        """Say that a category has something due, or that any may have."""
        if category_id is None:
            self._look = True
        else:
            self._due.add(category_id)
        self._woken.set()

    def store_is_back(self) -> None:
        """Go on at once with what the database's trouble has stopped."""
        self._forget_rests()
        self.wake()

    def _forget_rests(self) -> None:
        # Accounts in trouble, by name, and categories for which nothing could be sent, by id.
        self._rests = Rests(first=_FIRST_REST, longest=_LONGEST_REST)
        # Categories of which the database would not give or take anything, by id.
        self._unstored = Rests(first=_SHORT_REST, longest=_LONGEST_REST)

    async def apply(self) -> None:
        """Take the accounts as the roster has them now, and try them all again.

        What is in hand with other settings ends with what is leaving; the rest goes by the new.
        """
        self._sends = self._roster.sends()
        self._forget_rests()
        await self._accounts.close(unless=self._sends.values())
        self.wake()

    async def run(self) -> None:
        """Send until stopped."""
        await self.apply()
        while not self._stopping:
            await self._look_around()
            self._start_due()
            try:
                async with asyncio.timeout(_LOOK_EVERY_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                self._look = True
            self._woken.clear()

    async def stop(self, within: timedelta) -> bool:
        """Claim nothing more; wait for what is leaving, and say whether all of it has ended."""
        self._stopping = True
        self._woken.set()
        if self._running:
            await asyncio.wait(self._running.values(), timeout=within.total_seconds())
        await self._accounts.close()
        return not self._running

    async def _look_around(self) -> None:
        """Find out what is due, and which accounts are on record as paused."""
        if not self._look:
            return
        self._look = False
        await self._accounts.close_idle()
        try:
            hold = await asyncio.to_thread(self._read_hold)
            found, paused = await asyncio.to_thread(self._read)
        except StoreError as err:
            maillog.error("store.failed", error=str(err))
            return
        self._note_hold(hold)
        self._due |= found
        self._paused = paused

    def _read_hold(self) -> Hold | None:
        return restored.standing(self._roster.installation.db, clock.now())

    def _note_hold(self, hold: Hold | None) -> None:
        """Tell that nothing is sent, and afterwards that things are again."""
        if hold is not None and self._hold is None:
            maillog.error("sending.held", error=str(hold))
        elif hold is None and self._hold is not None:
            maillog.info("sending.resumed")
        self._hold = hold

    def _read(self) -> tuple[set[int], set[str]]:
        with self._roster.installation.db.reading() as tx:
            paused = {one.account for one in pauses.every(tx)}
            found = set(due.categories_due(tx, clock.now()))
            if monotonic() >= self._next_doubt:
                # Of some of them the process may have died; nothing else of them need be due.
                found.update(due.categories_sending(tx))
                found.update(due.categories_put_off(tx, clock.now() + LONGEST_WAIT))
                self._next_doubt = monotonic() + _DOUBT_EVERY_SECONDS
            return found, paused

    def _start_due(self) -> None:
        if self._hold is not None:
            self._due.clear()  # they are found again when the hold has ended
            return
        for category_id in self._due - self._running.keys():
            self._due.discard(category_id)
            settings = self._sends.get(category_id)
            if settings is not None and not self._is_resting(category_id, settings):
                self._running[category_id] = asyncio.create_task(self._send(category_id, settings))

    def _is_resting(self, category_id: int, settings: OutgoingSettings) -> bool:
        now = clock.now()
        if self._unstored.is_resting(category_id, now):
            return True
        return any(self._rests.is_resting(x, now) for x in (category_id, settings.account))

    async def _send(self, category_id: int, settings: OutgoingSettings) -> None:
        account = self._accounts.of(settings)
        db = self._roster.installation.db
        try:
            book = self._roster.book_of(category_id)
            is_over = partial(self._is_over, category_id, settings)
            sent = await send_due(db, category_id, settings, account, is_over, book)
            self._unstored.succeeded(category_id)
            outcomes = {state.value: number for state, number in sent.outcomes.items()}
            self._metrics.sent(self._roster.name_of(category_id), outcomes)
            await self._draw_conclusions(category_id, settings, account, sent)
        except StoreError as err:
            self._unstored.failed(category_id, clock.now())
            self._metrics.failed("store")
            maillog.error("store.failed", error=str(err))
        except Exception as err:
            self._rests.failed(category_id, clock.now())
            self._metrics.failed("ours")
            maillog.error(
                "send.failed",
                category=self._roster.name_of(category_id),
                error=type(err).__name__,
                where=maillog.where(err),
            )
        finally:
            del self._running[category_id]
            self._woken.set()

    def _is_over(self, category_id: int, settings: OutgoingSettings) -> bool:
        """Say whether no more of it is to leave by this account: it may be another one by now."""
        return self._stopping or self._sends.get(category_id) != settings

    async def _draw_conclusions(
        self, category_id: int, settings: OutgoingSettings, account: Account, sent: Sent
    ) -> None:
        now, name = clock.now(), settings.account
        if account.trouble is not None:
            if not self._rests.is_resting(name, now):  # another category's run has seen to it
                until = self._rests.failed(name, now)
                self._metrics.failed("account")
                await asyncio.to_thread(self._note_pause, name, until, str(account.trouble))
                await self._accounts.renew(settings)
            return
        if name in self._paused:
            self._paused.discard(name)
            await asyncio.to_thread(self._note_recovery, name)
            maillog.info("account.recovered", account=name)
        self._rests.succeeded(name)
        if sent.outcomes.total():
            self._rests.succeeded(category_id)
        if sent.error is not None or sent.starved:
            self._rests.failed(category_id, now)

    def _note_pause(self, account: str, until: datetime, reason: str) -> None:
        self._paused.add(account)
        with self._roster.installation.db.transaction() as tx:
            pauses.keep(tx, account, until=until, reason=reason, now=clock.now())

    def _note_recovery(self, account: str) -> None:
        with self._roster.installation.db.transaction() as tx:
            pauses.end(tx, account)
