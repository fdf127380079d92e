"""A mailbox on a real Dovecot, Courier or Cyrus, watched by IDLE."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from listbridge.mailbox import IncomingSettings
from listbridge.service.watching import Watcher
from tests.letters import letter
from tests.servers.certificates import Certificates
from tests.servers.courier import Courier
from tests.servers.cyrus import Cyrus
from tests.servers.dovecot import Dovecot, running, started, stop
from tests.servers.process import wait_until

SECONDS = 30
SOON = timedelta(seconds=0.2)


class Told:
    """How often new mail was told of."""

    def __init__(self) -> None:
        self.times = 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self.times += 1

    def wait_for(self, times: int) -> None:
        wait_until(lambda: self.times >= times, f"new mail is told of {times} times", SECONDS)


@pytest.fixture
def watched() -> Iterator[Callable[..., Told]]:
    watchers: list[Watcher] = []

    def begin(server: Dovecot | Courier | Cyrus, user: str, **timing: timedelta) -> Told:
        told = Told()
        settings = IncomingSettings(
            host="127.0.0.1",
            port=server.imap_port,
            security="none",
            username=user,
            password="secret",  # type: ignore[arg-type]
        )
        watchers.append(Watcher(settings, told, **timing))
        watchers[-1].start()
        return told

    yield begin
    for watcher in watchers:
        watcher.stop()


def _is_idle(dovecot: Dovecot, user: str) -> bool:
    return f"imap({user})" in dovecot.log.read_text() or f"user=<{user}>" in dovecot.log.read_text()


def test_new_mail_is_told_of_each_time(
    dovecot: Dovecot, fresh_name: Callable[[str], str], watched: Callable[..., Told]
) -> None:
    user = fresh_name("list")
    dovecot.add_user(user, "secret")
    told = watched(dovecot, user)
    wait_until(lambda: _is_idle(dovecot, user), "somebody watches", SECONDS)
    for number in range(1, 4):
        dovecot.deliver(user, letter(number, run=user))
        told.wait_for(number)


def test_mail_that_was_there_before_is_told_of(
    dovecot: Dovecot, fresh_name: Callable[[str], str], watched: Callable[..., Told]
) -> None:
    user = fresh_name("list")
    dovecot.add_user(user, "secret")
    dovecot.deliver(user, letter(1, run=user))
    watched(dovecot, user).wait_for(1)


@pytest.mark.real_servers
@pytest.mark.parametrize("name", ["courier", "cyrus"])
def test_other_servers_tell_of_new_mail_too(
    request: pytest.FixtureRequest,
    fresh_name: Callable[[str], str],
    watched: Callable[..., Told],
    name: str,
) -> None:
    server: Courier | Cyrus = request.getfixturevalue(name)
    user = fresh_name("list")
    server.add_user(user, "secret")
    server.deliver(user, letter(1, run=user))
    told = watched(server, user)
    for number in range(2, 4):
        told.wait_for(number - 1)
        server.deliver(user, letter(number, run=user))
    told.wait_for(3)


def test_idle_that_is_renewed_again_and_again_still_tells(
    dovecot: Dovecot, fresh_name: Callable[[str], str], watched: Callable[..., Told]
) -> None:
    user = fresh_name("list")
    dovecot.add_user(user, "secret")
    told = watched(dovecot, user, renewed_after=timedelta(milliseconds=20))
    wait_until(lambda: _is_idle(dovecot, user), "somebody watches", SECONDS)
    for number in range(1, 4):
        dovecot.deliver(user, letter(number, run=user))
        told.wait_for(number)


def test_after_a_restart_of_the_server_mail_is_told_of_again(
    certificates: Certificates, dovecot: Dovecot, watched: Callable[..., Told]
) -> None:
    with running(certificates) as server:
        server.add_user("list", "secret")
        told = watched(server, "list", first_wait=SOON)
        wait_until(lambda: _is_idle(server, "list"), "somebody watches", SECONDS)
        stop(server)
        server.deliver("list", letter(1, run="list"))
        with started(server):
            told.wait_for(1)
