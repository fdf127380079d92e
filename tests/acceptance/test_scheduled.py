"""`post --at`: with the real program, from the command line to the reader."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes.smtp_server import Script, SmtpServer, in_thread
from tests.letters import letter
from tests.program import Program
from tests.servers.process import wait_until

POST = ("post", "general", "--approve", "--at")


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with in_thread(SmtpServer(Script())) as running:
        yield running


@pytest.fixture
def program(tmp_path: Path, server: SmtpServer) -> Iterator[Program]:
    """A category that only sends, and has nothing else to do for hours."""
    program = Program(tmp_path, same_process=True)
    program.write_category(
        "general",
        f"""
address = "general@example.org"
poll_every = "6h"
[outgoing]
host = "127.0.0.1"
port = {server.port}
security = "none"
[subscribers]
file = "general.subscribers"
""",
        ["bob@example.org"],
    )
    program.run("poll-once")
    yield program
    program.audit()


def test_a_scheduled_post_is_on_record_and_waits(program: Program) -> None:
    done = program.run("--json", *POST, "2099-11-22T09:00+01:00", stdin=letter(1))
    program.run("poll-once")

    assert json.loads(done.stdout) == {"category": "general", "scheduled": "2099-11-22T08:00:00Z"}
    [status] = program.json("status")
    assert (status["undecided"], status["scheduled"]) == (0, 1)
    assert program.json("posts", "list", "general") == []


@pytest.mark.parametrize("time", ["tomorrow", "2020-01-01T00:00", "0001-01-01", "25:00", ""])
def test_what_is_no_time_to_come_is_wrong_usage(program: Program, time: str) -> None:
    done = program.run(*POST, time, stdin=letter(1), status=2)

    assert b"--at" in done.stderr
    [status] = program.json("status")
    assert status["scheduled"] == 0


def test_a_service_sends_it_soon_after_its_time_however_rarely_it_polls(program: Program) -> None:
    with program.serving():
        # The pass of the fixture is so recent that the service makes none for hours.
        at = datetime.now(UTC) + timedelta(seconds=3)
        program.run(*POST, at.isoformat(), stdin=letter(1))

        wait_until(lambda: program.json("posts", "list", "general") != [], "it was posted", 60)
        wait_until(lambda: program.json("queue", "list") == [], "it was sent", 60)

    [post] = program.json("posts", "list", "general")
    assert post["state"] == "accepted"
