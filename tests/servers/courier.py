"""A real Courier for tests: IMAP and POP3 over Maildirs, in the clear, on free ports."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.servers import maildir, process, unpacked

PACKAGES = unpacked.Unpacked("courier", "courier-imap courier-pop courier-authlib-userdb")
missing = PACKAGES.missing

_LOGINS = {
    "imapd": ("/usr/lib/courier/courier/imaplogin", "/usr/bin/imapd"),
    "pop3d": (
        "/usr/lib/courier/courier/courierpop3login",
        "/usr/lib/courier/courier/courierpop3d",
    ),
}


@dataclass(frozen=True)
class Courier:
    """A running server; every user has a mailbox of his own, a Maildir."""

    folder: Path
    imap_port: int
    pop3_port: int
    host: str = process.HOST

    @property
    def log(self) -> Path:
        return self.folder / "imapd.out"

    def add_user(self, name: str, password: str) -> None:
        """Let a new user in, with an empty INBOX; a name that is taken is a FileExistsError."""
        home = self._maildir(name)
        maildir.make(home)
        owner = unpacked.user()
        known = self.folder / "courier" / "userdb"
        ids = f"uid={owner.pw_uid}|gid={owner.pw_gid}|home={home}|mail={home}"
        with known.open("a") as file:
            file.write(f"{name}\t{ids}|systempw={_hashed(password)}\n")
        unpacked.as_root(*PACKAGES.command(self.folder, "makeuserdb", "-f", str(known)))

    def deliver(self, user: str, raw: bytes, received: datetime | None = None) -> None:
        """Put a message into the user's INBOX; over IMAP and POP its lines end in CRLF.

        As whoever delivers to a Courier does, it stores lines that end in LF: Courier would send
        CR CR LF for a CRLF in the file.
        """
        maildir.put(self._maildir(user), raw.replace(b"\r\n", b"\n"), received)

    def messages(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """What lies in a folder now, as stored; `folder` is named as over IMAP."""
        # "INBOX.Processed" is the Maildir ".Processed" within the INBOX.
        return maildir.messages(self._maildir(user) / folder.removeprefix("INBOX"))

    def _maildir(self, user: str) -> Path:
        return self.folder / "mail" / user


@contextmanager
def running() -> Iterator[Courier]:
    """Run a Courier until the block ends."""
    base = process.new_folder("courier")
    try:
        server = Courier(base, *process.free_ports(2))
        _lay_out(server)
        with ExitStack() as stack:
            stack.enter_context(_authentication(server))
            stack.enter_context(_service(server, "imapd", server.imap_port))
            stack.enter_context(_service(server, "pop3d", server.pop3_port))
            yield server
    finally:
        unpacked.as_root("rm", "-rf", str(base))


def _lay_out(server: Courier) -> None:
    """Write everything below the server's folder."""
    base = server.folder
    unpacked.hand_over([base / "mail", base / "run" / "authdaemon"])
    # Users are added while the programs run, which share a socket: these two folders are the same
    # ones inside and outside.
    shutil.copytree(PACKAGES.folder / "etc/courier", base / "courier")
    for place, folder in (("etc/courier", "courier"), ("run/courier", "run")):
        link = base / "root" / place
        link.parent.mkdir(parents=True)
        link.symlink_to(base / folder)
    (base / "courier/userdb").touch(0o600)
    (base / "courier/authdaemonrc").write_text(
        'authmodulelist="authuserdb"\nauthmodulelistorig="authuserdb"\ndaemons=5\n'
        "authdaemonvar=/run/courier/authdaemon\nDEBUG_LOGIN=0\n"
        'DEFAULTOPTIONS=""\nLOGGEROPTS=""\n'
    )


def _authentication(server: Courier) -> AbstractContextManager[None]:
    command = "/usr/lib/courier/courier-authlib/authdaemond"
    return _started(server, "authdaemond", server.folder / "run/authdaemon/socket", command)


def _service(server: Courier, name: str, port: int) -> AbstractContextManager[None]:
    login, program = _LOGINS[name]
    script = (
        f"set -a; . /etc/courier/{name}; IMAP_TLS_REQUIRED=0; POP3_TLS_REQUIRED=0; "
        # Without a service that watches files, new mail is looked for this often, in seconds.
        "IMAP_ENHANCEDIDLE=0; IMAP_IDLE_TIMEOUT=1; "
        f"exec /usr/sbin/couriertcpd -address={server.host} -maxprocs=100 -maxperip=100 "
        f"$TCPDOPTS {port} {login} {program} ."
    )
    return _started(server, name, port, "sh", "-c", script)


def _started(
    server: Courier, name: str, place: int | Path, *command: str
) -> AbstractContextManager[None]:
    whole = PACKAGES.command(server.folder, *command)
    log = server.folder / f"{name}.out"
    return process.running(whole, [place], log, process.root_prefix() or ())


def _hashed(password: str) -> str:
    command = ["openssl", "passwd", "-6", password]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
