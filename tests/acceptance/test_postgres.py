"""The main job with the store on a real PostgreSQL, alone and by several processes at once."""

import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.letters import body_of, letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay, split_trace

LETTERS = 20
SUBSCRIBERS = 5
OPEN = '[posting]\nnon_members = "accept"'


class Lists:
    """An IMAP and a POP3 category with the same subscribers, kept on PostgreSQL."""

    def __init__(self, program: Program, dovecot: Dovecot, relay: Relay, people: list[str]) -> None:
        self.program, self.dovecot, self.relay, self.people = program, dovecot, relay, people
        self.slugs: list[str] = []
        relay.add_users(people)

    def add(self, slug: str, protocol: str) -> None:
        """Add a category with letters in its mailbox, every fourth an answer."""
        self.dovecot.add_user(slug, "secret")
        settings = {"dovecot": self.dovecot, "relay": self.relay, "protocol": protocol}
        toml = category_toml(slug, more=OPEN, outgoing="max_recipients = 2", **settings)
        self.program.write_category(slug, toml, [f"{name}@example.net" for name in self.people])
        for one in _letters(slug):
            self.dovecot.deliver(slug, one)
        self.slugs.append(slug)

    def assert_all_is_done_once(self) -> None:
        """Fail unless every subscriber has every letter once and nothing is left anywhere."""
        self.relay.wait_until_idle()
        expected = Counter(body_of(one) for slug in self.slugs for one in _letters(slug))
        for name in self.people:
            assert Counter(map(_body, self.relay.copies(name))) == expected
        assert [self.dovecot.messages(slug) for slug in self.slugs] == [[]] * len(self.slugs)
        assert self.program.json("queue", "list") == []
        self.program.audit()


@pytest.fixture
def lists(
    tmp_path: Path,
    dovecot: Dovecot,
    relay: Relay,
    postgres_url: str,
    fresh_name: Callable[[str], str],
) -> Lists:
    program = Program(tmp_path)
    program.write_service(f'database = "{postgres_url}"\n')
    made = Lists(program, dovecot, relay, [fresh_name("member") for _ in range(SUBSCRIBERS)])
    for protocol in ("imap", "pop3"):
        made.add(fresh_name(protocol), protocol)
    return made


def _letters(slug: str) -> list[bytes]:
    return [letter(n, run=slug, answers=n - 1 if n % 4 == 3 else None) for n in range(LETTERS)]


def _body(copy: bytes) -> bytes:
    return split_trace(copy)[1].partition(b"\n\n")[2]


def test_letters_reach_all_subscribers_once_and_repeated_ones_nobody(lists: Lists) -> None:
    first = lists.program.poll_once()

    for slug in lists.slugs:
        line = first[slug]
        assert line["error"] is None
        assert (line["posts"], line["replies"]) == (LETTERS * 3 // 4, LETTERS // 4)
        assert (line["queued"], line["sent"]) == (LETTERS * SUBSCRIBERS, LETTERS * SUBSCRIBERS)
    lists.assert_all_is_done_once()

    for slug in lists.slugs:
        for one in _letters(slug):
            lists.dovecot.deliver(slug, one)
    second = lists.program.poll_once()

    assert [line["duplicates"] for line in second.values()] == [LETTERS, LETTERS]
    lists.assert_all_is_done_once()


def test_three_at_once_do_nothing_twice(lists: Lists) -> None:
    program = lists.program
    command = program.command("poll-once")
    running = [
        subprocess.Popen(command, cwd=program.folder, env=program.full_environment())
        for _ in range(3)
    ]

    assert [one.wait(timeout=100) for one in running] == [0, 0, 0]
    lists.assert_all_is_done_once()
