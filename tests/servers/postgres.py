"""A real PostgreSQL for tests, on a Unix socket alone, with fresh databases for the asking."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from storage.opening import open_database
from tests.servers import process

_USER = "listbridge"
_MIGRATED = "migrated"
_SETTINGS = {
    "listen_addresses": "",
    # Nothing here need outlive a failure of the machine.
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "log_line_prefix": "%m [%p] %d ",
}


def missing() -> str | None:
    """Why PostgreSQL cannot be started here, or None."""
    if _program("initdb") is None or _program("postgres") is None:
        return "PostgreSQL is not installed: apt-get install postgresql"
    return None


@dataclass(frozen=True)
class Postgres:
    """A data folder with a server that can be started, stopped, and asked for databases."""

    folder: Path
    serial: Iterator[int] = field(default_factory=itertools.count)

    @property
    def log(self) -> Path:
        return self.folder / "postgres.out"

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{_USER}@/{database}?host={quote(str(self.folder))}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Open a connection of the driver's own, on which each statement commits by itself."""
        folder = str(self.folder)
        return psycopg.connect(host=folder, user=_USER, dbname=database, autocommit=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the server until the block ends; what is stored stays for the next time."""
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        folder = f"--unix_socket_directories={self.folder}"
        command = [*_become(_owner()), _found("postgres"), "-D", str(self._data), folder, *settings]
        socket = self.folder / ".s.PGSQL.5432"
        with process.running(command, [socket], self.folder / "postgres.log"):
            process.wait_until(self._takes_statements, "PostgreSQL takes statements", seconds=20)
            try:
                yield
            finally:
                # Told by a signal, as the leash does, it would wait for everybody to leave.
                self._control("stop", "--mode=fast")

    @contextmanager
    def recovered(self) -> Iterator[None]:
        """Run the server after a recovery as of an earlier point: on a new timeline."""
        (self._data / "standby.signal").touch()
        with self.running():
            self._control("promote", "--wait")
            yield

    def crash(self) -> None:
        """Kill a process that serves somebody; the server then ends all and recovers."""
        with self.connect() as connection:
            mine = connection.info.backend_pid
            query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
            others = [pid for (pid,) in connection.execute(query).fetchall() if pid != mine]
        for pid in others[:1] or [mine]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def migrate(self) -> None:
        """Make the database that all others are copied from."""
        self._execute(f"CREATE DATABASE {_MIGRATED}")
        open_database(self.url(_MIGRATED)).close()

    @contextmanager
    def database(self, template: str = _MIGRATED) -> Iterator[str]:
        """Make a database with all tables, or with another template; yields its name."""
        name = f"test{next(self.serial)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield name
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _execute(self, statement: str) -> None:
        with self.connect() as connection:
            connection.execute(statement)

    def _takes_statements(self) -> bool:
        try:
            self._execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _control(self, *what: str) -> None:
        _run([*_become(_owner()), _found("pg_ctl"), "-D", str(self._data), *what])


@contextmanager
def laid_out() -> Iterator[Postgres]:
    """Make the data folder of a server, which is not yet running; it goes when the block ends."""
    server = Postgres(process.new_folder("postgres"))
    try:
        owner = _owner()
        if os.geteuid() == 0:
            os.chown(server.folder, owner.pw_uid, owner.pw_gid)
        options = ["--auth=trust", f"--username={_USER}", "--encoding=UTF8", "--locale=C.UTF-8"]
        initdb = [_found("initdb"), "-D", str(server.folder / "data"), "--no-sync", *options]
        _run([*_become(owner), *initdb])
        yield server
    finally:
        shutil.rmtree(server.folder)


@contextmanager
def running() -> Iterator[Postgres]:
    """Run a server until the block ends."""
    with laid_out() as server, server.running():
        server.migrate()
        yield server


def _owner() -> pwd.struct_passwd:
    """Who runs the server: it refuses to run as root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def _become(user: pwd.struct_passwd) -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd="/")
    if done.returncode != 0:
        raise process.ServerFailed(f"{command!r}: {done.stdout}{done.stderr}")


def _program(name: str) -> str | None:
    """The newest that Debian has installed, or the one in the PATH."""
    versions = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = max(versions, key=lambda file: int(file.parts[-3]), default=None)
    return str(newest) if newest else process.program(name)


def _found(name: str) -> str:
    found = _program(name)
    if found is None:
        raise process.ServerFailed(missing())
    return found
