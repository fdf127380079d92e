"""The programs and libraries that ours is measured beside, and the server they all send to."""

import asyncio
import smtplib
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiosmtplib

from benchmarks.measure import seconds
from benchmarks.members import BODY, HEAD
from tests.servers import process

SENDER = "general@example.org"
_ROOT = Path(__file__).parents[1]
_UNPACKED = _ROOT / ".venv/servers/peers"


def unpacked(program: str) -> Path:
    """Return where a program of Debian's lies that is only measured beside ours."""
    unpack = _ROOT / "tests/servers/unpack"
    subprocess.run([unpack, _UNPACKED, "fetchmail", "mlmmj"], check=True, stdout=sys.stderr)
    return _UNPACKED / "usr/bin" / program


@contextmanager
def smtp_sink() -> Iterator[int]:
    """Run Postfix's smtp-sink; yield its port."""
    [port] = process.free_ports(1)
    program = process.program("smtp-sink")
    assert program, "smtp-sink is part of Debian's postfix"
    user = ["-u", "postfix"] if process.root_prefix() == [] else []
    sink = subprocess.Popen([program, *user, f"127.0.0.1:{port}", "1000"])
    try:
        process.wait_until(lambda: not process.is_free(port), "smtp-sink listens", 10)
        yield port
    finally:
        sink.terminate()
        sink.wait()


def smtp_source(port: int, transactions: int, recipients: int, connections: int) -> float:
    """Send by Postfix's smtp-source; return deliveries a second."""
    program = process.program("smtp-source")
    assert program
    command = [program, "-s", connections, "-m", transactions, "-r", recipients]
    whole = [str(x) for x in (*command, "-l", len(HEAD + BODY), f"127.0.0.1:{port}")]
    return transactions * recipients / seconds(lambda: subprocess.run(whole, check=True))


def with_smtplib(port: int, transactions: int, recipients: int, connections: int) -> float:
    """Send by smtplib in threads, one connection each; return deliveries a second."""
    waiting = list(range(transactions))
    to = [f"member{number}@example.org" for number in range(recipients)]

    def work() -> None:
        with smtplib.SMTP("127.0.0.1", port) as client:
            while True:
                try:
                    waiting.pop()
                except IndexError:
                    return
                client.sendmail(SENDER, to, HEAD + BODY)

    def run() -> None:
        threads = [threading.Thread(target=work) for _ in range(connections)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    return transactions * recipients / seconds(run)


def with_aiosmtplib(port: int, transactions: int, recipients: int, connections: int) -> float:
    """Send by aiosmtplib as it comes; return deliveries a second."""
    waiting = list(range(transactions))
    to = [f"member{number}@example.org" for number in range(recipients)]

    async def work() -> None:
        async with aiosmtplib.SMTP("127.0.0.1", port, start_tls=False) as client:
            while waiting:
                waiting.pop()
                await client.sendmail(SENDER, to, HEAD + BODY)

    async def run() -> None:
        await asyncio.gather(*(work() for _ in range(connections)))

    return transactions * recipients / seconds(lambda: asyncio.run(run()))
