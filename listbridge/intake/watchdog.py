"""A watchdog over one pass: breaks the connection when too long nothing has been finished."""

from collections.abc import Callable
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Self


class Watchdog:
    """Calls `bite` once if `progress` is not reported for `limit` seconds.

    A time limit on each read does not end a server that sends one octet a second; this does.
    """

    def __init__(self, limit: float, bite: Callable[[], None]) -> None:
        self.has_bitten = False
        self._limit = limit
        self._bite = bite
        self._deadline = monotonic() + limit
        self._stop = Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def progress(self) -> None:
        """Report that something was finished."""
        self._deadline = monotonic() + self._limit

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(max(0.0, self._deadline - monotonic())):
            if monotonic() >= self._deadline:
                self.has_bitten = True
                self._bite()
                return
