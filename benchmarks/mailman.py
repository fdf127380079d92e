"""GNU Mailman 3, which ours is measured beside: a site of its own, with one list of many members.

It is installed from the lock file into an environment of its own.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.members import BODY
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
_POST = "From: member0@example.org\nTo: {list}\nSubject: hello\nMessage-ID: <{id}@example.org>\n\n"


def seconds_to_last(folder: Path, members: int, *, individual: bool) -> float:
    """Post 5 KB to so many; return how long it is from Mailman having it to the last delivery.

    `individual`: a transaction with a sender address of its own for each member (VERP).
    """
    with in_thread(SmtpServer()) as smtp, _running(folder, smtp.port, members, individual) as site:
        (site.folder / "post").write_bytes(
            _POST.format(list=_LIST, id=time.time()).encode() + BODY.replace(b"\r\n", b"\n")
        )
        site.run("inject", "-f", "post", _LIST)
        begun = time.perf_counter()
        wait_until(lambda: _delivered(smtp) >= members, "Mailman has sent to all", 600)
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
            capture_output=True,
        )


@contextmanager
def _running(folder: Path, smtp: int, members: int, individual: bool) -> Iterator[_Site]:
    _install()
    lmtp, web = free_ports(2)
    (folder / "mailman.cfg").write_text(
        _CONFIGURATION.format(folder=folder, smtp=smtp, lmtp=lmtp, web=web, verp=int(individual))
    )
    site = _Site(folder)
    if not (folder / "members").exists():
        (folder / "members").write_text(
            "".join(f"member{number}@example.org\n" for number in range(members))
        )
        site.run("create", "--domain", _LIST)
        site.run("addmembers", "--no-welcome-msg", "members", _LIST)
    site.run("start")
    try:
        time.sleep(5)  # its runners have no other way to say that they are ready
        yield site
    finally:
        site.run("stop")


def _install() -> None:
    if (_HOME / "bin/mailman").exists():
        return
    subprocess.run([sys.executable, "-m", "venv", _HOME], check=True)
    install = [_HOME / "bin/python", "-m", "pip", "install", "--quiet", "--require-hashes"]
    subprocess.run([*install, "-r", _LOCK], check=True)
