"""A relay that answers badly to chosen recipients: each delivery ends as it should."""

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.smtp_server import SmtpServer, in_thread, loses_the_final_reply, refuses
from tests.letters import letter
from tests.program import Program

PEOPLE = [f"s{n}@example.org" for n in range(6)]


def _program(folder: Path, port: int, outgoing: str = "") -> Program:
    program = Program(folder)
    toml = f"""
address = "general@example.org"
[outgoing]
host = "127.0.0.1"
port = {port}
security = "none"
{outgoing}
[subscribers]
file = "general.subscribers"
"""
    program.write_category("general", toml, PEOPLE)
    program.poll_once()
    program.run("post", "general", "--approve", stdin=letter(1))
    return program


def _queue(program: Program) -> dict[str, dict[str, Any]]:
    return {one["recipient"]: one for one in program.json("queue", "list", "--all")}


def test_each_recipient_keeps_the_answer_he_got(tmp_path: Path) -> None:
    script = refuses(
        {
            "s1@example.org": "450 4.2.2 mailbox full",
            "s2@example.org": "550 5.1.1 no such user",
            "s3@example.org": "421 4.3.2 closing down",
        }
    )
    with in_thread(SmtpServer(script)) as server:
        program = _program(tmp_path, server.port)

        line = program.poll_once()["general"]

    queue = _queue(program)
    assert {x: (queue[x]["state"], queue[x]["last_reply"]) for x in PEOPLE[1:4]} == {
        "s1@example.org": ("deferred", "450 4.2.2 mailbox full"),
        "s2@example.org": ("failed", "550 5.1.1 no such user"),
        "s3@example.org": ("deferred", "421 4.3.2 closing down"),
    }
    assert {queue[x]["state"] for x in (PEOPLE[0], *PEOPLE[4:])} == {"sent"}
    counted = {x: line[x] for x in ("sent", "deferred", "failed", "uncertain", "error")}
    assert counted == {"sent": 3, "deferred": 2, "failed": 1, "uncertain": 0, "error": None}
    program.audit()


@pytest.mark.parametrize(("policy", "state"), [("resend", "uncertain"), ("hold", "held")])
def test_a_lost_last_answer_is_a_doubt_by_name(tmp_path: Path, policy: str, state: str) -> None:
    with in_thread(SmtpServer(loses_the_final_reply())) as server:
        program = _program(tmp_path, server.port, f'on_uncertain = "{policy}"')

        line = program.poll_once()["general"]

    queue = _queue(program)
    assert {one["state"] for one in queue.values()} == {state}
    assert line["uncertain"] == len(PEOPLE)
    [shown] = program.json("queue", "show", queue["s0@example.org"]["id"])
    assert [x["outcome"] for x in shown["history"]] == ["uncertain"]
    program.audit()


def test_a_server_that_is_not_there_blames_no_subscriber(tmp_path: Path) -> None:
    program = _program(tmp_path, 1)

    line = program.poll_once(status=1)["general"]

    assert "127.0.0.1:1" in line["error"]
    assert line["deferred"] == line["failed"] == 0
    assert {(x["state"], x["attempts"]) for x in _queue(program).values()} == {("pending", 0)}
