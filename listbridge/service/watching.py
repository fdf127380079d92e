"""Watches IMAP mailboxes by IDLE, so that new mail is polled for at once."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from random import Random, SystemRandom
from threading import Event, Thread

from listbridge import maillog
from listbridge.mailbox import (
    IncomingSettings,
    LoginRefused,
    MailboxError,
    NoIdle,
    Watch,
    open_watch,
)
from listbridge.service.roster import Roster
from scheduler import backoff

# Each takes a thread and a connection. Whatever is beyond that is polled, as everything is anyway.
_MOST_WATCHED = 500
# So that many do not log in at the same moment.
_APART = timedelta(milliseconds=20)
# RFC 2177 allows 29 minutes, but routers forget connections much earlier.
_RENEWED_AFTER = timedelta(minutes=9)
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(minutes=15)


class Watching:
    """Watches the mailboxes of the roster that want it; `poll_now` gets the category's slug."""

    def __init__(self, roster: Roster, poll_now: Callable[[str], None]) -> None:
        self._roster = roster
        self._poll_now = poll_now
        self._loop = asyncio.get_running_loop()
        self._watchers: dict[str, Watcher] = {}
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Watch until stopped."""
        await self.apply()
        await self._stopping.wait()

    async def apply(self) -> None:
        """Watch what the roster has now; a connection whose settings are the same stays.

        One that failed is tried again: what was wrong may be mended, such as a password in a file.
        """
        wanted = self._wanted()
        if len(wanted) > _MOST_WATCHED:
            maillog.info("idle.left-out", count=len(wanted) - _MOST_WATCHED)
            wanted = dict(list(wanted.items())[:_MOST_WATCHED])
        for slug, watcher in list(self._watchers.items()):
            if wanted.get(slug) != watcher.settings:
                watcher.stop()
                del self._watchers[slug]
        for place, watcher in enumerate(self._watchers.values()):
            watcher.try_again(after=place * _APART)
        new = [slug for slug in wanted if slug not in self._watchers]
        for place, slug in enumerate(new):
            self._watchers[slug] = Watcher(wanted[slug], partial(self._tell, slug))
            self._watchers[slug].start(after=place * _APART)

    def _wanted(self) -> dict[str, IncomingSettings]:
        """Return what is to be watched: each mailbox once, by the first category that wants it."""
        idle = {
            slug: category.incoming
            for slug, category in self._roster.active().items()
            if category.incoming and category.incoming.protocol == "imap" and category.incoming.idle
        }
        return {crowd[0]: idle[crowd[0]] for crowd in self._roster.installation.crowds(idle)}

    async def stop(self, within: timedelta) -> bool:  # noqa: ARG002  -- nobody is waited for
        """Cut all connections; nothing depends on them."""
        for watcher in self._watchers.values():
            watcher.stop()
        self._stopping.set()
        return True

    def _tell(self, slug: str) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._poll_now, slug)


class Watcher:
    """One mailbox, watched from a thread of its own over one connection after the other."""

    def __init__(
        self,
        settings: IncomingSettings,
        on_mail: Callable[[], None],
        renewed_after: timedelta = _RENEWED_AFTER,
        first_wait: timedelta = _FIRST_WAIT,
    ) -> None:
        self.settings = settings
        self._on_mail = on_mail
        self._renewed_after = renewed_after
        self._first_wait = first_wait
        self._stopping = Event()
        self._woken = Event()  # from a rest after a failure
        self._after = timedelta(0)
        self._watch: Watch | None = None
        self._seen: object = None  # how the folder was when nothing new had come yet
        self._failures = 0
        self._random: Random = SystemRandom()

    def start(self, after: timedelta = timedelta(0)) -> None:
        """Begin to watch."""
        # A daemon, so that a server which keeps it waiting cannot keep the process from ending.
        Thread(target=self._run, args=(after,), name="idle", daemon=True).start()

    def try_again(self, after: timedelta = timedelta(0)) -> None:
        """End the rest after a failure, if it has one, from any thread."""
        if self._failures:
            self._after = after
            self._woken.set()

    def stop(self) -> None:
        """End it from any thread, whatever it is doing."""
        self._stopping.set()
        self._woken.set()
        if self._watch is not None:
            self._watch.drop()

    def _run(self, wait: timedelta) -> None:
        while not self._is_stopped_within(wait):
            reason = ""
            try:
                self._watch_once()
            except (NoIdle, LoginRefused) as err:
                reason, self._failures = str(err), 99  # asking again soon would only do harm
            except MailboxError as err:
                reason = str(err)
            except Exception as err:
                reason = f"it failed with {type(err).__name__}"
            if self._stopping.is_set():
                return
            self._failures += 1
            wait = backoff.delay(
                self._failures, first=self._first_wait, longest=_LONGEST_WAIT, random=self._random
            )
            maillog.info(
                "idle.ended",
                mailbox=self.settings.key,
                reason=reason,
                seconds=round(wait.total_seconds()),
            )

    def _is_stopped_within(self, wait: timedelta) -> bool:
        """Wait so long, or until woken; say whether it was stopped."""
        if self._woken.wait(wait.total_seconds()):
            self._woken.clear()
            return self._stopping.wait(self._after.total_seconds())
        return False

    def _watch_once(self) -> None:
        """Watch over one connection until it ends, which it does by an error."""
        self._watch = watch = open_watch(self.settings)
        try:
            if self._stopping.is_set():
                return
            if watch.has_mail and watch.state != self._seen:
                self._on_mail()  # it may have come while nobody watched
            self._seen = watch.state
            while not self._stopping.is_set():
                if watch.wait(self._renewed_after.total_seconds()):
                    self._seen = None
                    self._on_mail()
                self._failures = 0
        finally:
            watch.drop()
