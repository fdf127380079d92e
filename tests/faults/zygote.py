"""A process that has the program in memory, and runs it in a fork of itself for each request.

To start a Python takes longer than most of what is tested here. One JSON object per line comes in
on stdin, and one goes out on stdout: {"start": [arguments], "folder": …, "told": file, "point": n,
"signal": s, "later": …} begins a run that gets a signal at the n-th point (never, for 0) and names
the points it came to in a file; {"wait": pid} waits until it has ended or stopped. A run that is
`later` believes to be on another machine, and an hour ahead, when every lease and claim of the
others has run out. An `impatient` one gives up soon when another keeps it from the database.
"""

import importlib
import json
import os
import signal
import socket
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import listbridge.cli
from listbridge import clock
from listbridge.mailbox import mailbox
from storage import engine
from tests.faults import points

# What a command would import only when it needs it.
for name in ("alembic.command", "psycopg", "listbridge.maillog.lines", "listbridge.web.part"):
    importlib.import_module(name)

# Even a few letters are to make several batches, of which one is deleted while the next one comes.
mailbox.BATCH_COUNT = 2
_LATER = timedelta(hours=1)
_BUSY_SECONDS = 0.2


class _Countdown:
    """Writes every point a run reaches into a file, and signals it at the right one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._left = 0
        self._signal = signal.SIGKILL

    def begin(self, file: Path, point: int, what: int) -> None:
        """Count from here on; what is written to a file outlives the process."""
        self._file = file.open("wb", buffering=0)
        self._left, self._signal = point, signal.Signals(what)

    def reached(self, words: str) -> None:
        """Count one point."""
        with self._lock:
            assert self._file is not None
            self._file.write(f"{words}\n".encode())
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), self._signal)


def main() -> None:
    """Serve requests until stdin ends."""
    countdown = _Countdown()
    points.patch_in(countdown.reached)
    for line in sys.stdin:
        request = json.loads(line)
        if "start" in request:
            pid = os.fork()
            if pid == 0:
                countdown.begin(Path(request["told"]), request["point"], request["signal"])
                if request["later"]:
                    _be_elsewhere_and_later()
                if request["impatient"]:
                    engine.BUSY_SECONDS = _BUSY_SECONDS
                _run(request["start"], Path(request["folder"]))
            answer = {"pid": pid}
        else:
            _, status = os.waitpid(request["wait"], os.WUNTRACED)
            stopped = os.WIFSTOPPED(status)
            ended = -os.WSTOPSIG(status) if stopped else os.waitstatus_to_exitcode(status)
            answer = {"status": ended}
        print(json.dumps(answer), flush=True)


def _be_elsewhere_and_later() -> None:
    soon = datetime.now(UTC) + _LATER
    clock.now = lambda: soon
    socket.gethostname = lambda: "elsewhere"


def _run(arguments: list[str], folder: Path) -> None:
    """Be the program: its own folder, its own output, and no way back."""
    os.chdir(folder)
    sys.stdin = Path(os.devnull).open()  # noqa: SIM115
    sys.stdout = (folder / "stdout").open("w")
    sys.stderr = (folder / "stderr").open("a")
    sys.argv = ["listbridge", "--config", str(folder / "listbridge.toml"), *arguments]
    status = 70
    try:
        listbridge.cli.main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
