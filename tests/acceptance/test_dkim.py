"""Whatever a list sends bears our signature, good where real servers have delivered it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.letters import KINDS, letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.exim import Exim
from tests.servers.postfix import Relay, split_trace
from tests.signatures import ed25519_pem, judged, records, rsa_pem
from tests.ways import WAYS

KEYS = 'dkim = { keys = { r1 = { file = "r1.pem" }, e1 = { file = "e1.pem" } } }'
KNOWN = records("example.org", r1=rsa_pem(), e1=ed25519_pem())
OPEN = '[posting]\nnon_members = "accept"\n'
ALIKE = '[message]\nsubject_prefix = "[list]"\nfooter = "The list"\n'
PERSONAL = '[message]\npersonalise = true\nfooter = "For {member}: {unsubscribe}"\n'


@pytest.fixture
def program(tmp_path: Path) -> Program:
    for name, pem in (("r1", rsa_pem()), ("e1", ed25519_pem())):
        path = tmp_path / f"{name}.pem"
        path.write_text(pem)
        path.chmod(0o600)
    return Program(tmp_path, same_process=True)


def _list(
    program: Program,
    dovecot: Dovecot,
    relay: Relay | Exim,
    slug: str,
    people: list[str],
    *,
    way: str = "chunked",
    more: str = ALIKE,
) -> None:
    relay.add_users([slug, *people])
    dovecot.add_user(slug, "secret")
    outgoing = f"foreign_from = true\n{WAYS[way]}\n{KEYS}"
    toml = category_toml(slug, dovecot=dovecot, relay=relay, outgoing=outgoing, more=OPEN + more)
    program.write_category(slug, toml, [f"{x}@example.org" for x in people])


def _delivered(relay: Relay | Exim, name: str) -> list[bytes]:
    return [_below_the_trace(one).replace(b"\n", b"\r\n") for one in relay.copies(name)]


def _below_the_trace(copy: bytes) -> bytes:
    start = re.search(rb"^DKIM-Signature: ", copy, re.MULTILINE)
    return copy[start.start() :] if start else copy


@pytest.mark.parametrize("more", [ALIKE, PERSONAL], ids=["alike", "personal"])
@pytest.mark.parametrize(
    ("server", "way"),
    [("relay", "chunked"), ("relay", "lock step"), ("exim", "pipelined")],
)
def test_each_copy_is_good_as_it_was_delivered(
    request: pytest.FixtureRequest,
    program: Program,
    dovecot: Dovecot,
    fresh_name: Callable[[str], str],
    server: str,
    way: str,
    more: str,
) -> None:
    relay = request.getfixturevalue(server)
    slug, *people = (fresh_name(x) for x in ("list", "ann", "ben"))
    _list(program, dovecot, relay, slug, people, way=way, more=more)
    for number, kind in enumerate(KINDS):
        dovecot.deliver(slug, letter(number, run=kind, kind=kind))

    assert program.poll_once()[slug]["sent"] == 2 * len(KINDS)

    relay.wait_until_idle()
    for name in people:
        got = _delivered(relay, name)
        assert [judged(one, KNOWN) for one in got] == [[True, True]] * len(KINDS)
    program.audit()


@pytest.mark.parametrize("more", [ALIKE, PERSONAL], ids=["alike", "personal"])
def test_what_is_encoded_anew_for_an_old_server_is_signed_anew(
    program: Program,
    dovecot: Dovecot,
    relay_with: Callable[[str], Relay],
    fresh_name: Callable[[str], str],
    more: str,
) -> None:
    relay = relay_with("smtpd_discard_ehlo_keywords = 8bitmime")
    slug, name = fresh_name("list"), fresh_name("ann")
    _list(program, dovecot, relay, slug, [name], more=more)
    umlauts = letter(1, kind="plain") + "Grüße\r\n.\r\n".encode()
    dovecot.deliver(slug, umlauts)
    program.poll_once()
    relay.wait_until_idle()

    [copy] = _delivered(relay, name)

    assert copy.isascii()
    assert judged(copy, KNOWN) == [True, True]


def test_a_notice_is_signed_too(
    program: Program, dovecot: Dovecot, relay: Relay, fresh_name: Callable[[str], str]
) -> None:
    slug, name = fresh_name("list"), fresh_name("newcomer")
    _list(program, dovecot, relay, slug, [])
    relay.add_users([name])
    head = f"From: {name}@example.org\r\nTo: {slug}@example.org\r\nSubject: subscribe\r\n"
    dovecot.deliver(slug, f"{head}\r\n\r\n".encode())
    program.poll_once()
    relay.wait_until_idle()

    [notice] = _delivered(relay, name)

    assert judged(notice, KNOWN) == [True, True]
    trace, _ = split_trace(relay.copies(name)[0])
    assert b"DKIM-Signature" not in trace
