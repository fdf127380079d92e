"""The polling part of the service: every active mailbox looked at when it is its time."""

import asyncio
import traceback
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from random import Random, SystemRandom
from time import monotonic

from listbridge import clock, maillog
from listbridge.intake.readers import Reader, Readers
from listbridge.mailbox import open_mailbox
from listbridge.metrics import Metrics
from listbridge.service import events
from listbridge.service.intake_round import follow_file, take_in
from listbridge.service.mailbox_lease import MailboxTaken
from listbridge.service.roster import Roster
from scheduler import backoff
from scheduler.job import Job
from scheduler.runner import Runner
from storage import inbound, polls
from storage.errors import StoreError
from storage.states import Trouble

# A mailbox on a dead host keeps its thread until the time limit; the others must not wait for it.
_POLLS_AT_ONCE = 64
# So that one dead host cannot take all the threads. Servers limit connections from one place, too.
_POLLS_AT_ONE_HOST = 8
# A mailbox that cannot be read is looked at ever more rarely, down to this.
_LONGEST_WAIT = timedelta(minutes=15)
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
        self._threads = ThreadPoolExecutor(_POLLS_AT_ONCE, thread_name_prefix="poll")
        self._hosts: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_POLLS_AT_ONE_HOST)
        )
        self._stopped = asyncio.Event()
        self._wanted: set[str] = set()  # to be polled whatever other services have done
        self._broken_off: set[str] = set()  # whose last pass ended with trouble of our own
        self._unread_files: set[str] = set()
        self._file_trouble: dict[str, str | None] = {}
        self._random: Random = SystemRandom()

    async def run(self) -> None:
        """Poll until stopped."""
        self._take_over()
        self._schedule.keep([Job("schedule", _LOOK_AT_SCHEDULE, self._follow_schedule)])
        self._schedule.start()
        self._runner.start()
        await self._stopped.wait()

    async def apply(self) -> None:
        """Poll what the roster has now; its subscriber files are read again, and at once."""
        self._take_over()
        for slug in self._unread_files:
            self.poll_now(slug)

    def _take_over(self) -> None:
        active = self._roster.active()
        crowds = self._roster.installation.crowds(active)
        self._runner.keep(
            Job(crowd[0], self._every(crowd), partial(self._poll, crowd[0])) for crowd in crowds
        )
        self._file_trouble = {}
        self._unread_files = {slug for slug in active if active[slug].subscribers_file}

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
        crowd = self._roster.crowd(lead)
        if crowd[:1] != [lead]:
            return None  # a reload is under way, and has not come here yet
        readers = self._roster.installation.readers(crowd)
        incoming = readers.lead.category.incoming
        async with self._hosts[incoming.host if incoming else ""]:
            run = asyncio.get_running_loop().run_in_executor
            return await run(self._threads, self._pass, readers, self._every(crowd), late)

    def _pass(self, readers: Readers, every: timedelta, late: timedelta) -> datetime | None:
        begun = monotonic()
        if self._roster.installation.db.trouble:
            # A thousand passes that say so each minute would fill the disk that may be full.
            self._broken_off.update(one.category.slug for one in readers.polled)
            return None
        try:
            for one in readers.polled:
                self._follow_file(one)
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
        for one in readers.polled:
            if one.tally.trouble is Trouble.OURS:
                self._broken_off.add(one.category.slug)
            self._metrics.polled(
                one.category.slug,
                vars(one.tally),
                trouble=one.tally.trouble,
                seconds=monotonic() - begun,
                late=late.total_seconds(),
            )
        return next_pass

    def _take_in(self, readers: Readers, every: timedelta) -> datetime | None:
        lead = readers.lead.category.slug
        shared = None if lead in self._wanted else clock.now() - every * _SHARED
        self._wanted.discard(lead)
        return take_in(
            self._roster.installation.db,
            readers,
            open_mailbox,
            patient=False,
            unless_since=shared,
            plan=partial(self._plan, every),
            queued=self._queued,
        )

    def _plan(self, every: timedelta, begun_at: datetime, failures: int) -> datetime:
        if not failures:
            return max(begun_at + every * self._random.uniform(1, _SPREAD), clock.now())
        longest = max(_LONGEST_WAIT, every)
        return clock.now() + backoff.delay(
            failures, first=every, longest=longest, random=self._random
        )

    def _follow_file(self, one: Reader) -> None:
        """Read the subscriber file if that is to be done; what is wrong with it stays in view."""
        slug, tally = one.category.slug, one.tally
        if slug in self._unread_files:
            self._unread_files.discard(slug)
            follow_file(self._roster.installation.db, one)
            for warning in tally.warnings:
                maillog.warning("subscribers.warning", category=slug, text=warning)
            self._file_trouble[slug] = tally.error
        elif error := self._file_trouble.get(slug):
            tally.complain(error, Trouble.SUBSCRIBERS)
