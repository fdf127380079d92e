"""`serve --watch`: asks for a reload when a configuration file has changed."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from listbridge.service.roster import Roster
from listbridge.service.signals import Told

_LOOK_EVERY_SECONDS = 1.0
# The clock of files may be behind by a tick of the kernel's; in nanoseconds.
_COARSE = 10_000_000


class FileWatch:
    """Watches the service file, the category files and the subscriber files.

    `since`: when they began to be read, in nanoseconds since 1970.
    """

    def __init__(self, roster: Roster, told: Told, since: int) -> None:
        self._roster = roster
        self._since = since - _COARSE
        self._told = told
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Compare the files with how they were until stopped."""
        before = await asyncio.to_thread(self._state)
        # What has changed since they were read may not be in effect.
        is_late = any(changed >= self._since for changed, _ in before.values())
        in_effect = None if is_late else before
        while not self._stopped.is_set():
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            now = await asyncio.to_thread(self._state)
            # Only once it is quiet again: an editor writes in several steps.
            if before == now != in_effect:
                in_effect = now
                self._told.to_reload.set()
            before = now

    async def apply(self) -> None:
        """The folder may be another one now; the next look shows it."""

    async def stop(self, within: timedelta) -> bool:  # noqa: ARG002  -- it never takes long
        """Stop looking."""
        self._stopped.set()
        return True

    def _state(self) -> dict[Path, tuple[int, int]]:
        """Return when each file that is there was changed, moved there or made readable; its size.

        The time is in nanoseconds since 1970.
        """
        configuration = self._roster.installation.configuration
        service = configuration.service
        files: list[Path] = []
        with suppress(OSError):  # the reload says what is wrong with it
            files += service.categories.glob("*.toml")
        files += [*service.sessions.files, *([service.file] if service.file else [])]
        files += [
            x.subscribers_file for x in configuration.categories.values() if x.subscribers_file
        ]
        found = {}
        for file in files:
            with suppress(OSError):
                status = file.stat()
                found[file] = (status.st_ctime_ns, status.st_size)
        return found
