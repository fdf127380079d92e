"""A real Postfix for tests: a relay that delivers example.org and example.net into Maildirs."""

import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from tests.servers import maildir, process
from tests.servers.certificates import Certificates

TEMPLATES = Path(__file__).parent
TRACE = re.compile(
    rb"(?:(?:Return-Path|X-Original-To|Delivered-To):.*\n)*Received:.*\n(?:[ \t].*\n)*"
)
DOMAINS = ("example.org", "example.net")
QUEUES = ("maildrop", "incoming", "active", "deferred", "hold")


def missing() -> str | None:
    """Why Postfix cannot be started here, or None."""
    if not process.program("postfix"):
        return "Postfix is not installed: apt-get install postfix"
    if process.root_prefix() is None:
        return "Postfix starts only as root, and sudo -n does not work here"
    return None


def split_trace(copy: bytes) -> tuple[bytes, bytes]:
    """Part a delivered copy into the head lines that Postfix put on top, and what it was given.

    Postfix adds Return-Path, X-Original-To, Delivered-To and, last, one Received.
    """
    added = TRACE.match(copy)
    end = added.end() if added else 0
    return copy[:end], copy[end:]


@dataclass(frozen=True)
class Relay:
    """A running Postfix; it takes mail from loopback without a login."""

    folder: Path
    ca_file: Path
    port: int
    tls_port: int
    as_root: Sequence[str]
    names: set[str] = field(default_factory=set)
    host: str = process.HOST

    @property
    def log(self) -> Path:
        return self.folder / "postfix.log"

    def add_users(self, names: Iterable[str]) -> None:
        """From now on NAME@example.org and NAME@example.net exist; all others get a 550.

        No SMTP connection may be open: Postfix goes on with the old list until it ends.
        """
        if self.names.issuperset(names := set(names)):
            return
        self.names.update(names)
        _write_mailboxes(self.folder, self.names)
        before = self._readers_of_the_list()
        self._root("postfix", "-c", str(self.folder / "etc"), "reload")
        process.wait_until(
            lambda: not (before & self._readers_of_the_list()),
            "every process of Postfix knows the new users (is an SMTP connection still open?)",
            seconds=15,
        )

    def copies(self, name: str) -> list[bytes]:
        """The messages delivered to NAME, whole, in the order of arrival; their lines end in LF."""
        return maildir.messages(self.folder / "mail" / name)

    def wait_until_idle(self, seconds: float = 60) -> None:
        """Wait until everything accepted so far lies in a Maildir."""
        process.wait_until(self._queue_is_empty, "Postfix has emptied its queue", seconds)

    def _queue_is_empty(self) -> bool:
        queues = [str(self.folder / "queue" / name) for name in QUEUES]
        return not self._root(
            "find", *queues, "-ignore_readdir_race", "-type", "f", "-print", "-quit"
        )

    def _readers_of_the_list(self) -> set[int]:
        """Process ids of this Postfix's daemons that hold the list of users in memory."""
        master = int(self._root("cat", str(self.folder / "queue/pid/master.pid")))
        children = process.children(master)
        return {pid for pid, name in children.items() if name in ("smtpd", "virtual")}

    def _root(self, *command: str) -> str:
        whole = [*self.as_root, *command]
        done = subprocess.run(whole, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise process.ServerFailed(f"{whole!r}: {done.stdout}{done.stderr}")
        return done.stdout


@contextmanager
def running(certificates: Certificates, extra: str = "") -> Iterator[Relay]:
    """Run a Postfix until the block ends; `extra` is more lines for main.cf."""
    as_root = process.root_prefix()
    if as_root is None:
        raise process.ServerFailed(missing())
    base = process.new_folder("postfix")
    port, tls_port = process.free_ports(2)
    relay = Relay(base, certificates.authority, port, tls_port, as_root)
    try:
        _lay_out(relay, certificates, extra)
        with started(relay):
            yield relay
    finally:
        relay._root("rm", "-rf", str(base))


@contextmanager
def started(relay: Relay) -> Iterator[None]:
    """Run the program until the block ends; what it has accepted stays in its queue."""
    ports = [relay.port, relay.tls_port]
    with process.running(_master(relay), ports, relay.log, relay.as_root):
        yield


def stop(relay: Relay) -> None:
    """End the program that runs; it may then be `started` again."""
    relay._root("postfix", "-c", str(relay.folder / "etc"), "stop")


def _lay_out(relay: Relay, certificates: Certificates, extra: str) -> None:
    """Write everything below the relay's folder and let Postfix make its queue there."""
    base = relay.folder
    for name in ("etc", "mail", "queue", "data"):
        (base / name).mkdir()
    for name, source in (("chain.pem", certificates.chain), ("key.pem", certificates.key)):
        shutil.copyfile(source, base / "etc" / name)
    # Postfix refuses to write Maildirs as root; anybody else can then read his own.
    reader = pwd.getpwnam("postfix") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    values = {
        "base": base,
        "smtp": relay.port,
        "smtps": relay.tls_port,
        "uid": reader.pw_uid,
        "gid": reader.pw_gid,
        "extra": extra,
    }
    for name in ("main.cf", "master.cf"):
        template = Template(_without((TEMPLATES / name).read_text(), extra))
        (base / "etc" / name).write_text(template.substitute(values))
    _write_mailboxes(base, ())
    relay._root("chown", "-R", "root", str(base / "etc"), str(base / "queue"))
    relay._root("chown", "postfix", str(base / "data"))
    relay._root("chown", str(reader.pw_uid), str(base / "mail"))
    relay._root("postfix", "-c", str(base / "etc"), "check")


def _without(template: str, extra: str) -> str:
    """Take out of the template what `extra` sets anew.

    Every process of Postfix would warn of it, the master even before there is anybody to read its
    warnings; it is then stuck for good, as soon as there are more than the socket holds (ten).
    """
    anew = {line.partition("=")[0].strip() for line in extra.splitlines() if "=" in line}
    lines = template.splitlines(keepends=True)
    return "".join(line for line in lines if line.partition("=")[0].strip() not in anew)


def _write_mailboxes(base: Path, names: Iterable[str]) -> None:
    written = base / "mailboxes"
    lines = (f"{name}@{domain} {name}/\n" for name in sorted(names) for domain in DOMAINS)
    written.write_text("".join(lines))
    # Postfix does not trust a table as young as this and would wait two seconds for it to settle.
    an_hour_ago = time.time() - 3600
    os.utime(written, (an_hour_ago, an_hour_ago))


def _master(relay: Relay) -> list[str]:
    """Postfix's own start command would leave the master behind if the test run is killed."""
    config = str(relay.folder / "etc")
    folder = relay._root("postconf", "-c", config, "-h", "daemon_directory").strip()
    return [f"{folder}/master", "-c", config, "-s"]
