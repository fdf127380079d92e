"""What all tests share: databases, and real servers, started once and only when asked for."""

import gc
import sqlite3
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import event

from listbridge import dmarc
from listbridge.dmarc import Policies
from storage import categories
from storage.database import Database
from storage.engine import engine
from storage.opening import upgrade
from tests.fakes.authorisation_server import AuthorisationServer
from tests.faults import strace
from tests.faults.killing import Ground, zygote
from tests.servers import certificates as tls
from tests.servers import courier as courier_server
from tests.servers import cyrus as cyrus_server
from tests.servers import dovecot as dovecot_server
from tests.servers import exim as exim_server
from tests.servers import postfix as postfix_server
from tests.servers import postgres as postgres_server
from tests.servers import process
from tests.servers.certificates import Certificates
from tests.servers.courier import Courier
from tests.servers.cyrus import Cyrus
from tests.servers.dovecot import Dovecot
from tests.servers.exim import Exim
from tests.servers.postfix import Relay
from tests.servers.postgres import Postgres

# The same examples in every run, and no time limit on one: a run fails only for what was changed.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

REAL_SERVERS = {
    *("dovecot", "dovecot_with", "courier", "cyrus", "relay", "relay_with", "exim", "exim_with"),
    *("credulous_relay", "postgres", "stopped_postgres", "token_dovecot", "token_relay"),
}

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)  # in the past, so that what is queued is due


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Have no garbage looked for among the modules and thousands of tests, which all stay.

    Looking through them over and over took a quarter of the processor's time in a run, and looking
    after every 700 objects, as Python does, what a test made took a tenth.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000)
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if REAL_SERVERS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("real_servers")


@pytest.fixture(autouse=True)
def _no_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask no name server of this machine for the policies of authors' domains."""
    monkeypatch.setattr(dmarc, "shared", Policies(lambda: None))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failed test what the servers it talked to have to say."""
    report = yield
    if report.failed:
        for server in getattr(item, "funcargs", {}).values():
            if isinstance(server, Dovecot | Courier | Cyrus | Relay | Exim | Postgres):
                report.sections.append((server.log.name, process.last_lines(server.log)))
    return report


@pytest.fixture(scope="session")
def certificates() -> Iterator[Certificates]:
    """Certificates for localhost and 127.0.0.1; clients trust them by `certificates.authority`."""
    with tls.issued() as files:
        yield files


@pytest.fixture(scope="session")
def dovecot(certificates: Certificates) -> Iterator[Dovecot]:
    """An IMAP and POP3 server; give every test users with fresh names."""
    process.require(dovecot_server.missing())
    with dovecot_server.running(certificates) as server:
        yield server


@pytest.fixture
def dovecot_with(certificates: Certificates) -> Iterator[Callable[[str], Dovecot]]:
    """Start a Dovecot with settings of its own, such as "imap_capability = IMAP4rev1"."""
    process.require(dovecot_server.missing())
    with ExitStack() as stack:
        yield lambda extra: stack.enter_context(dovecot_server.running(certificates, extra))


@pytest.fixture(scope="session")
def _authorisation() -> Iterator[AuthorisationServer]:
    with AuthorisationServer() as server:
        yield server


@pytest.fixture
def authorisation(_authorisation: AuthorisationServer) -> AuthorisationServer:
    """The server that gives the tokens which `token_dovecot` takes; well-behaved to begin with."""
    _authorisation.behave()
    return _authorisation


@pytest.fixture(scope="session", params=["xoauth2", "oauthbearer"])
def token_dovecot(
    request: pytest.FixtureRequest, certificates: Certificates, _authorisation: AuthorisationServer
) -> Iterator[Dovecot]:
    """A Dovecot that asks about each access token; give every test users with fresh names."""
    process.require(dovecot_server.missing())
    tokens = dovecot_server.Tokens(request.param, f"{_authorisation.url}/introspect")
    with dovecot_server.running(certificates, tokens=tokens) as server:
        yield server


@pytest.fixture(scope="session")
def token_relay(certificates: Certificates, token_dovecot: Dovecot) -> Iterator[Relay]:
    """A Postfix that takes mail from nobody but those whom `token_dovecot` lets in."""
    process.require(postfix_server.missing())
    sasl = (
        "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\n"
        f"smtpd_sasl_path = {token_dovecot.auth_socket}\n"
        "smtpd_relay_restrictions = permit_sasl_authenticated, reject\n"
        "smtpd_recipient_restrictions = "
        "reject_unlisted_recipient, permit_sasl_authenticated, reject\n"
    )
    with postfix_server.running(certificates, sasl) as server:
        yield server


@pytest.fixture(scope="session")
def courier() -> Iterator[Courier]:
    """Another IMAP and POP3 server, in the clear; give every test users with fresh names."""
    process.require(courier_server.missing())
    with courier_server.running() as server:
        yield server


@pytest.fixture(scope="session")
def cyrus() -> Iterator[Cyrus]:
    """A third IMAP and POP3 server, in the clear; give every test users with fresh names."""
    process.require(cyrus_server.missing())
    with cyrus_server.running() as server:
        yield server


@pytest.fixture(scope="session")
def relay(certificates: Certificates) -> Iterator[Relay]:
    """An SMTP server that delivers into Maildirs; give every test users with fresh names."""
    process.require(postfix_server.missing())
    with postfix_server.running(certificates) as server:
        yield server


@pytest.fixture
def relay_with(certificates: Certificates) -> Iterator[Callable[[str], Relay]]:
    """Start a Postfix with settings of its own, such as "message_size_limit = 10000"."""
    process.require(postfix_server.missing())
    with ExitStack() as stack:
        yield lambda extra: stack.enter_context(postfix_server.running(certificates, extra))


@pytest.fixture(scope="session")
def credulous_relay(certificates: Certificates) -> Iterator[Relay]:
    """A Postfix as it was before it learnt to distrust a bare line feed (CVE-2023-51764)."""
    process.require(postfix_server.missing())
    trust = "smtpd_forbid_bare_newline = no\nsmtpd_forbid_unauth_pipelining = no"
    with postfix_server.running(certificates, trust) as server:
        yield server


@pytest.fixture(scope="session")
def exim(certificates: Certificates) -> Iterator[Exim]:
    """Another relay that delivers into Maildirs; give every test users with fresh names."""
    process.require(exim_server.missing())
    with exim_server.running(certificates) as server:
        yield server


@pytest.fixture
def exim_with(certificates: Certificates) -> Iterator[Callable[..., Exim]]:
    """Start an Exim with settings of its own, such as main="message_size_limit = 10K"."""
    process.require(exim_server.missing())
    with ExitStack() as stack:
        yield lambda **extra: stack.enter_context(exim_server.running(certificates, **extra))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL; give every test a database of its own, such as `postgres_url`."""
    process.require(postgres_server.missing())
    with postgres_server.running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """The URL of a database on PostgreSQL that has all tables and nothing in them."""
    with postgres.database() as name:
        yield postgres.url(name)


@pytest.fixture
def stopped_postgres() -> Iterator[Postgres]:
    """A PostgreSQL of the test's own, to be started and stopped."""
    process.require(postgres_server.missing())
    with postgres_server.laid_out() as server:
        yield server


@pytest.fixture
def ground(
    tmp_path: Path, dovecot: Dovecot, relay: Relay, fresh_name: Callable[[str], str]
) -> Iterator[Ground]:
    """Lists whose program is killed and stopped, with four subscribers."""
    people = [fresh_name("member") for _ in range(4)]
    with zygote(tmp_path / "zygote") as running:
        yield Ground(tmp_path, running, dovecot, relay, people, fresh_name("kill"))


@pytest.fixture
def traced() -> None:
    """Skip the test where system calls cannot be traced."""
    process.require(strace.missing())


@pytest.fixture(scope="session")
def database_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the SQLite database of the running test lies."""
    return tmp_path_factory.mktemp("database") / "listbridge.db"


def _wait_for_no_disk(connection: sqlite3.Connection, _record: object) -> None:
    """No power cut comes in these tests, and most of their time went into waiting for fsync."""
    connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture(scope="session")
def _migrated(database_file: Path) -> tuple[Database, bytes]:
    """A database opened once, since that takes longer than most tests, and its first content."""
    made = engine(f"sqlite:///{database_file}")
    event.listen(made, "connect", _wait_for_no_disk)
    database = Database(made)
    upgrade(database)
    database.close()
    return database, database_file.read_bytes()


@pytest.fixture
def empty_database(_migrated: tuple[Database, bytes]) -> bytes:
    """The file of an SQLite database that has all tables and nothing in them."""
    return _migrated[1]


@pytest.fixture
def sqlite(database_file: Path, _migrated: tuple[Database, bytes]) -> Iterator[Database]:
    """A fresh SQLite database."""
    database, content = _migrated
    for file in database_file.parent.iterdir():
        file.unlink()
    database_file.write_bytes(content)
    yield database
    database.close()


@pytest.fixture
def category_id(db: Database) -> int:
    """The one category in the database of the test, whichever that is."""
    with db.transaction() as tx:
        return categories.keep(tx, "general", "general@example.org").id


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def fresh_name() -> Callable[[str], str]:
    """Make user names that no other test has: fresh_name("ann") might be ann-5f3a09c1."""
    return lambda stem: f"{stem}-{uuid.uuid4().hex[:8]}"
