"""kill -9 in the middle of `poll-once`, at moments nobody chose, and then on to the end."""

import random
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.letters import body_of, letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay, split_trace

KILLS = 10
LETTERS_EACH = 12
SUBSCRIBERS = 6


@pytest.mark.timeout(240)
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_after_kills_at_random_moments_nothing_is_lost_and_only_doubts_are_repeated(
    tmp_path: Path,
    dovecot: Dovecot,
    relay: Relay,
    fresh_name: Callable[[str], str],
    protocol: str,
) -> None:
    program, slug = Program(tmp_path), fresh_name(protocol)
    people = [fresh_name("member") for _ in range(SUBSCRIBERS)]
    relay.add_users(people)
    dovecot.add_user(slug, "secret")
    more = '[posting]\nnon_members = "accept"'
    small_groups = "max_recipients = 2\nmax_connections = 2"
    toml = category_toml(
        slug,
        dovecot=dovecot,
        relay=relay,
        protocol=protocol,
        outgoing=small_groups,
        more=more,
    )
    program.write_category(slug, toml, [f"{name}@example.org" for name in people])
    letters = [letter(n, run=slug) for n in range(KILLS * LETTERS_EACH)]
    chance = random.Random(protocol)

    for turn in range(KILLS):
        for one in letters[turn * LETTERS_EACH : (turn + 1) * LETTERS_EACH]:
            dovecot.deliver(slug, one)
        _run_and_kill(program, chance.uniform(0.4, 2.0))
    for _ in range(2):
        line = program.poll_once()[slug]

    assert (line["error"], line["sent"], line["fetched"]) == (None, 0, 0)
    assert dovecot.messages(slug) == []
    program.audit()
    relay.wait_until_idle()
    doubts = _doubts(program)
    expected = Counter(body_of(one) for one in letters)
    for name in people:
        got = Counter(split_trace(x)[1].partition(b"\n\n")[2] for x in relay.copies(name))
        assert expected - got == Counter()
        assert (got - expected).total() <= doubts[f"{name}@example.org"]


def _run_and_kill(program: Program, seconds: float) -> None:
    running = subprocess.Popen(
        program.command("poll-once"),
        cwd=program.folder,
        env=program.full_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds)
    running.kill()
    running.wait()


def _doubts(program: Program) -> Counter[str]:
    """How often each recipient was in doubt, as it stands on record."""
    query = """SELECT recipient FROM attempts JOIN deliveries ON deliveries.id = delivery_id
               WHERE outcome = 'uncertain'"""
    with sqlite3.connect(program.database) as connection:
        found = Counter(recipient for (recipient,) in connection.execute(query))
    connection.close()
    return found
