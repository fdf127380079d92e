"""What the service is told from outside while it runs."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum


class Told(Enum):
    """What the service may be told."""

    STOP = "stop"
    RELOAD = "reload"


@contextmanager
def handled(told: asyncio.Queue[Told]) -> Iterator[None]:
    """Put signals into the queue: SIGTERM and SIGINT mean stop, SIGHUP reload.

    The second request to stop ends the process at once. That is safe at any instruction.
    """
    loop = asyncio.get_running_loop()
    asked_before = False

    def stop() -> None:
        nonlocal asked_before
        if asked_before:
            os._exit(1)
        asked_before = True
        told.put_nowait(Told.STOP)

    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_signal_handler(signal.SIGINT, stop)
    loop.add_signal_handler(signal.SIGHUP, told.put_nowait, Told.RELOAD)
    try:
        yield
    finally:
        for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(one)
