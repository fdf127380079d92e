"""Target 11: the memory of a process that sends one post, a transaction for each member."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from benchmarks.fan_out import CONNECTIONS
from benchmarks.measure import Row, at_most
from benchmarks.members import queue_post, send, settings_for, store
from benchmarks.peers import smtp_sink
from storage.opening import connect


def rows() -> list[Row]:
    """Measure; return the lines of the table."""
    with smtp_sink() as port:
        return [
            at_most(
                11,
                f"memory, {n:,} members, personal copies",
                lambda n=n: _megabytes(port, n),
                100,
                "MB",
            )
            for n in (10_000, 100_000)
        ]


def _megabytes(port: int, members: int) -> float:
    """Return what a process of its own had resident at most, having done nothing but send."""
    with store(members) as (db, category_id):
        queue_post(db, category_id, personal=True)
        command = [sys.executable, "-m", "benchmarks.memory", db.url, str(category_id), str(port)]
        told = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(told.stdout)


def _send_all(url: str, category_id: int, port: int) -> None:
    settings = settings_for(port, max_recipients=1, max_connections=CONNECTIONS)
    with closing(connect(url)) as db:
        send(db, category_id, settings)
    # getrusage would tell the most that the parent had, too (proc(5), VmHWM).
    status = Path("/proc/self/status").read_text(encoding="ascii")
    sys.stdout.write(f"{int(status.split('VmHWM:')[1].split()[0]) / 1024}\n")


if __name__ == "__main__":
    _send_all(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
