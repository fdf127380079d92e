"""The polling part of the service: every active mailbox looked at when it is its time."""

import asyncio
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random, SystemRandom
from time import monotonic

from listbridge import clock, maillog
from listbridge.category import Category
from listbridge.intake.readers import Reader, Readers
from listbridge.mailbox import IncomingSettings, Mailbox, open_mailbox
from listbridge.metrics import Metrics
from listbridge.service import events, turns
from listbridge.service.intake_round import follow_file, take_in
from listbridge.service.mailbox_lease import MailboxTaken
from listbridge.service.roster import Roster
from scheduler import backoff
from scheduler.job import Job
from scheduler.runner import Runner
from storage import inbound, polls
from storage.errors import StoreError
from storage.states import Trouble

# A mailbox that cannot be read is looked at ever more rarely, down to this.
_LONGEST_WAIT = timedelta(minutes=15)
# A pass that trouble of our own has broken off is made anew after this, and then ever more rarely.
_FIRST_WAIT = timedelta(seconds=5)
# How late a scheduled post may be; to look costs one question.
_LOOK_AT_SCHEDULE = timedelta(seconds=10)
# Of several services on one database the first to come makes a pass, and the others leave it out
# if they come within this part of the interval after it. When each comes is drawn anew after every
# pass, so that all of them have the same share.
_SHARED = 0.9
_SPREAD = 1.1


class Polling:
    """Polls the categories of the roster; `queued` is told, from any thread, what it made due."""

    def __init__(self, roster: Roster, metrics: Metrics, queued: Callable[[int], None]) -> None:
        self._roster = roster
        self._metrics = metrics
        self._queued = queued
        self._runner = Runner()
        self._schedule = Runner()
        self._threads = ThreadPoolExecutor(turns.THREADS, thread_name_prefix="poll")
        self._turns = turns.Turns()
        self._failing: set[str] = set()  # leads whose mailbox could not be read the last time
        self._outside: set[str] = set()  # leads whose server has not let us in yet
        self._stopping = False
        self._stopped = asyncio.Event()
        self._known: dict[str, Category] = {}  # as they were taken over last
        self._wanted: set[str] = set()  # to be polled whatever other services have done
        self._broken_off: set[str] = set()  # whose last pass ended with trouble of our own
        self._breaks: Counter[str] = Counter()  # by lead: passes in a row that ended so
        self._unread_files: dict[str, Path] = {}
        self._file_trouble: dict[str, str | None] = {}
        self._random: Random = SystemRandom()

    async def run(self) -> None:
        """Poll until stopped."""
        self._take_over()
        self._schedule.keep([Job("schedule", _LOOK_AT_SCHEDULE, self._follow_schedule)])
        self._schedule.start()
        self._runner.start()
        self._failing |= await asyncio.to_thread(self._in_trouble)  # as earlier passes left it
        await self._stopped.wait()

    async def apply(self) -> None:
        """Poll what the roster has now: at once what has changed, or was in trouble.

        All subscriber files are read again, and at once; that takes no pass over a mailbox that
        was read a short while ago, of which there may be thousands.
        """
        before = self._known
        self._take_over()
        mended = await asyncio.to_thread(self._in_trouble)
        for slug, category in self._known.items():
            if slug in before and (category != before[slug] or slug in mended):
                self.poll_now(slug)
        for slug in list(self._unread_files):  # passes that go on take some of them out of it
            self._runner.run_now(self._roster.crowd(slug)[0])

    def _take_over(self) -> None:
        active = self._roster.active()
        crowds = self._roster.installation.crowds(active)
        # What came while nobody polled is taken soon, however seldom it is polled.
        self._wanted |= {crowd[0] for crowd in crowds if crowd[0] not in self._known}
        self._runner.keep(
            Job(crowd[0], self._every(crowd), partial(self._poll, crowd[0])) for crowd in crowds
        )
        self._known = active
        files = {slug: category.subscribers_file for slug, category in active.items()}
        self._unread_files = {slug: file for slug, file in files.items() if file}
        self._file_trouble = {x: why for x, why in self._file_trouble.items() if files.get(x)}

    def _in_trouble(self) -> set[str]:
        """Return the categories whose last pass, by whatever service, ended with trouble."""
        with suppress(StoreError), self._roster.installation.db.reading() as tx:
            in_trouble = {one.category_id for one in polls.every(tx).values() if one.trouble}
            return {slug for slug in self._known if self._roster.id_of(slug) in in_trouble}
        return set()

    def store_is_back(self) -> None:
        """Make the passes anew that the database's trouble has broken off."""
        broken_off, self._broken_off = self._broken_off, set()
        for slug in broken_off:
            self.poll_now(slug)

    def poll_now(self, slug: str) -> None:
        """Poll a category as soon as it is not being polled already, and who shares its mailbox."""
        for lead in self._roster.crowd(slug)[:1]:
            self._wanted.add(lead)
            self._runner.run_now(lead)

    async def _follow_schedule(self, _late: timedelta) -> None:
        """Poll each category with a scheduled post whose time has come."""
        with suppress(StoreError):  # the next look comes soon
            for category_id in await asyncio.to_thread(self._overdue):
                for slug in self._roster.active():
                    if self._roster.id_of(slug) == category_id:
                        self.poll_now(slug)

    def _overdue(self) -> list[int]:
        with self._roster.installation.db.reading() as tx:
            return inbound.overdue(tx, clock.now())

    async def stop(self, within: timedelta) -> bool:
        """Begin no more passes; wait for those that go on, and say whether all have ended."""
        self._stopping = True
        await self._schedule.stop(timedelta(0))
        ended = await self._runner.stop(within)
        self._threads.shutdown(wait=False, cancel_futures=True)
        with suppress(StoreError):
            await asyncio.to_thread(self._forget_plans)
        self._stopped.set()
        return ended

    def _forget_plans(self) -> None:
        with self._roster.installation.db.transaction() as tx:
            polls.plan(tx, [self._roster.id_of(slug) for slug in self._roster.active()], None)

    def _every(self, crowd: Sequence[str]) -> timedelta:
        """Return how often a mailbox is polled: as often as any of its readers wants."""
        return min(self._roster.installation.category(slug).poll_every for slug in crowd)

    async def _poll(self, lead: str, late: timedelta) -> datetime | None:
        """Make one pass; return when the next one is to be, or None for the usual time."""
        async with self._turn(lead):
            # Its turn may have come long after its time: there was a reload meanwhile, or the end.
            crowd = self._roster.crowd(lead)
            if self._stopping or crowd[:1] != [lead]:
                return None
            readers = self._roster.installation.readers(crowd)
            run = asyncio.get_running_loop().run_in_executor
            return await run(self._threads, self._pass, readers, self._every(crowd), late)

    def _turn(self, lead: str) -> AbstractAsyncContextManager[None]:
        category = self._roster.installation.configuration.categories.get(lead)
        host = category.incoming.host if category and category.incoming else ""
        return self._turns.at(
            host,
            is_failing=lead in self._failing,
            is_outside=partial(self._outside.__contains__, lead),
        )

    def _pass(self, readers: Readers, every: timedelta, late: timedelta) -> datetime | None:
        begun = monotonic()
        if self._roster.installation.db.trouble:
            # A thousand passes that say so each minute would fill the disk that may be full.
            self._broken_off.update(one.category.slug for one in readers.polled)
            return None
        try:
            for one in readers.polled:
                if self._follow_file(one):
                    self._wanted.add(readers.lead.category.slug)
            next_pass = self._take_in(readers, every)
        except MailboxTaken:
            return None  # whoever has it polls it
        except Exception as err:
            # Whatever blew up, it costs who reads this mailbox a pass; the others go on.
            where = traceback.extract_tb(err.__traceback__)[-1]
            readers.complain(f"it failed with {type(err).__name__} in {where.name}", Trouble.OURS)
            for one in readers.polled:
                events.polled(one.tally)
            next_pass = None
        self._note_trouble(readers)
        for one in readers.polled:
            self._metrics.polled(
                one.category.slug,
                vars(one.tally),
                trouble=one.tally.trouble,
                seconds=monotonic() - begun,
                late=late.total_seconds(),
            )
        if readers.lead.category.slug in self._breaks:
            return self._soon(readers.lead.category.slug, every, next_pass)
        return next_pass

    def _note_trouble(self, readers: Readers) -> None:
        lead = readers.lead.category.slug
        if readers.lead.tally.trouble in (Trouble.UNREACHABLE, Trouble.LOGIN):
            self._failing.add(lead)
        else:
            self._failing.discard(lead)
        ours = {x.category.slug for x in readers.polled if x.tally.trouble is Trouble.OURS}
        self._broken_off |= ours
        if ours:
            self._breaks[lead] += 1
        else:
            self._breaks.pop(lead, None)

    def _soon(self, lead: str, every: timedelta, planned: datetime | None) -> datetime:
        """Return when a pass is made anew that was broken off: nothing was wrong with its mailbox.

        The database may be well again before anybody has looked at it, so nothing else tells.
        """
        self._wanted.add(lead)
        first, longest = min(_FIRST_WAIT, every), max(_LONGEST_WAIT, every)
        wait = backoff.delay(self._breaks[lead], first=first, longest=longest, random=self._random)
        return min(clock.now() + wait, planned or clock.now() + every)

    def _take_in(self, readers: Readers, every: timedelta) -> datetime | None:
        lead = readers.lead.category.slug
        shared = None if lead in self._wanted else clock.now() - every * _SHARED
        self._wanted.discard(lead)
        return take_in(
            self._roster.installation.db,
            readers,
            partial(self._open, lead),
            patient=False,
            unless_since=shared,
            plan=partial(self._plan, every),
            queued=self._queued,
        )

    def _open(self, lead: str, settings: IncomingSettings) -> Mailbox:
        self._outside.add(lead)
        try:
            return open_mailbox(settings)
        finally:
            self._outside.discard(lead)

    def _plan(self, every: timedelta, begun_at: datetime, failures: int) -> datetime:
        if not failures:
            return max(begun_at + every * self._random.uniform(1, _SPREAD), clock.now())
        longest = max(_LONGEST_WAIT, every)
        return clock.now() + backoff.delay(
            failures, first=every, longest=longest, random=self._random
        )

    def _follow_file(self, one: Reader) -> bool:
        """Read the subscriber file if that is to be done; say if other trouble came of it.

        What is wrong with it stays in view.
        """
        slug, tally = one.category.slug, one.tally
        before, unread = self._file_trouble.get(slug), self._unread_files
        file = one.category.subscribers_file
        if file is None or unread.get(slug) != file:
            if before:
                tally.complain(before, Trouble.SUBSCRIBERS)
            return False
        del unread[slug]  # before it is read: whoever has it read again means what comes then
        follow_file(self._roster.installation.db, one)
        for warning in tally.warnings:
            maillog.warning("subscribers.warning", category=slug, text=warning)
        self._file_trouble[slug] = tally.error
        return tally.error != before
