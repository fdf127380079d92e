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

    [waiting] = program.json("posts", "scheduled", "list")
    told = {"id": waiting["id"], "category": "general", "scheduled": "2099-11-22T08:00:00Z"}
    assert json.loads(done.stdout) == told
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


def test_what_was_withdrawn_is_never_posted_and_can_be_handed_in_again(program: Program) -> None:
    program.run(*POST, "2099-11-22T09:00", stdin=letter(1))
    [waiting] = program.json("posts", "scheduled", "list", "general")
    assert waiting["subject"] == "utf8 letter 1 of run"

    program.run("posts", "scheduled", "withdraw", waiting["id"])

    done = program.run("posts", "scheduled", "withdraw", waiting["id"], status=1)
    assert b"not scheduled (any more)" in done.stderr
    assert program.json("posts", "scheduled", "list") == []
    [status] = program.json("status")
    assert (status["undecided"], status["scheduled"]) == (0, 0)
    program.run("post", "general", "--approve", stdin=letter(1))
    assert [x["state"] for x in program.json("posts", "list", "general")] == ["accepted"]


def test_what_was_posted_cannot_be_withdrawn(program: Program) -> None:
    program.run("post", "general", "--approve", stdin=letter(1))

    program.run("posts", "scheduled", "withdraw", "1", status=1)

    assert [x["state"] for x in program.json("posts", "list", "general")] == ["accepted"]
