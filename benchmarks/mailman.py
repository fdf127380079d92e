"""Targets 2 and 6 beside GNU Mailman 3: one post of 5 KB from the queue to its last member.

Mailman is installed from a lock file into an environment of its own. It sends to a server in
Python, which counts, and takes many times what Mailman sends; ours sends to smtp-sink.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.fan_out import took
from benchmarks.measure import Row, against_peer
from benchmarks.members import BODY
from benchmarks.peers import smtp_sink
from tests.fakes.smtp_server import SmtpServer, in_thread
from tests.servers.process import free_ports, wait_until

_ROOT = Path(__file__).parents[1]
_HOME = _ROOT / ".venv/mailman"
_LOCK = _ROOT / "requirements/mailman.txt"
_LIST = "general@example.org"
_CONFIGURATION = """
[mailman]
site_owner: admin@example.org
layout: here
[paths.here]
var_dir: {folder}/var
[mta]
incoming: mailman.mta.null.NullMTA
smtp_host: 127.0.0.1
smtp_port: {smtp}
lmtp_port: {lmtp}
verp_delivery_interval: {verp}
[webservice]
port: {web}
"""
_MEMBERS = 1_000
_POST = "From: member0@example.org\nTo: {list}\nSubject: hello\nMessage-ID: <{id}@example.org>\n\n"


def rows() -> list[Row]:
    """Measure; return the lines of the table."""
    with smtp_sink() as port, tempfile.TemporaryDirectory(prefix="listbridge-bench-") as folder:
        bulk, single = (
            against_peer(
                6,
                f"queue to last of {_MEMBERS:,}, {recipients} a transaction",
                lambda n=recipients: _MEMBERS / took(port, n, _MEMBERS)[0],
                lambda n=recipients: _MEMBERS / _mailman(Path(folder), individual=n == 1),
                "Mailman",
                factor,
            )
            for recipients, factor in ((100, 12), (1, 100))
        )
    return [bulk, single]


def _mailman(folder: Path, *, individual: bool) -> float:
    """Return the seconds from a post being queued to its last delivery.

    `individual`: a transaction with a sender address of its own for each member (VERP).
    """
    with in_thread(SmtpServer()) as smtp, _running(folder, smtp.port, individual) as site:
        (site.folder / "post").write_bytes(
            _POST.format(list=_LIST, id=time.time()).encode() + BODY.replace(b"\r\n", b"\n")
        )
        site.run("inject", "-f", "post", _LIST)
        begun = time.perf_counter()
        wait_until(lambda: _delivered(smtp) >= _MEMBERS, "Mailman has sent to all", 600)
        return time.perf_counter() - begun


def _delivered(smtp: SmtpServer) -> int:
    return sum(len(message.recipients) for message in smtp.messages)


class _Site:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: str) -> None:
        """Run one of Mailman's commands to its end."""
        subprocess.run(
            [_HOME / "bin/mailman", "--run-as-root", *arguments],
            cwd=self.folder,
            env=os.environ | {"MAILMAN_CONFIG_FILE": str(self.folder / "mailman.cfg")},
            check=True,
            stdout=subprocess.DEVNULL,  # what `start` leaves running would hold a pipe open
            stderr=subprocess.DEVNULL,
        )


@contextmanager
def _running(folder: Path, smtp: int, individual: bool) -> Iterator[_Site]:
    _install()
    lmtp, web = free_ports(2)
    (folder / "mailman.cfg").write_text(
        _CONFIGURATION.format(folder=folder, smtp=smtp, lmtp=lmtp, web=web, verp=int(individual))
    )
    site = _Site(folder)
    if not (folder / "members").exists():
        (folder / "members").write_text(
            "".join(f"member{number}@example.org\n" for number in range(_MEMBERS))
        )
        site.run("create", "--domain", _LIST)
        site.run("addmembers", "--no-welcome-msg", "members", _LIST)
    site.run("start")
    try:
        time.sleep(5)  # its runners have no other way to say that they are ready
        yield site
    finally:
        site.run("stop")
        lock = folder / "var/locks/master.lck"
        wait_until(lambda: not lock.exists(), "Mailman has stopped", 60)


def _install() -> None:
    if (_HOME / "bin/mailman").exists():
        return
    subprocess.run([sys.executable, "-m", "venv", _HOME], check=True)
    install = [_HOME / "bin/python", "-m", "pip", "install", "--quiet", "--require-hashes"]
    subprocess.run([*install, "-r", _LOCK], check=True)
