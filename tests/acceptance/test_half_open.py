"""`serve` over connections that died without a word: they stop no mail."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.fault_proxy import Network, network
from tests.letters import letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay
from tests.servers.process import wait_until

SECONDS = 60


@pytest.fixture
def net() -> Iterator[Network]:
    with network() as one:
        yield one


def _write(program: Program, slug: str, dovecot: Dovecot, relay: Relay, more: str) -> None:
    toml = category_toml(
        slug,
        dovecot=dovecot,
        relay=relay,
        incoming='timeout = "1s"',
        outgoing='timeout = "1s"',
        more=f'{more}\n[posting]\nnon_members = "accept"',
    )
    program.write_category(slug, toml, [f"{slug}-reader@example.org"])


def test_mail_is_polled_for_while_the_connection_that_would_tell_of_it_is_dead(
    tmp_path: Path,
    dovecot: Dovecot,
    relay: Relay,
    fresh_name: Callable[[str], str],
    net: Network,
) -> None:
    program, slug = Program(tmp_path), fresh_name("idle")
    relay.add_users([f"{slug}-reader"])
    dovecot.add_user(slug, "secret")
    proxy = net.before(dovecot.imap_port)
    _write(program, slug, replace(dovecot, imap_port=proxy.port), relay, 'poll_every = "2s"')
    with program.serving() as service:
        dovecot.deliver(slug, letter(1, run=slug))
        service.wait_for("delivery.sent")
        wait_until(lambda: proxy.says(b"idling"), "somebody watches", SECONDS)
        net.silence(proxy)
        dovecot.deliver(slug, letter(2, run=slug))
        service.wait_for("delivery.sent", 2)
        assert service.stop() == 0
    program.audit()


def test_mail_leaves_although_the_connection_that_waited_for_it_is_dead(
    tmp_path: Path,
    dovecot: Dovecot,
    relay: Relay,
    fresh_name: Callable[[str], str],
    net: Network,
) -> None:
    program, slug = Program(tmp_path), fresh_name("pool")
    relay.add_users([f"{slug}-reader"])
    dovecot.add_user(slug, "secret")
    proxy = net.before(relay.port)
    _write(program, slug, dovecot, replace(relay, port=proxy.port), 'poll_every = "1s"')
    with program.serving() as service:
        dovecot.deliver(slug, letter(1, run=slug))
        service.wait_for("delivery.sent")
        net.silence(proxy)
        dovecot.deliver(slug, letter(2, run=slug))
        sent = service.wait_for("delivery.sent", 2)
        assert service.stop() == 0
    relay.wait_until_idle()
    assert len(relay.copies(f"{slug}-reader")) == 2
    assert proxy.connections >= 2
    assert service.events("delivery.uncertain") == service.events("account.paused") == [], sent
    program.audit()
