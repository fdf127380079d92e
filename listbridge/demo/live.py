"""After the story: the servers stay up, and whatever comes in is taken, until Ctrl-C."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from listbridge.demo import rounds, show
from listbridge.demo.listen import HOST
from listbridge.demo.records import Records
from listbridge.demo.samples import ALICE, ANNOUNCEMENTS, BOB, GENERAL, PASSWORD
from listbridge.demo.servers import Ports
from listbridge.errors import ListbridgeError
from storage.errors import StoreError

_EVERY_SECONDS = 3


async def go_on(console: Console, config_file: Path, ports: Ports, known: int) -> None:
    """Say how to join in, then poll and tell what comes in until Ctrl-C.

    `known` is how many messages have been told already.
    """
    _invite(console, config_file, ports)
    with _stop_at_ctrl_c() as stop:
        while not stop.is_set():
            try:
                done = await rounds.poll(config_file)
            except (ListbridgeError, StoreError) as err:
                show.line(console, f"  {err}", "red")
            else:
                _tell(console, done.records, known)
                show.tallies(console, (x for x in done.tallies if x.fetched or x.sent or x.error))
                known = len(done.records.messages)
            await _wait(stop)
    show.line(console, "The demo ends, and its folder goes with it.")


def _invite(console: Console, config_file: Path, ports: Ports) -> None:
    show.heading(console, "Now you: the servers stay up until Ctrl-C")
    swaks = (
        f"swaks --server {HOST}:{ports.smtp} --from {ALICE} --to {GENERAL.address} "
        '--header "Subject: Hello"'
    )
    rows = (
        ("write", f"SMTP {HOST}:{ports.smtp}, no encryption, no login"),
        ("to", f"{GENERAL.address}, {ANNOUNCEMENTS.address}"),
        ("read", f"IMAP {HOST}:{ports.imap}, no encryption, as {ALICE}, {BOB}, ..."),
        ("password", PASSWORD),
        ("watch", f"POP3 {HOST}:{ports.pop}, as {ANNOUNCEMENTS.address} (soon emptied)"),
        ("for instance", swaks),
        ("look inside", f"listbridge --config {config_file} posts list {GENERAL.slug}"),
    )
    for name, value in rows:
        # One line each, however long, so that it can be copied.
        console.print(f"  {name:<12}  {value}", markup=False, highlight=False, soft_wrap=True)
    show.line(console)


def _tell(console: Console, records: Records, known: int) -> None:
    for record in records.messages[known:]:
        what, why = show.became(record)
        text = f'  {record.inbound.category}: "{record.subject}" is {what}'
        show.line(console, f"{text} ({why})" if why else text)


@contextmanager
def _stop_at_ctrl_c() -> Iterator[asyncio.Event]:
    """Yield an event that Ctrl-C and SIGTERM set, so that the round in hand is finished."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _wait(stop: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stop.wait(), _EVERY_SECONDS)
    except TimeoutError:
        return
