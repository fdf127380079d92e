"""The real program, run as its user runs it: in a folder with configuration files of its own."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import listbridge.cli
from tests.servers.courier import Courier
from tests.servers.cyrus import Cyrus
from tests.servers.dovecot import Dovecot
from tests.servers.exim import Exim
from tests.servers.postfix import Relay
from tests.servers.process import ServerFailed, wait_until

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

    @contextmanager
    def serving(self, *arguments: str) -> Iterator["Serving"]:
        """Run `serve` until the block ends, killing it if it has not been stopped by then."""
        number = len(list(self.folder.glob("serve-*.log")))
        log = self.folder / f"serve-{number}.log"
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                self.command("serve", *arguments),
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                cwd=self.folder,
                env=self.full_environment(),
            )
        serving = Serving(process, log)
        try:
            serving.wait_for("service.started")
            yield serving
        finally:
            process.kill()
            process.wait()
            self.outputs.append(log.read_bytes())

    def audit(self) -> None:
        """Fail unless the audit finds everything in order."""
        assert self.json("audit", status=None) == []


@dataclass
class Serving:
    """A running `serve`, with its log."""

    process: subprocess.Popen[bytes]
    log: Path

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return what the log says of this event so far."""
        # A line may just be being written.
        whole = [x for x in self.log.read_text("utf-8").splitlines(True) if x.endswith("\n")]
        told = [json.loads(line) for line in whole if line.startswith("{")]
        return [one for one in told if one["event"] == name]

    def wait_for(self, name: str, count: int = 1, seconds: float = 60) -> dict[str, Any]:
        """Wait until the log tells of the `count`-th event of this name; return it."""

        def is_there() -> bool:
            ended = self.process.poll()
            assert ended is None or self.events(name), (
                f"serve ended: {ended}\n{self.log.read_text()}"
            )
            return len(self.events(name)) >= count

        try:
            wait_until(is_there, f"event {name}", seconds)
        except ServerFailed as failed:
            failed.add_note(self.log.read_text())
            raise
        return self.events(name)[count - 1]

    def reload(self) -> None:
        """Send SIGHUP and wait until that was seen to."""
        names = ("configuration.reloaded", "configuration.refused")
        before = sum(len(self.events(name)) for name in names)
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: sum(len(self.events(name)) for name in names) > before, "a reload", 30)

    def stop(self, seconds: float = 60) -> int:
        """Send SIGTERM; return the exit status."""
        self.process.terminate()
        return self.process.wait(seconds)


@dataclass
class BareProgram(Program):
    """The program in a folder without any configuration; there every command is run."""

    def __post_init__(self) -> None:
        """Leave the folder as it is."""

    def command(self, *arguments: str) -> list[str]:
        """Return the command line that runs the program."""
        return [*self.run_by, sys.executable, "-m", "listbridge", *arguments]

    def full_environment(self) -> dict[str, str]:
        """Return the environment the program runs in, which names no configuration."""
        inherited = super().full_environment()
        nowhere = {"XDG_CONFIG_HOME": str(self.folder / "xdg"), "LISTBRIDGE_CONFIG": ""}
        return inherited | nowhere | self.environment


@contextmanager
def peak_memory_of(program: Program) -> Iterator[Callable[[], int]]:
    """Measure what the program runs within the block; the result tells its peak memory in MB."""
    written = program.folder / "peak-memory"
    before = program.run_by
    script = str(_ROOT / "tests" / "peak_memory.py")
    program.run_by = (*before, sys.executable, script, str(written))
    yield lambda: int(written.read_text()) * 1024 // 1_000_000
    program.run_by = before


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
    dovecot: Dovecot | Courier | Cyrus | None = None,
    relay: Relay | Exim | None = None,
    protocol: str = "imap",
    username: str = "",
    incoming: str = "",
    outgoing: str = "",
    more: str = "",
) -> str:
    """Write a category's file: read from this mailbox in the clear, sent over this relay.

    `dovecot` may be any of the IMAP and POP3 servers.
    """
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
        if "foreign_from" not in outgoing:
            # Otherwise each run would ask a DNS that knows nobody who writes in these tests.
            lines.append("foreign_from = false")
    return "\n".join(lines) + "\n"
