"""A real Dovecot for tests: IMAP and POP3, plain, STARTTLS and TLS, on free ports."""

import grp
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from string import Template

from tests.servers import maildir, process
from tests.servers.certificates import Certificates

TEMPLATES = Path(__file__).parent


def missing() -> str | None:
    """Why Dovecot cannot be started here, or None."""
    folders = (Path("/usr/lib/dovecot"), Path("/usr/libexec/dovecot"))
    for part in ("imap-login", "pop3-login"):
        if not any((folder / part).exists() for folder in folders):
            return f"Dovecot's {part} is not installed: apt-get install dovecot-imapd dovecot-pop3d"
    if not process.program("dovecot"):
        return "Dovecot is not installed: apt-get install dovecot-imapd dovecot-pop3d"
    return None


@dataclass(frozen=True)
class Tokens:
    """Which access tokens a server takes."""

    mechanisms: str  #: such as "xoauth2 oauthbearer"
    introspection: str  #: the address that says whether one is good (RFC 7662)


@dataclass(frozen=True)
class Dovecot:
    """A running server; every user has a mailbox of his own, a Maildir."""

    folder: Path
    ca_file: Path
    imap_port: int
    imaps_port: int
    pop3_port: int
    pop3s_port: int
    host: str = process.HOST

    @property
    def log(self) -> Path:
        return self.folder / "dovecot.log"

    def add_user(self, name: str, password: str) -> None:
        """Let a new user in, with an empty INBOX; a name that is taken is a FileExistsError."""
        maildir.make(self._maildir(name))
        entry = self.folder / "users" / name
        entry.write_text(f"{name}:{{PLAIN}}{password}\n")
        entry.chmod(0o644)

    def deliver(self, user: str, raw: bytes, received: datetime | None = None) -> None:
        """Put a message into the user's INBOX; over IMAP and POP its lines end in CRLF."""
        maildir.put(self._maildir(user), raw, received)

    def messages(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """What lies in a folder now, as stored; messages flagged as deleted are among it."""
        root = self._maildir(user)
        return maildir.messages(root if folder == "INBOX" else root / f".{folder}")

    @property
    def auth_socket(self) -> Path:
        """Where an SMTP server may ask whether a login is right, if access tokens are taken."""
        return self.folder / "run" / "smtp-auth"

    def _maildir(self, user: str) -> Path:
        return self.folder / "mail" / user


@contextmanager
def running(
    certificates: Certificates, extra: str = "", tokens: Tokens | None = None
) -> Iterator[Dovecot]:
    """Run a Dovecot until the block ends; `extra` is more of its configuration language.

    With `tokens` it takes access tokens too.
    """
    base = process.new_folder("dovecot")
    try:
        server = Dovecot(base, certificates.authority, *process.free_ports(4))
        user = _user()
        _lay_out(server, certificates, user, extra)
        if tokens is not None:
            _take_tokens(server, tokens)
        with started(server):
            yield server
    finally:
        shutil.rmtree(base)


@contextmanager
def started(server: Dovecot) -> Iterator[None]:
    """Run the program until the block ends; what lies in the mailboxes stays there."""
    config = str(server.folder / "dovecot.conf")
    command = [*_become(_user()), _program(), "-F", "-c", config]
    # The TLS ports are opened at the same moment, unless the settings switch TLS off.
    with process.running(command, [server.imap_port, server.pop3_port], server.log):
        yield


def stop(server: Dovecot) -> None:
    """End the program that runs; it may then be `started` again."""
    master = int((server.folder / "run/master.pid").read_text())
    command = [_program(), "-c", str(server.folder / "dovecot.conf"), "stop"]
    # On a busy machine it does not wait long enough for the end, and fails.
    subprocess.run([*_become(_user()), *command], check=False)
    process.wait_until(lambda: not Path(f"/proc/{master}").exists(), "Dovecot has ended", 60)


def _user() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def _become(user: pwd.struct_passwd) -> list[str]:
    """Dovecot would run as root too, but then it insists on system users of its own."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _lay_out(
    server: Dovecot, certificates: Certificates, user: pwd.struct_passwd, extra: str
) -> None:
    """Write everything below the server's folder."""
    base = server.folder
    for name in ("users", "mail", "run", "state", "index"):
        (base / name).mkdir()
    for name, source in (("chain.pem", certificates.chain), ("key.pem", certificates.key)):
        shutil.copyfile(source, base / name)
    config = base / "dovecot.conf"
    values = {
        "base": base,
        "user": user.pw_name,
        "uid": user.pw_uid,
        "gid": user.pw_gid,
        "group": grp.getgrgid(user.pw_gid).gr_name,
        "imap": server.imap_port,
        "imaps": server.imaps_port,
        "pop3": server.pop3_port,
        "pop3s": server.pop3s_port,
        "extra": extra,
    }
    config.write_text(_template().substitute(values))
    if os.geteuid() == 0:
        for path in (base, *base.iterdir()):
            os.chown(path, user.pw_uid, user.pw_gid)


def _take_tokens(server: Dovecot, tokens: Tokens) -> None:
    """Have Dovecot ask an authorisation server about each token, which it never keeps."""
    values = {
        "base": server.folder,
        "mechanisms": tokens.mechanisms,
        "introspection": tokens.introspection,
        "socket": server.auth_socket,
    }
    with (server.folder / "dovecot.conf").open("a") as config:
        config.write(_template("dovecot-oauth2").substitute(values))
    # Dovecot 2.3 wants these in a file of their own.
    (server.folder / "oauth2.conf").write_text(
        f"introspection_mode = post\nintrospection_url = {tokens.introspection}\n"
        "force_introspection = yes\nusername_attribute = username\n"
        "active_attribute = active\nactive_value = true\n"
    )


def _template(stem: str = "dovecot") -> Template:
    """The configuration language changed between Dovecot 2.3 and 2.4 (Debian 12 and 13)."""
    version = subprocess.run([_program(), "--version"], capture_output=True, text=True).stdout
    language = "2.3" if version.startswith("2.3.") else "2.4"
    return Template((TEMPLATES / f"{stem}-{language}.conf").read_text())


def _program() -> str:
    found = process.program("dovecot")
    if found is None:
        raise process.ServerFailed(missing())
    return found
