"""What all tests share: real mail servers, started once for a test run and only when asked for."""

import os
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import settings

from tests.servers import certificates as tls
from tests.servers import dovecot as dovecot_server
from tests.servers import postfix as postfix_server
from tests.servers import process
from tests.servers.certificates import Certificates
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay

# The same examples in every run, and no time limit on one: a run fails only for what was changed.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

REAL_SERVERS = {"dovecot", "dovecot_with", "relay", "relay_with"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if REAL_SERVERS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("real_servers")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failed test what the servers it talked to have to say."""
    report = yield
    if report.failed:
        for server in getattr(item, "funcargs", {}).values():
            if isinstance(server, Dovecot | Relay):
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
    _need(dovecot_server.missing())
    with dovecot_server.running(certificates) as server:
        yield server


@pytest.fixture
def dovecot_with(certificates: Certificates) -> Iterator[Callable[[str], Dovecot]]:
    """Start a Dovecot with settings of its own, such as "imap_capability = IMAP4rev1"."""
    _need(dovecot_server.missing())
    with ExitStack() as stack:
        yield lambda extra: stack.enter_context(dovecot_server.running(certificates, extra))


@pytest.fixture(scope="session")
def relay(certificates: Certificates) -> Iterator[Relay]:
    """An SMTP server that delivers into Maildirs; give every test users with fresh names."""
    _need(postfix_server.missing())
    with postfix_server.running(certificates) as server:
        yield server


@pytest.fixture
def relay_with(certificates: Certificates) -> Iterator[Callable[[str], Relay]]:
    """Start a Postfix with settings of its own, such as "message_size_limit = 10000"."""
    _need(postfix_server.missing())
    with ExitStack() as stack:
        yield lambda extra: stack.enter_context(postfix_server.running(certificates, extra))


@pytest.fixture
def fresh_name() -> Callable[[str], str]:
    """Make user names that no other test has: fresh_name("ann") might be ann-5f3a09c1."""
    return lambda stem: f"{stem}-{uuid.uuid4().hex[:8]}"


def _need(missing: str | None) -> None:
    """A server that cannot be started is a reason to skip on a laptop, and a failure in CI."""
    if missing is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)
