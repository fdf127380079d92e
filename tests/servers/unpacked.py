"""Mail servers from packages that are unpacked but not installed, since they exclude each other.

`unpack` fetches them; `laid_over` runs a program where they seem to be installed.
"""

import grp
import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.servers import process

_HERE = Path(__file__).parent
_PACKAGES = _HERE.parent.parent / ".venv" / "servers"


@dataclass(frozen=True)
class Unpacked:
    """One server's packages; `names` is how Debian calls those that were asked for."""

    server: str
    names: str

    @property
    def folder(self) -> Path:
        """Where they lie, as they would below /."""
        return _PACKAGES / self.server

    def missing(self) -> str | None:
        """Why the server cannot be started here, or None."""
        if not (self.folder / ".unpacked").exists():
            return f"{self.server}: {self.names} are not unpacked: run tests/servers/install"
        as_root = process.root_prefix()
        if as_root is None:
            return f"{self.server} starts only as root, and sudo -n does not work here"
        return self._impossible(as_root)

    def _impossible(self, as_root: Sequence[str]) -> process.Impossible | None:
        """Try what each start does: some sandboxes allow no mounts."""
        base = process.new_folder("trial")
        (base / "root" / "etc").mkdir(parents=True)
        (base / "root" / "etc" / "trial").touch()
        try:
            command = [*as_root, *self.command(base, "true")]
            tried = subprocess.run(command, capture_output=True, text=True)
        finally:
            subprocess.run([*as_root, "rm", "-rf", str(base)], check=True)
        if tried.returncode == 0:
            return None
        why = " ".join(tried.stderr.split())
        return process.Impossible(f"{self.server} needs mounts that are not allowed here: {why}")

    def command(self, base: Path, *command: str) -> list[str]:
        """Let a command, run as root, find the packages, and what is in `base`/root, below /."""
        apart = ["unshare", "--mount", str(_HERE / "laid_over")]
        return [*apart, str(self.folder), str(base), *command]


def user() -> pwd.struct_passwd:
    """Under whose name a server handles mail, so that the tests can read it: never root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def group() -> str:
    """The name of that user's own group."""
    return grp.getgrgid(user().pw_gid).gr_name


def as_root(*command: str) -> str:
    """Run a command as root; return what it writes."""
    whole = [*(process.root_prefix() or ()), *command]
    done = subprocess.run(whole, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise process.ServerFailed(f"{whole!r}: {done.stdout}{done.stderr}")
    return done.stdout


def hand_over(folders: Sequence[Path]) -> None:
    """Make the folders, for the user who handles mail."""
    for folder in folders:
        folder.mkdir(parents=True)
        if os.geteuid() == 0:
            os.chown(folder, user().pw_uid, user().pw_gid)
