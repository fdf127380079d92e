"""A real Exim for tests: a relay that delivers example.org and example.net into Maildirs."""

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from tests.servers import maildir, process, unpacked
from tests.servers.certificates import Certificates

PACKAGES = unpacked.Unpacked("exim", "exim4-daemon-light")
missing = PACKAGES.missing

TRACE = re.compile(
    rb"(?:(?:Return-path|Envelope-to):.*\n)*Received:.*\n(?:[ \t].*\n)*", re.IGNORECASE
)
#: The one login that is known; it is offered within TLS only.
LOGIN = ("list", "secret")

_TEMPLATE = Path(__file__).with_name("exim.conf")


def split_trace(copy: bytes) -> tuple[bytes, bytes]:
    """Part a delivered copy into the head lines that Exim put on top, and what it was given."""
    added = TRACE.match(copy)
    end = added.end() if added else 0
    return copy[:end], copy[end:]


@dataclass(frozen=True)
class Exim:
    """A running Exim; it takes mail from loopback, with a login or without."""

    folder: Path
    ca_file: Path
    port: int
    tls_port: int
    names: set[str] = field(default_factory=set)
    host: str = process.HOST

    @property
    def log(self) -> Path:
        return self.folder / "log" / "mainlog"

    def add_users(self, names: Iterable[str]) -> None:
        """From now on NAME@example.org and NAME@example.net exist; all others get a 550."""
        self.names.update(names)
        # Each connection has a process of its own, which reads the list anew.
        lines = "".join(f"{name}: {name}\n" for name in sorted(self.names))
        (self.folder / "users").write_text(lines)

    def copies(self, name: str) -> list[bytes]:
        """The messages delivered to NAME, whole, in the order of arrival; their lines end in LF."""
        return maildir.messages(self.folder / "mail" / name)

    def wait_until_idle(self, seconds: float = 60) -> None:
        """Wait until everything accepted so far lies in a Maildir."""
        process.wait_until(self._queue_is_empty, "Exim has emptied its queue", seconds)

    def _queue_is_empty(self) -> bool:
        queue = str(self.folder / "spool" / "input")
        return not unpacked.as_root(
            "find", queue, "-ignore_readdir_race", "-type", "f", "-print", "-quit"
        )


@contextmanager
def running(
    certificates: Certificates,
    main: str = "",
    rcpt: str = "",
    routers: str = "",
    transports: str = "",
) -> Iterator[Exim]:
    """Run an Exim until the block ends.

    `main` is more lines for the first part of its configuration; `rcpt` is asked first about each
    recipient, such as "defer local_parts = ann". `routers` come before the one for all users.
    """
    base = process.new_folder("exim")
    try:
        server = Exim(base, certificates.authority, *process.free_ports(2))
        _lay_out(server, certificates, main, rcpt, routers, transports)
        command = PACKAGES.command(base, "/usr/sbin/exim4", "-bdf", "-q30m")
        ports = [server.port, server.tls_port]
        with process.running(command, ports, server.log, process.root_prefix() or ()):
            yield server
    finally:
        unpacked.as_root("rm", "-rf", str(base))


def _lay_out(
    server: Exim, certificates: Certificates, main: str, rcpt: str, routers: str, transports: str
) -> None:
    """Write everything below the server's folder."""
    base = server.folder
    spool = base / "spool"
    unpacked.hand_over([base / "mail", base / "log", spool, spool / "input"])
    for name, source in (("chain.pem", certificates.chain), ("key.pem", certificates.key)):
        shutil.copyfile(source, base / name)
    (base / "users").touch()
    etc = base / "root" / "etc"
    (etc / "exim4").mkdir(parents=True)
    user = unpacked.user()
    values = {
        "base": base,
        "user": user.pw_name,
        "group": unpacked.group(),
        "smtp": server.port,
        "smtps": server.tls_port,
        "main": main,
        "rcpt": rcpt,
        "routers": routers,
        "transports": transports.replace("USER", user.pw_name),
    }
    config = etc / "exim4" / "exim4.conf"
    config.write_text(Template(_TEMPLATE.read_text()).substitute(values))
    # Exim does not begin without the user and group that Debian has built it for.
    for name, entry in (
        ("passwd", f"{user.pw_uid}:{user.pw_gid}::/nonexistent:/bin/false"),
        ("group", f"{user.pw_gid}:"),
    ):
        known = Path("/etc", name).read_text()
        (etc / name).write_text(f"{known}Debian-exim:x:{entry}\n")
    unpacked.as_root("chown", "-R", "root:root", str(etc))
