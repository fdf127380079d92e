"""What a process did to its files and sockets, as strace(1) saw it."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.servers import process

_CALLS = (
    "openat,write,pwrite64,pwritev,pwritev2,writev,fsync,fdatasync,ftruncate,rename,unlink,"
    "sendto,sendmsg"
)
_LINE = re.compile(r"(?P<pid>\d+) +(?P<call>\w+)\((?P<rest>.*)", re.DOTALL)
_RESUMED = re.compile(r"(?P<pid>\d+) +<\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)", re.DOTALL)
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
# A descriptor and what it stands for, which is a path in hexadecimal or a socket in words.
_DESCRIPTOR = re.compile(r"(?P<number>\d+)<(?P<of>(?:->|[^>])*)>")
# Octets of a string; what is written at once is far less.
_LONGEST = "100000000"
_UNFINISHED = "<unfinished ...>"


@dataclass(frozen=True)
class Call:
    """One system call; a call that takes its time comes twice, as it begins and as it ends."""

    name: str
    descriptor: str  #: path or socket
    strings: tuple[bytes, ...]  #: the arguments that are strings, in their order
    numbers: tuple[int, ...]  #: what stands behind them
    ends: bool  #: whether this is its end
    created: bool = False  #: an open that makes the file where it is missing


def missing() -> str | None:
    """Say why nothing can be traced here, or None."""
    if not shutil.which("strace"):
        return "strace is not installed: apt-get install strace"
    tried = subprocess.run(["strace", "-qq", "-e", "trace=none", "true"], capture_output=True)
    if tried.returncode != 0:
        why = tried.stderr.decode().strip()
        return process.Impossible(f"strace may not trace here (no ptrace): {why}")
    return None


def command(trace: Path) -> tuple[str, ...]:
    """Return what a command line is to begin with, for its calls to be written to `trace`."""
    options = ("-f", "-qq", "-yy", "-xx", "-s", _LONGEST, "-e", f"trace={_CALLS}")
    return ("strace", *options, "-e", "signal=none", "-o", str(trace))


def calls(trace: Path) -> Iterator[Call]:
    """Yield the calls of a trace in the order in which they began or ended."""
    begun: dict[tuple[str, str], Call] = {}
    with trace.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            resumed = _RESUMED.match(line)
            if resumed:
                first = begun.pop((resumed["pid"], resumed["call"]), None)
                if first is not None and not _failed(line):
                    yield replace(first, ends=True)
                continue
            found = _LINE.match(line)
            if found is None:
                continue
            unfinished = line.rstrip().endswith(_UNFINISHED)
            if not unfinished and _failed(line):
                continue
            call = _read(found["call"], found["rest"])
            yield call
            if unfinished:
                begun[found["pid"], found["call"]] = call
            else:
                yield replace(call, ends=True)


def _failed(line: str) -> bool:
    return line.rpartition(" = ")[2].startswith(("-1", "?"))


def _read(name: str, rest: str) -> Call:
    found = _DESCRIPTOR.match(rest)
    strings = tuple(_octets(x) for x in _STRING.findall(rest))
    behind = rest.rpartition('"')[2] if strings else rest.partition(">")[2]
    numbers = tuple(int(x) for x in re.findall(r"(?<=, )\d+", behind.partition(")")[0]))
    of = found["of"] if found else ""
    descriptor = os.fsdecode(_octets(of)) if of.startswith("\\x") else of
    return Call(name, descriptor, strings, numbers, False, "O_CREAT" in behind)


def _octets(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
