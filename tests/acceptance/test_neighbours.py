"""One bad message, mailbox or category never delays or harms the others."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.line_server import Conversation, LineServer
from tests.letters import letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay

FIXTURES = Path(__file__).parent.parent.parent / "fixtures" / "messages"
OPEN = '[posting]\nnon_members = "accept"'


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.timeout(180)
def test_ninety_nine_categories_are_finished_while_the_hundredth_still_hangs(
    tmp_path: Path,
    dovecot: Dovecot,
    relay: Relay,
    fresh_name: Callable[[str], str],
    black_hole: int,
) -> None:
    program = Program(tmp_path)
    reader = fresh_name("reader")
    relay.add_users([reader])
    for number in range(99):
        slug = f"c{number}-{reader}"
        dovecot.add_user(slug, "secret")
        dovecot.deliver(slug, letter(number, run=slug))
        toml = category_toml(slug, dovecot=dovecot, relay=relay, more=OPEN)
        program.write_category(slug, toml, [f"{reader}@example.org"])
    toml = f"""
        address = "dead@example.org"
        [incoming]
        host = "127.0.0.1"
        port = {black_hole}
        security = "none"
        password = "secret"
        timeout = "90s"
    """
    program.write_category("dead", toml)

    running = subprocess.Popen(
        program.command("poll-once", "--json"),
        cwd=program.folder,
        env=program.full_environment(),
        stdout=subprocess.PIPE,
    )
    assert running.stdout is not None
    finished = [json.loads(running.stdout.readline()) for _ in range(99)]
    still_hanging = running.poll() is None
    running.kill()
    running.communicate()

    assert still_hanging
    assert "dead" not in {line["category"] for line in finished}
    assert {(line["posts"], line["sent"], line["error"]) for line in finished} == {(1, 1, None)}
    relay.wait_until_idle()
    assert len(relay.copies(reader)) == 99


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_every_good_message_among_broken_ones_is_posted_in_the_same_poll(
    tmp_path: Path, dovecot: Dovecot, fresh_name: Callable[[str], str], protocol: str
) -> None:
    program, slug = Program(tmp_path), fresh_name(protocol)
    dovecot.add_user(slug, "secret")
    program.write_category(slug, category_toml(slug, dovecot=dovecot, protocol=protocol, more=OPEN))
    broken = sorted((FIXTURES / "broken").glob("*.eml"))
    broken_bytes = [one.read_bytes() for one in broken] + [_megabyte_header(), b"\0" * 99 + b"\r\n"]
    for number, bad in enumerate(broken_bytes):
        dovecot.deliver(slug, bad)
        dovecot.deliver(slug, letter(number, run=slug))

    line = program.poll_once()[slug]

    assert line["error"] is None
    assert line["fetched"] == line["deleted"] == 2 * len(broken_bytes)
    assert dovecot.messages(slug) == []
    good = [x for x in program.json("posts", "list", slug) if x["sender"] == "ann@example.net"]
    assert len({x["message_id"] for x in good if f"<{slug}-" in x["message_id"]}) == len(
        broken_bytes
    )
    decided = ("posts", "replies", "duplicates", "held", "robots", "bounces", "commands", "shunted")
    assert sum(line[name] for name in decided) == line["fetched"]
    assert line["shunted"] >= 1
    program.audit()


def _megabyte_header() -> bytes:
    return b"From: eve@example.net\r\nX-Long: " + b"x" * 1_000_000 + b"\r\n\r\nhello\r\n"


def test_a_category_with_a_broken_file_stops_only_itself(
    tmp_path: Path, dovecot: Dovecot, fresh_name: Callable[[str], str]
) -> None:
    program, slug = Program(tmp_path), fresh_name("good")
    dovecot.add_user(slug, "secret")
    dovecot.deliver(slug, letter(1, run=slug))
    program.write_category(slug, category_toml(slug, dovecot=dovecot, more=OPEN))
    program.write_category("typo", 'address = "typo@example.org"\n[incomming]\nhost = "x"\n')
    program.write_category("torn", "address = ")

    lines = program.poll_once(status=1)

    assert lines[slug]["posts"] == 1
    assert "categories/typo.toml:2: incomming: " in lines["typo"]["error"]
    assert "'incoming'" in lines["typo"]["error"]
    assert "categories/torn.toml:1" in lines["torn"]["error"]


class Dribbler(LineServer):
    """Greets with an octet now and then, so that no single wait ever takes long."""

    def converse(self, talk: Conversation) -> None:
        """Never come to the end of the greeting."""
        while True:
            talk.send(b"*")
            time.sleep(0.2)


def test_a_server_that_dribbles_is_left_after_the_time_budget(tmp_path: Path) -> None:
    program = Program(tmp_path)
    with Dribbler() as server:
        toml = f"""
            address = "slow@example.org"
            [incoming]
            host = "127.0.0.1"
            port = {server.port}
            security = "none"
            password = "secret"
            timeout = "1s"
        """
        program.write_category("slow", toml)

        line = program.poll_once(status=1)["slow"]

    assert "took too long" in line["error"]
