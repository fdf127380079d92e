"""Starting and stopping a real server as a child of the test run, on free loopback ports."""

import itertools
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

LEASH = Path(__file__).with_name("leash")
HOST = "127.0.0.1"
SYSTEM_FOLDERS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


class Impossible(str):
    """Why a server cannot run on this machine, whatever is installed."""


class ServerFailed(Exception):
    """A test server did not start, or did not do in time what it was asked."""


def require(missing: str | None) -> None:
    """A server that cannot be started is a reason to skip on a laptop, and a failure in CI."""
    if missing is None:
        return
    if os.environ.get("CI") == "true" and not isinstance(missing, Impossible):
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


def program(name: str) -> str | None:
    """The path of a system program; daemons lie outside an ordinary user's PATH."""
    return shutil.which(name, path=SYSTEM_FOLDERS)


def root_prefix() -> list[str] | None:
    """What a command that needs root begins with: nothing, `sudo -n`, or None if neither helps."""
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "-n"]
    if program("sudo") and subprocess.run([*sudo, "true"], capture_output=True).returncode == 0:
        return sudo
    return None


def new_folder(name: str) -> Path:
    """Make an empty folder for a server, in memory where there is room.

    Mail servers sync every file to disk, which protects nobody here and slows down the tests.
    """
    memory = Path("/dev/shm")
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= 2 * 1024**3
    # Not pytest's folder: its name is too long for a socket, and other users may not enter it.
    folder = Path(tempfile.mkdtemp(prefix=f"listbridge-{name}-", dir=memory if roomy else None))
    folder.chmod(0o755)
    return folder


def free_ports(count: int) -> list[int]:
    """Port numbers that nobody listens on at the moment, all different."""
    # The kernel's own choice would be one of those that it also gives to outgoing connections.
    candidates = random.sample(range(15000, 32000), 1000)
    return list(itertools.islice(filter(is_free, candidates), count))


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def wait_until(done: Callable[[], bool], what: str, seconds: float) -> None:
    """Look again and again until `done`; raise ServerFailed naming `what` when time is up."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise ServerFailed(f"not within {seconds:g} seconds: {what}")
        time.sleep(0.02)


def last_lines(log: Path, count: int = 60) -> str:
    """The end of a log file, for a person who wants to know why a test failed."""
    if not log.exists():
        return f"({log} was never written)"
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-count:])


def children(parent: int) -> dict[int, str]:
    """Process id and name of every process that `parent` has started."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, _, rest = stat.read_text().partition(" (")
        except OSError:
            continue  # It has just ended.
        name, _, fields = rest.rpartition(") ")
        if int(fields.split()[1]) == parent:
            found[int(pid)] = name
    return found


@contextmanager
def running(
    command: Sequence[str], places: Sequence[int | Path], log: Path, as_root: Sequence[str] = ()
) -> Iterator[None]:
    """Run a server in the foreground until the block ends; for `as_root` see `root_prefix`.

    It is up once it listens in all places: on ports of the loopback, on Unix sockets.
    """
    with log.with_suffix(".out").open("wb") as output:
        process = subprocess.Popen(
            [*as_root, str(LEASH), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for pytest, which then stops the server in order.
            start_new_session=True,
        )
    try:
        _wait_until_up(process, places, log)
        yield
    finally:
        process.communicate(timeout=30)  # Closes the pipe: the leash stops the server.


def _wait_until_up(
    process: subprocess.Popen[bytes], places: Sequence[int | Path], log: Path
) -> None:
    def listening() -> bool:
        return process.poll() is not None or all(map(_answers, places))

    try:
        wait_until(listening, f"{process.args!r} listens on {places}", seconds=20)
        if process.returncode is not None:
            raise ServerFailed(f"{process.args!r} ended with status {process.returncode}")
    except ServerFailed as error:
        for file in (log.with_suffix(".out"), log):
            error.add_note(last_lines(file))
        raise


def _answers(place: int | Path) -> bool:
    unix = isinstance(place, Path)
    with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(place) if unix else (HOST, place))
        except OSError:
            return False
    return True
