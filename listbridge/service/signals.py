"""What the service is told from outside while it runs."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Told:
    """What the service was told and has not done yet; to be told twice is to be told once."""

    def __init__(self) -> None:
        self.to_stop = asyncio.Event()
        self.to_reload = asyncio.Event()


@contextmanager
def handled(told: Told) -> Iterator[None]:
    """Take signals for it: SIGTERM and SIGINT mean stop, SIGHUP reload.

    A SIGHUP that came while the process started has been waiting until now (`__main__`).
    The second request to stop ends the process at once. That is safe at any instruction.
    """
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if told.to_stop.is_set():
            os._exit(1)
        told.to_stop.set()

    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_signal_handler(signal.SIGINT, stop)
    loop.add_signal_handler(signal.SIGHUP, told.to_reload.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(one)
