"""A real Cyrus for tests: IMAP and POP3 in the clear on free ports; its own kind of mailboxes."""

import imaplib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from string import Template

from tests.servers import process, unpacked

PACKAGES = unpacked.Unpacked("cyrus", "cyrus-imapd cyrus-pop3d")
missing = PACKAGES.missing

_MASTER = "/usr/lib/cyrus/bin/master"
_TEMPLATES = Path(__file__).parent
# The folders in the configuration directory that Debian's package makes.
_FOLDERS = (
    *("backup", "db", "lock", "log", "msg", "proc", "ptclient", "quota", "sieve", "socket"),
    *("sync", "user"),
)


@dataclass(frozen=True)
class Cyrus:
    """A running server; every user has a mailbox of his own, and any password is right."""

    folder: Path
    imap_port: int
    pop3_port: int
    host: str = process.HOST

    @property
    def log(self) -> Path:
        return self.folder / "cyrus.out"

    def add_user(self, name: str, password: str) -> None:
        """Let a new user in, with an empty INBOX."""
        with self._logged_in(name, password):
            pass  # The first login makes the INBOX.

    def deliver(self, user: str, raw: bytes, received: datetime | None = None) -> None:
        """Put a message into the user's INBOX; Cyrus takes it only with CRLF, and without NUL."""
        date = imaplib.Time2Internaldate(received) if received else ""
        with self._logged_in(user) as client:
            kind, answer = client.append("INBOX", "", date, raw)
        if kind != "OK":
            raise process.ServerFailed(f"Cyrus does not take the message: {answer!r}")

    def messages(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """What lies in a folder now, byte for byte as stored."""
        with self._logged_in(user) as client:
            if client.select(folder, readonly=True)[0] != "OK":
                return []
            uids = client.uid("SEARCH", "ALL")[1][0].decode().split()
        below = [] if folder == "INBOX" else folder.split("/")
        place = self.folder.joinpath("spool", "user", user, *below)
        # Files of messages that are gone may lie there a little longer.
        return [(place / f"{uid}.").read_bytes() for uid in uids]

    def _logged_in(self, user: str, password: str = "any") -> imaplib.IMAP4:
        client = imaplib.IMAP4(self.host, self.imap_port, timeout=20)
        client.login(user, password)
        return client


@contextmanager
def running() -> Iterator[Cyrus]:
    """Run a Cyrus until the block ends."""
    base = process.new_folder("cyrus")
    try:
        server = Cyrus(base, *process.free_ports(2))
        _lay_out(server)
        user = f"CYRUS_USER={unpacked.user().pw_name}"
        command = PACKAGES.command(base, "env", user, _MASTER, "-D", "-p", f"{base}/run/pid")
        ports = [server.imap_port, server.pop3_port]
        with process.running(command, ports, server.log, process.root_prefix() or ()):
            yield server
    finally:
        unpacked.as_root("rm", "-rf", str(base))


def _lay_out(server: Cyrus) -> None:
    """Write everything below the server's folder."""
    base = server.folder
    conf = base / "conf"
    unpacked.hand_over([base / "run", base / "spool", conf, *(conf / name for name in _FOLDERS)])
    values = {
        "base": base,
        "user": unpacked.user().pw_name,
        "imap": server.imap_port,
        "pop3": server.pop3_port,
    }
    etc = base / "root" / "etc"
    etc.mkdir(parents=True)
    for name in ("imapd.conf", "cyrus.conf"):
        template = Template((_TEMPLATES / name).read_text())
        (etc / name).write_text(template.substitute(values))
