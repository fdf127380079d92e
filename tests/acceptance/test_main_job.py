"""The main job on a real Dovecot and a real Postfix, from mailbox to Maildirs."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.letters import body_of, letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay, split_trace

LETTERS = 200
SUBSCRIBERS = 50
OPEN = '[posting]\nnon_members = "accept"'


@pytest.mark.timeout(300)
def test_two_hundred_letters_reach_fifty_subscribers_of_an_imap_and_a_pop_category_once(
    tmp_path: Path, dovecot: Dovecot, relay: Relay, fresh_name: Callable[[str], str]
) -> None:
    program = Program(tmp_path)
    people = [fresh_name("member") for _ in range(SUBSCRIBERS)]
    relay.add_users(people)
    runs = {"imap": fresh_name("imap"), "pop3": fresh_name("pop3")}
    for protocol, slug in runs.items():
        dovecot.add_user(slug, "secret")
        toml = category_toml(slug, dovecot=dovecot, relay=relay, protocol=protocol, more=OPEN)
        program.write_category(slug, toml, [f"{name}@example.net" for name in people])
        _fill(dovecot, slug)

    first = program.poll_once()

    for slug in runs.values():
        line = first[slug]
        assert line["error"] is None
        assert (line["fetched"], line["deleted"]) == (LETTERS, LETTERS)
        assert (line["posts"], line["replies"]) == (LETTERS * 3 // 4, LETTERS // 4)
        assert (line["queued"], line["sent"]) == (LETTERS * SUBSCRIBERS, LETTERS * SUBSCRIBERS)
        assert dovecot.messages(slug) == []
    relay.wait_until_idle(120)
    originals = Counter(body_of(one) for slug in runs.values() for one in _letters(slug))
    for name in people:
        assert Counter(_body(copy) for copy in relay.copies(name)) == originals
    program.audit()

    second = program.poll_once()

    assert all(line["sent"] == line["fetched"] == 0 for line in second.values())

    for slug in runs.values():
        _fill(dovecot, slug)
    third = program.poll_once()

    assert [line["duplicates"] for line in third.values()] == [LETTERS, LETTERS]
    assert [line["deleted"] for line in third.values()] == [LETTERS, LETTERS]
    assert all(line["sent"] == line["queued"] == 0 for line in third.values())
    assert all(dovecot.messages(slug) == [] for slug in runs.values())
    program.audit()


def _letters(slug: str) -> list[bytes]:
    """Every fourth letter answers the one before it."""
    return [letter(n, run=slug, answers=n - 1 if n % 4 == 3 else None) for n in range(LETTERS)]


def _fill(dovecot: Dovecot, slug: str) -> None:
    for one in _letters(slug):
        dovecot.deliver(slug, one)


def _body(copy: bytes) -> bytes:
    return split_trace(copy)[1].partition(b"\n\n")[2]
