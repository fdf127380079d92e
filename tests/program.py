"""The real program, run as its user runs it: in a folder with configuration files of its own."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import listbridge.cli
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay

_ROOT = Path(__file__).parent.parent


@dataclass
class Program:
    """One installation of listbridge in a folder."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    #: What the program is run by, such as ("prlimit", "--fsize=100000").
    run_by: tuple[str, ...] = ()
    #: Whether commands run within the test's own process; to start one takes longer than most do.
    same_process: bool = False
    #: What every command so far has written, to stdout and to stderr.
    outputs: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "categories").mkdir(parents=True, exist_ok=True)
        self.write_service('database = "sqlite:///listbridge.db"\n')

    @property
    def database(self) -> Path:
        """The database's file."""
        return self.folder / "listbridge.db"

    def write_service(self, toml: str) -> None:
        """Write the service file."""
        (self.folder / "listbridge.toml").write_text(toml, encoding="utf-8")

    def write_category(self, slug: str, toml: str, subscribers: Iterable[str] = ()) -> None:
        """Write a category's file and, if it names one, its subscriber file."""
        (self.folder / "categories" / f"{slug}.toml").write_text(toml, encoding="utf-8")
        lines = "".join(f"{address}\n" for address in subscribers)
        (self.folder / f"{slug}.subscribers").write_text(lines, encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        """Return the command line that runs the program."""
        service = str(self.folder / "listbridge.toml")
        return [*self.run_by, sys.executable, "-m", "listbridge", "--config", service, *arguments]

    def run(
        self, *arguments: str, stdin: bytes = b"", status: int | None = 0, seconds: float = 300
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end; fail unless it ends with this exit status."""
        command = self.command(*arguments)
        if self.same_process:
            done = _run_here(command, stdin, self.full_environment())
        else:
            done = subprocess.run(
                command,
                input=stdin,
                capture_output=True,
                cwd=self.folder,
                env=self.full_environment(),
                timeout=seconds,
            )
        self.outputs += [done.stdout, done.stderr]
        if status is not None:
            assert done.returncode == status, (arguments, done.stdout, done.stderr.decode())
        return done

    def full_environment(self) -> dict[str, str]:
        """Return the environment the program runs in."""
        inherited = dict(os.environ)
        # Compiling everything anew would take most of the time of each command.
        inherited.pop("PYTHONDONTWRITEBYTECODE", None)
        return inherited | {"PYTHONPATH": str(_ROOT), "NO_COLOR": "1"} | self.environment

    def json(self, *arguments: str, status: int | None = 0, **more: Any) -> list[dict[str, Any]]:
        """Run a command with `--json` and return its objects."""
        done = self.run(*arguments, "--json", status=status, **more)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def poll_once(self, *arguments: str, status: int | None = 0) -> dict[str, dict[str, Any]]:
        """Run one round; return each category's line by its slug."""
        lines = self.json("poll-once", *arguments, status=status)
        return {line["category"]: line for line in lines}

    def audit(self) -> None:
        """Fail unless the audit finds everything in order."""
        assert self.json("audit", status=None) == []


def _run_here(
    command: list[str], stdin: bytes, environment: dict[str, str]
) -> subprocess.CompletedProcess[bytes]:
    """Run `python -m listbridge …` without a new Python."""
    written = io.BytesIO(), io.BytesIO()
    stdout, stderr = (io.TextIOWrapper(one, "utf-8", write_through=True) for one in written)
    status: object = 0
    with ExitStack() as patches:
        for patch in (
            mock.patch.dict(os.environ, environment, clear=True),
            mock.patch.object(sys, "argv", ["listbridge", *command[3:]]),
            mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))),
            redirect_stdout(stdout),
            redirect_stderr(stderr),
        ):
            patches.enter_context(patch)
        try:
            listbridge.cli.main()
        except SystemExit as end:
            status = end.code
    assert isinstance(status, int)
    return subprocess.CompletedProcess(command, status, *(one.getvalue() for one in written))


def category_toml(
    slug: str,
    *,
    dovecot: Dovecot | None = None,
    relay: Relay | None = None,
    protocol: str = "imap",
    username: str = "",
    incoming: str = "",
    outgoing: str = "",
    more: str = "",
) -> str:
    """Write a category's file: read from this mailbox in the clear, sent over this relay."""
    lines = [f'address = "{slug}@example.org"', more]
    lines += ["[subscribers]", f'file = "{slug}.subscribers"']
    if dovecot is not None:
        port = dovecot.imap_port if protocol == "imap" else dovecot.pop3_port
        lines += ["[incoming]", f'protocol = "{protocol}"', 'host = "127.0.0.1"', f"port = {port}"]
        lines += [f'username = "{username or slug}"', 'password = "secret"', incoming]
        if "security" not in incoming:
            lines.append('security = "none"')
    if relay is not None:
        lines += ["[outgoing]", 'host = "127.0.0.1"', f"port = {relay.port}", outgoing]
        if "security" not in outgoing:
            lines.append('security = "none"')
    return "\n".join(lines) + "\n"
