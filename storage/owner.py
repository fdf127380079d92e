"""Which process owns a lease or a claim, and whether it is still alive."""

import os
import socket
from functools import cache
from pathlib import Path


@cache
def _machine(_pid: int) -> str:
    """Name the machine as far as process numbers mean the same: host, boot, PID namespace."""
    return f"{socket.gethostname()}/{_read('/proc/sys/kernel/random/boot_id')}/{_namespace()}"


def this_process() -> str:
    """Return the name under which this process owns things: machine, number and start time."""
    return _name(os.getpid())


@cache
def _name(pid: int) -> str:
    return f"{_machine(pid)}#{pid}@{_started(pid)}"


def is_alive(owner: str) -> bool | None:
    """Say whether the process lives; None if it runs where we cannot look."""
    machine, _, process = owner.rpartition("#")
    if machine != _machine(os.getpid()):
        return False if _rebooted(machine) else None
    pid, _, started = process.partition("@")
    seen = _started(int(pid))
    if not seen and _is_hidden(int(pid)):
        return None
    return seen == started


def shown(owner: str) -> str:
    """Say in words which process it is."""
    machine, _, process = owner.rpartition("#")
    return f"process {process.partition('@')[0]} on {machine.partition('/')[0]}"


def _rebooted(machine: str) -> bool:
    """Say whether it is this host before its last start: then all its processes are gone."""
    host, boot, _ = machine.split("/", 2)
    ours = _machine(os.getpid()).split("/", 2)
    return bool(boot) and host == ours[0] and boot != ours[1]


def _started(pid: int) -> str:
    """Return the start time of a process in clock ticks since boot; empty if there is none."""
    stat = _read(f"/proc/{pid}/stat")
    # The second field is the command in parentheses and may itself hold spaces (proc(5)).
    fields = stat.rpartition(")")[2].split()
    # A zombie is dead: it only waits for its parent to take notice.
    return "" if len(fields) < 20 or fields[0] == "Z" else fields[19]


def _is_hidden(pid: int) -> bool:
    """Say whether there is such a process of another user, which /proc does not show to us.

    It may be mounted so (hidepid=, proc(5)), or be so for this service alone (ProtectProc=,
    systemd.exec(5)).
    """
    try:
        os.kill(pid, 0)  # sends nothing
    except PermissionError:
        return True
    except (OSError, OverflowError):
        pass  # there is none, or none can have that number
    return False


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
