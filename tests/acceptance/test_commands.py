"""Every command, used as its user uses it: what it prints, what it changes, how it ends."""

import json
import os
import pty
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import pytest

from tests.fakes.smtp_server import Script, SmtpServer, in_thread
from tests.letters import letter
from tests.program import Program

FIXTURES = Path(__file__).parent.parent.parent / "fixtures" / "messages"
SECRET = "pa55-never-to-be-shown"
MEMBERS = ("ann@example.net", "Bob Baker <bob@example.org>")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

POST_KEYS = {"id", "category", "message_id", "thread", "parent", "sender", "subject", "date"}
QUEUE_KEYS = {"id", "kind", "post", "category", "recipient", "state", "attempts", "next_attempt"}
WAITING_KEYS = {"id", "category", "sender", "subject", "reason", "since"}
SIMULATE_KEYS = {
    *("kind", "verdict", "reason", "subject", "sender", "date", "message_id", "parent"),
    *("text", "attachments", "recipients", "outgoing", "trail"),
}


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    """A relay that asks for a login."""
    with in_thread(SmtpServer(_with_login())) as running:
        yield running


@pytest.fixture
def program(tmp_path: Path, server: SmtpServer) -> Iterator[Program]:
    """A category that only sends; afterwards all is in order, and no output held the password."""
    program = Program(tmp_path, same_process=True)
    program.write_category("general", _toml("general", server.port), MEMBERS)
    program.run("poll-once")
    yield program
    program.audit()
    assert [one for one in program.outputs if SECRET.encode() in one] == []


def _with_login(**more: Any) -> Script:
    return Script(mechanisms=("PLAIN",), login=("general", SECRET), **more)


def _toml(slug: str, port: int, more: str = "") -> str:
    return f"""
address = "{slug}@example.org"
[outgoing]
host = "127.0.0.1"
port = {port}
security = "none"
username = "general"
password = "{SECRET}"
[subscribers]
file = "{slug}.subscribers"
{more}
"""


def _fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def _hold(program: Program, count: int) -> list[str]:
    """Post letters of a stranger; return the ids of the held posts."""
    letters = [letter(n, author="eve@example.com", run="held") for n in range(count)]
    done = [program.run("post", "general", stdin=one) for one in letters]
    return [one.stdout.decode().strip() for one in done]


# Subscribers.


def test_subscribers_come_change_and_go(program: Program) -> None:
    program.run("subscribers", "add", "general", "Cleo@Example.org", "--name", "Cleo")
    program.run("subscribers", "add", "general", "dan@example.org", "eve@example.org")
    program.run("subscribers", "set", "general", "dan@example.org", "--receives", "digest")
    program.run("subscribers", "set", "general", "bob@example.org", "--state", "suspended")
    program.run("subscribers", "remove", "general", "eve@example.org")
    done = program.run("subscribers", "add", "general", "cleo@example.org", "CLEO@example.org")
    assert done.stderr == b"general: 1 subscribed.\n"

    listed = program.json("subscribers", "list", "general")

    keys = ("address", "name", "state", "receives")
    assert [tuple(one[key] for key in keys) for one in listed] == [
        ("ann@example.net", "", "active", "each"),
        ("bob@example.org", "Bob Baker", "suspended", "each"),
        ("cleo@example.org", "Cleo", "active", "each"),
        ("dan@example.org", "", "active", "digest"),
        ("eve@example.org", "", "removed", "each"),
    ]
    assert program.json("subscribers", "list", "general", "--limit", "2") == listed[:2]
    table = program.run("subscribers", "list", "general").stdout.decode()
    assert [line.split()[0] for line in table.splitlines()[1:]] == [x["address"] for x in listed]


def test_a_subscriber_s_wishes_are_set_and_taken_back(program: Program) -> None:
    def wishes(*options: str) -> tuple[object, ...]:
        program.run("subscribers", "set", "general", "bob@example.org", *options)
        [bob] = [
            x
            for x in program.json("subscribers", "list", "general")
            if x["address"] == "bob@example.org"
        ]
        return bob["holiday_until"], bob["own_posts"], bob["language"]

    away = ("--holiday", "2099-12-24", "--own-posts", "no", "--language", "fr")
    back = ("--holiday", "off", "--own-posts", "default", "--language", "default")

    assert wishes(*away) == ("2099-12-24T00:00:00Z", False, "fr")
    assert wishes(*back) == (None, None, None)


def test_a_plan_says_whom_a_file_would_add_and_remove_and_changes_nobody(
    program: Program,
) -> None:
    before = program.json("subscribers", "list", "general")
    file = program.folder / "new.subscribers"
    kept = [x["address"] for x in before if x["address"] != "bob@example.org"]
    file.write_text("\n".join([*kept, "zoe@example.org"]))

    planned = program.json("subscribers", "plan", "general", str(file))

    assert planned == [
        {"address": "bob@example.org", "change": "removed", "why": None},
        {"address": "zoe@example.org", "change": "added", "why": None},
    ]
    assert program.json("subscribers", "list", "general") == before


def test_only_active_subscribers_who_want_each_post_get_it(program: Program) -> None:
    program.run("subscribers", "add", "general", *(f"s{n}@example.org" for n in range(4)))
    program.run("subscribers", "set", "general", "s1@example.org", "--receives", "none")
    program.run("subscribers", "set", "general", "s2@example.org", "--state", "suspended")
    program.run("subscribers", "remove", "general", "s3@example.org")

    program.run("post", "general", stdin=letter(1))

    recipients = [one["recipient"] for one in program.json("queue", "list")]
    assert sorted(recipients) == ["ann@example.net", "bob@example.org", "s0@example.org"]


def test_who_is_removed_gets_nothing_that_is_still_unsent(
    program: Program, server: SmtpServer
) -> None:
    program.run("post", "general", stdin=letter(1))

    program.run("subscribers", "remove", "general", "BOB@example.org")

    states = {one["recipient"]: one["state"] for one in program.json("queue", "list", "--all")}
    assert states == {"ann@example.net": "pending", "bob@example.org": "cancelled"}


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["remove", "general", "nobody@example.org"], 1),
        (["set", "general", "nobody@example.org", "--name", "N"], 1),
        (["set", "general", "ann@example.net"], 2),
        (["set", "general", "ann@example.net", "--receives", "hourly"], 2),
        (["set", "general", "ann@example.net", "--language", "klingon"], 2),
        (["set", "general", "ann@example.net", "--name", "two\nlines"], 2),
        (["add", "general", "new@example.org", "no address"], 2),
        (["add", "general"], 2),
        (["import", "general", "no-such-file"], 2),
    ],
)
def test_what_cannot_be_done_to_subscribers_changes_nobody(
    program: Program, arguments: list[str], status: int
) -> None:
    before = program.json("subscribers", "list", "general")

    done = program.run("subscribers", *arguments, status=status)

    assert done.stdout == b""
    assert done.stderr != b""
    assert program.json("subscribers", "list", "general") == before


def test_removing_several_removes_those_who_are_there(program: Program) -> None:
    names = ("nobody@example.org", "ann@example.net")

    done = program.run("subscribers", "remove", "general", *names, status=1)

    assert "nobody@example.org is not subscribed" in done.stderr.decode()
    states = {x["address"]: x["state"] for x in program.json("subscribers", "list", "general")}
    assert states["ann@example.net"] == "removed"


def test_an_export_can_be_imported_elsewhere(program: Program, server: SmtpServer) -> None:
    program.write_category("other", _toml("other", server.port))
    program.run("subscribers", "add", "general", "zoe@example.org", "--name", 'Zoë "Z", Žižka')
    program.run("subscribers", "set", "general", "zoe@example.org", "--receives", "mime-digest")

    exported = program.run("subscribers", "export", "general").stdout
    (program.folder / "people.csv").write_bytes(exported)
    program.run("subscribers", "import", "other", str(program.folder / "people.csv"))

    assert exported.startswith(b"address,name,receives\n")
    assert program.run("subscribers", "export", "other").stdout == exported
    as_json = program.json("subscribers", "export", "general")
    assert [one["address"] for one in as_json][-1] == "zoe@example.org"


def test_a_plain_file_is_imported(program: Program) -> None:
    file = program.folder / "people.txt"
    file.write_text("# the choir\nflo@example.org\n\nGus Grün <gus@example.org>  # tenor\n")

    program.run("subscribers", "import", "general", str(file))

    names = {x["address"]: x["name"] for x in program.json("subscribers", "list", "general")}
    assert names["flo@example.org"] == ""
    assert names["gus@example.org"] == "Gus Grün"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"flo@example.org\nnot an address\n", "line 2"),
        (b"Address,Name\nflo@example.org,Flo\nnobody,N\n", "line 3"),
        (b"address,receives\nflo@example.org,hourly\n", "hourly"),
        (b"flo@example.org\nk\xf6ln@example.org\n", "UTF-8"),
    ],
)
def test_an_import_with_a_bad_line_subscribes_nobody(
    program: Program, content: bytes, said: str
) -> None:
    file = program.folder / "people"
    file.write_bytes(content)

    done = program.run("subscribers", "import", "general", str(file), status=1)

    assert said in done.stderr.decode()
    assert len(program.json("subscribers", "list", "general")) == len(MEMBERS)


# Posts.


def test_a_post_comes_in_by_standard_input_and_its_id_is_printed(program: Program) -> None:
    first = program.run("post", "general", stdin=letter(1)).stdout.decode()
    [second] = program.json("post", "general", stdin=letter(2, answers=1))

    posts = program.json("posts", "list", "general")

    assert [one["id"] for one in posts] == [first.strip(), second["id"]]
    assert all(one.keys() >= POST_KEYS | {"state"} for one in posts)
    assert posts[1]["parent"] == posts[1]["thread"] == posts[0]["id"]
    assert posts[0]["parent"] is None
    assert posts[0] | {"date": None} == posts[0] | {
        "date": None,
        "category": "general",
        "message_id": "<run-1@example.net>",
        "sender": "ann@example.net",
        "state": "accepted",
    }
    assert TIME.fullmatch(posts[0]["date"])
    assert program.json("posts", "list", "general", "--limit", "1") == posts[1:]
    [shown] = program.json("posts", "show", second["id"])
    assert shown.items() >= posts[1].items()
    assert [one["recipient"] for one in shown["deliveries"]] == [
        "ann@example.net",
        "bob@example.org",
    ]


def test_a_post_by_a_stranger_is_held_unless_it_is_approved(program: Program) -> None:
    [held] = _hold(program, 1)
    one = letter(7, author="eve@example.com")

    approved = program.run("post", "general", "--approve", stdin=one)

    states = {x["id"]: x["state"] for x in program.json("posts", "list", "general")}
    assert states == {held: "held", approved.stdout.decode().strip(): "accepted"}


@pytest.mark.parametrize(
    ("raw", "status", "said"),
    [
        (letter(1), 1, "duplicate"),
        (_fixture("robots/vacation_auto_submitted.eml"), 1, "robot"),
        (_fixture("bounces/dsn_failed.eml"), 1, "bounce"),
        (_fixture("broken/deep_nesting.eml"), 1, "shunted"),
        (b"", 2, "no message"),
    ],
)
def test_what_is_no_new_post_is_said_and_gets_no_id(
    program: Program, raw: bytes, status: int, said: str
) -> None:
    program.run("post", "general", stdin=letter(1))

    done = program.run("post", "general", stdin=raw, status=status)

    assert done.stdout == b""
    assert said in done.stderr.decode()
    assert len(program.json("posts", "list", "general")) == 1


# Held posts.


def test_an_approved_post_is_sent_by_the_next_poll_once(
    program: Program, server: SmtpServer
) -> None:
    ids = _hold(program, 3)
    waiting = program.json("held", "list", "general")
    program.run("poll-once")
    assert server.messages == []

    program.run("held", "approve", ids[0])
    program.run("held", "reject", ids[1], "--because", "too short")
    program.run("held", "discard", ids[2])
    line = program.poll_once()["general"]

    assert [one["id"] for one in waiting] == ids
    assert all(one.keys() >= WAITING_KEYS for one in waiting)
    assert (line["posts"], line["queued"], line["sent"]) == (0, 0, 2)
    assert [set(one.recipients) for one in server.messages] == [
        {"ann@example.net", "bob@example.org"}
    ]
    posts = program.json("posts", "list", "general")
    assert [one["state"] for one in posts] == ["accepted", "rejected", "discarded"]
    assert "too short" in posts[1]["reason"]
    assert program.json("held", "list") == []


def test_held_shows_the_text_and_what_each_rule_said(program: Program) -> None:
    [held] = _hold(program, 1)

    [shown] = program.json("held", "show", held)

    assert shown.keys() >= WAITING_KEYS | {"trail", "text"}
    assert shown["trail"][-1]["verdict"] == "hold"
    assert shown["subject"] in program.run("held", "show", held).stdout.decode()


@pytest.mark.parametrize("command", ["approve", "reject", "discard"])
def test_what_can_be_decided_is_and_the_rest_is_named(program: Program, command: str) -> None:
    ids = _hold(program, 2)
    program.run("held", "discard", ids[0])

    done = program.run("held", command, ids[0], "999", ids[1], status=1)

    said = dict(line.split(": ", 1) for line in done.stderr.decode().splitlines())
    assert "not held" in said[ids[0]]
    assert "not held" in said["999"]
    assert program.json("held", "list") == []
    program.run("held", command, "9" * 30, status=2)
    program.run("held", command, status=2)


def test_a_post_of_a_broken_category_waits_and_the_others_are_approved(
    program: Program, server: SmtpServer
) -> None:
    program.write_category("other", _toml("other", server.port))
    other = program.run("post", "other", stdin=letter(1)).stdout.decode().strip()
    [held] = _hold(program, 1)
    program.write_category("other", "broken = ")

    done = program.run("held", "approve", other, held, status=1)

    assert "other" in done.stderr.decode()
    states = {one["id"]: one["state"] for one in program.json("posts", "list", "general")}
    assert states[held] == "accepted"
    assert [one["id"] for one in program.json("held", "list")] == [other]
    program.write_category("other", _toml("other", server.port))


# Shunted messages.

_TO_NO_OWNERS = (
    b"From: ann@example.net\r\nTo: general+owner@example.org\r\nSubject: Who are you?\r\n"
    b"Message-ID: <owners@example.net>\r\n\r\nI wonder.\r\n"
)


def test_what_nobody_can_be_answered_about_is_shunted_and_decided_again_on_demand(
    program: Program,
) -> None:
    program.run("post", "general", stdin=_TO_NO_OWNERS, status=1)
    program.run("post", "general", stdin=_fixture("broken/deep_nesting.eml"), status=1)
    command, deep = shunted = program.json("shunted", "list", "general")

    program.run("shunted", "retry", command["id"])
    in_between = program.json("shunted", "list")
    line = program.poll_once()["general"]

    assert all(one.keys() >= WAITING_KEYS for one in shunted)
    assert "owner" in command["reason"]
    assert in_between == [deep]
    assert (line["commands"], line["shunted"]) == (0, 1)
    assert [one["reason"] for one in program.json("shunted", "list")] == [
        one["reason"] for one in shunted
    ]
    program.run("shunted", "retry", "--all")
    line = program.poll_once()["general"]
    assert (line["commands"], line["shunted"], line["fetched"]) == (0, 2, 0)


def test_a_dropped_message_is_gone_from_the_list_for_good(program: Program) -> None:
    program.run("post", "general", stdin=_TO_NO_OWNERS, status=1)
    [one] = program.json("shunted", "list")
    [shown] = program.json("shunted", "show", one["id"])

    program.run("shunted", "drop", one["id"])

    assert "Subject: Who are you?" in shown["raw"]
    assert program.json("shunted", "list") == []
    for again in ("drop", "retry", "show"):
        program.run("shunted", again, one["id"], status=1)
    for wrong in (["retry"], ["retry", one["id"], "--all"], ["drop", "x"]):
        program.run("shunted", *wrong, status=2)


# The queue.


def test_the_queue_is_listed_by_state_and_deliveries_are_moved_by_hand(program: Program) -> None:
    post = program.run("post", "general", stdin=letter(1)).stdout.decode().strip()
    ann, bob = program.json("queue", "list")

    program.run("queue", "hold", ann["id"])
    program.run("queue", "cancel", bob["id"])

    assert ann.keys() >= QUEUE_KEYS | {"last_reply"}
    assert (ann["kind"], ann["post"], ann["attempts"]) == ("post", post, 0)
    assert [(x["id"], x["state"]) for x in program.json("queue", "list")] == [(ann["id"], "held")]
    everything = program.json("queue", "list", "--all")
    assert [one["state"] for one in everything] == ["held", "cancelled"]
    assert [one["next_attempt"] for one in everything] == [None, None]
    assert program.json("queue", "list", "--all", "--limit", "1") == everything[:1]
    assert program.json("queue", "list", "--state", "cancelled") == everything[1:]
    assert program.json("queue", "list", "--state", "pending") == []
    program.run("queue", "release", ann["id"])
    [released] = program.json("queue", "list")
    assert (released["state"], released["next_attempt"] is None) == ("pending", False)


def test_held_and_cancelled_deliveries_are_not_sent(program: Program, server: SmtpServer) -> None:
    program.run("post", "general", stdin=letter(1))
    ann, bob = program.json("queue", "list")
    program.run("queue", "hold", ann["id"])
    program.run("queue", "cancel", bob["id"])
    assert program.poll_once()["general"]["sent"] == 0

    program.run("queue", "release", ann["id"])
    line = program.poll_once()["general"]

    assert line["sent"] == 1
    assert [one.recipients for one in server.messages] == [("ann@example.net",)]
    assert [x["state"] for x in program.json("queue", "list", "--all")] == ["sent", "cancelled"]


def test_what_goes_out_of_one_post_is_listed_held_released_and_cancelled_at_once(
    program: Program,
) -> None:
    wrong, right = (
        program.run("post", "general", stdin=letter(number)).stdout.decode().strip()
        for number in (1, 2)
    )

    def states(post: str) -> list[str]:
        return [one["state"] for one in program.json("queue", "list", "--all", "--post", post)]

    program.run("queue", "hold", "--post", wrong)
    assert (states(wrong), states(right)) == (["held"] * 2, ["pending"] * 2)
    program.run("queue", "release", "--post", wrong)
    assert states(wrong) == ["pending"] * 2
    done = program.run("queue", "cancel", "--post", wrong, "-v")
    assert (states(wrong), states(right)) == (["cancelled"] * 2, ["pending"] * 2)
    told, said = done.stderr.splitlines()
    assert said == f"post {wrong}: 2 cancelled".encode()
    event = json.loads(told)
    assert (event["event"], event["post"], event["count"]) == ("queue.cancelled", wrong, 2)
    program.run("queue", "cancel", "--post", "999", status=1)
    for usage in (["cancel"], ["cancel", "1", "--post", wrong], ["list", "--post", "x"]):
        program.run("queue", *usage, status=2)


def test_refused_deliveries_can_be_retried(program: Program, server: SmtpServer) -> None:
    replies = {"ann@example.net": "450 4.2.1 busy", "bob@example.org": "550 5.1.1 who?"}
    server.script = _with_login(recipients=replies)
    program.run("post", "general", stdin=letter(1))
    line = program.poll_once()["general"]
    assert (line["deferred"], line["failed"], line["error"]) == (1, 1, None)
    deferred, failed = program.json("queue", "list", "--all")
    server.script = _with_login()
    assert program.poll_once()["general"]["sent"] == 0

    program.run("queue", "retry", deferred["id"])
    program.run("queue", "retry", "--all")
    line = program.poll_once()["general"]

    assert (deferred["state"], failed["state"]) == ("deferred", "failed")
    assert line["sent"] == 2
    [shown] = program.json("queue", "show", failed["id"])
    assert shown["state"] == "sent"
    assert [one["reply"] for one in shown["history"]] == ["550 5.1.1 who?"]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["show", "999"], 1),
        (["retry", "1"], 1),
        (["release", "1"], 1),
        (["hold", "999"], 1),
        (["cancel", "999"], 1),
        (["retry"], 2),
        (["retry", "1", "--all"], 2),
        (["hold", "one"], 2),
        (["cancel"], 2),
        (["list", "--state", "lost"], 2),
        (["list", "--limit", "0"], 2),
        (["list", "--limit", "9" * 20], 2),
    ],
)
def test_what_cannot_be_done_to_a_delivery_is_said(
    program: Program, arguments: list[str], status: int
) -> None:
    program.run("post", "general", stdin=letter(1))
    before = program.json("queue", "list", "--all")

    done = program.run("queue", *arguments, status=status)

    assert done.stdout == b""
    assert done.stderr != b""
    assert program.json("queue", "list", "--all") == before


# Simulate.


@pytest.mark.parametrize(
    ("name", "kind", "verdict", "recipients"),
    [
        ("plain/simple.eml", "post", "hold", 0),
        ("bounces/dsn_failed.eml", "bounce", None, 0),
        ("commands/subscribe.eml", "command", None, 0),
        ("robots/vacation_auto_submitted.eml", "robot", None, 0),
        ("broken/deep_nesting.eml", "shunted", None, 0),
    ],
)
def test_simulate_says_what_would_become_of_a_message_and_stores_nothing(
    program: Program, name: str, kind: str, verdict: str | None, recipients: int
) -> None:
    before = _dump(program)

    [found] = program.json("simulate", "general", str(FIXTURES / name))

    assert found.keys() >= SIMULATE_KEYS
    assert (found["kind"], found["verdict"]) == (kind, verdict)
    assert found["recipients"] == recipients
    assert (found["reason"] or "") in program.run(
        "simulate", "general", str(FIXTURES / name)
    ).stdout.decode()
    assert _dump(program) == before


def test_simulate_tells_duplicates_parents_attachments_and_the_trail(program: Program) -> None:
    first, again, answer = (program.folder / f"{name}.eml" for name in ("first", "again", "answer"))
    first.write_bytes(letter(1))
    again.write_bytes(b"Received: another way\r\n" + letter(1))
    answer.write_bytes(letter(4, answers=1, kind="attachment"))
    [before] = program.json("simulate", "general", str(first))
    program.run("post", "general", stdin=letter(1))

    same_bytes, same_content, found = (
        program.json("simulate", "general", str(one))[0] for one in (first, again, answer)
    )

    assert (before["kind"], before["verdict"], before["recipients"]) == ("post", "accept", 2)
    assert same_bytes["kind"] == same_content["kind"] == "duplicate"
    assert found["parent"] == "<run-1@example.net>"
    [attachment] = found["attachments"]
    assert (attachment["filename"], attachment["size"]) == ("report.bin", 3000)
    assert attachment["type"] == "application/octet-stream"
    assert found["date"] == "2026-11-21T10:00:00Z"
    assert all(step.keys() >= {"rule", "verdict", "reason"} for step in found["trail"])
    assert found["trail"][-1]["verdict"] == found["verdict"] == "accept"
    assert any(line.startswith("List-Id: ") for line in found["outgoing"])


@pytest.mark.parametrize("kind", ["plain", "utf8", "base64", "alternative", "attachment", "dots"])
def test_simulate_gives_the_bytes_that_the_relay_then_gets(
    program: Program, server: SmtpServer, kind: str
) -> None:
    more = '[message]\nsubject_prefix = "[general]"\nfooter = "Grüße von der Liste"'
    program.write_category("general", _toml("general", server.port, more), MEMBERS)
    file = program.folder / "one.eml"
    file.write_bytes(letter(1, kind=kind))
    simulated = program.run("simulate", "general", str(file), "--bytes").stdout

    program.run("post", "general", stdin=file.read_bytes())
    program.run("poll-once")

    [received] = server.messages
    assert received.body == simulated


def test_simulate_has_no_bytes_for_what_is_not_sent(program: Program) -> None:
    robot = str(FIXTURES / "robots/vacation_auto_submitted.eml")
    assert program.run("simulate", "general", robot, "--bytes", status=1).stdout == b""
    program.run("simulate", "general", "no-such-file", status=2)


def _dump(program: Program) -> list[str]:
    with closing(sqlite3.connect(program.database)) as connection, connection:
        lines = list(connection.iterdump())
    connection.close()
    return lines


# Audit and category.


def test_the_audit_finds_what_is_missing(program: Program) -> None:
    post = program.run("post", "general", stdin=letter(1)).stdout.decode().strip()
    assert program.run("audit").stdout == b""
    lost = _change(program, "DELETE FROM deliveries WHERE recipient = 'bob@example.org'")

    [problem] = program.json("audit", status=1)

    assert lost == 1
    assert problem.keys() >= {"what", "id", "problem"}
    assert (problem["what"], type(problem["id"])) == ("outgoing", str)
    assert "has 1 deliveries" in program.run("audit", status=1).stdout.decode()
    _change(program, f"UPDATE outgoing SET recipients = 1 WHERE post_id = {post}")


def _change(program: Program, statement: str) -> int:
    with closing(sqlite3.connect(program.database)) as connection, connection:
        changed = connection.execute(statement).rowcount
    connection.close()
    return changed


def test_a_renamed_category_keeps_everything(program: Program) -> None:
    program.run("post", "general", stdin=letter(1))
    for old, new in (("general", "talk"), ("nobody", "talk"), ("general", "general")):
        program.run("category", "rename", old, new, status=2)
    categories = program.folder / "categories"
    (categories / "general.toml").rename(categories / "talk.toml")
    refused = program.poll_once(status=1)["talk"]

    program.run("category", "rename", "general", "talk")

    assert "category rename general talk" in refused["error"]
    assert [one["category"] for one in program.json("posts", "list", "talk")] == ["talk"]
    assert len(program.json("subscribers", "list", "talk")) == len(MEMBERS)
    assert program.poll_once()["talk"]["sent"] == 2


# What all commands have in common.


@pytest.mark.parametrize("slug", ["nobody", "broken"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["poll-once", "general", "{}"],
        ["poll-once", "--dry-run", "{}"],
        ["subscribers", "list", "{}"],
        ["subscribers", "add", "{}", "new@example.org"],
        ["subscribers", "remove", "{}", "ann@example.net"],
        ["subscribers", "set", "{}", "ann@example.net", "--name", "A"],
        ["subscribers", "import", "{}", "general.subscribers"],
        ["subscribers", "export", "{}"],
        ["posts", "list", "{}"],
        ["post", "{}"],
        ["held", "list", "{}"],
        ["shunted", "list", "{}"],
        ["simulate", "{}", "general.subscribers"],
    ],
)
def test_a_category_that_is_unknown_or_wrong_is_status_two_and_nothing_is_done(
    program: Program, monkeypatch: pytest.MonkeyPatch, arguments: list[str], slug: str
) -> None:
    monkeypatch.chdir(program.folder)
    program.write_category("broken", 'address = "broken@example.org"\ncolour = "red"\n')
    program.run("post", "general", stdin=letter(1))
    before = _dump(program)

    done = program.run(*(one.format(slug) for one in arguments), stdin=letter(2), status=2)

    assert done.stdout == b""
    assert ("there is no category" if slug == "nobody" else "colour") in done.stderr.decode()
    assert _dump(program) == before


def test_results_go_to_stdout_and_prose_to_stderr(program: Program) -> None:
    _hold(program, 1)
    program.run("post", "general", stdin=_TO_NO_OWNERS, status=1)
    program.run("post", "general", stdin=letter(1))
    lists = (
        ["subscribers", "list", "general"],
        ["posts", "list", "general"],
        ["held", "list"],
        ["shunted", "list"],
        ["queue", "list", "--all"],
        ["poll-once"],
        ["posts", "show", "2"],
        ["queue", "show", "1"],
    )
    for arguments in lists:
        rows, text = program.json(*arguments), program.run(*arguments)
        assert rows, arguments
        assert (text.stderr, text.stdout != b"") == (b"", True), arguments
        assert b"\x1b" not in text.stdout
        for row in rows:
            _check_plain_types(row)

    for arguments in (["held", "list", "general"], ["shunted", "list"], ["audit"]):
        program.run("held", "discard", "1", status=None)
        program.run("shunted", "drop", "2", status=None)
        nothing = program.run(*arguments)
        assert (nothing.stdout, nothing.stderr != b"") == (b"", True), arguments


def _check_plain_types(row: dict[str, Any]) -> None:
    """Ids are strings, times RFC 3339 in UTC, addresses bare."""
    for name, value in row.items():
        if value is None:
            continue
        if name in ("id", "post", "thread", "parent"):
            assert re.fullmatch(r"\d+", value), (name, value)
        elif name in ("date", "since", "next_attempt", "changed_at"):
            assert TIME.fullmatch(value), (name, value)
        elif name in ("address", "sender", "recipient"):
            assert re.fullmatch(r"[^<> ]+@[^<> ]+", value), (name, value)


def test_config_and_json_are_accepted_before_and_after_the_command(program: Program) -> None:
    program.run("post", "general", stdin=letter(1))
    config = ["--config", str(program.folder / "listbridge.toml")]
    ways = (
        [*config, "--json", "queue", "list"],
        ["queue", "list", *config, "--json"],
        ["--json", "queue", "list", *config],
        [*config, "queue", "list", "--json"],
        ["queue", *config, "--json", "list"],
    )
    start = program.command()[:3]

    answers = [
        subprocess.run([*start, *way], capture_output=True, env=program.full_environment())
        for way in ways
    ]

    assert {(one.returncode, one.stderr) for one in answers} == {(0, b"")}
    [answer] = {one.stdout for one in answers}
    assert [json.loads(line)["recipient"] for line in answer.splitlines()] == [
        "ann@example.net",
        "bob@example.org",
    ]


def test_a_terminal_without_colour_gets_none_and_a_bar_only_while_it_lasts(
    program: Program,
) -> None:
    program.run("post", "general", stdin=letter(1))

    table = _on_a_terminal(program, "queue", "list")
    polled = _on_a_terminal(program, "poll-once")
    checked = _on_a_terminal(program, "check", "--offline")

    assert "ann@example.net" in table
    assert "\x1b" not in table
    assert re.search(r"(\n|\x1b\[2K)general: sent 2\r\n", polled), "it stands beside the bar"
    assert not re.search(r"\x1b\[[0-9;]*m", polled + checked)


def test_the_log_is_readable_on_a_terminal(program: Program) -> None:
    program.run("post", "general", stdin=letter(1))

    shown = _on_a_terminal(program, "poll-once", "-v")

    [line] = [x for x in shown.splitlines() if "delivery.sent" in x]
    assert re.fullmatch(r"\S+Z \[info     \] delivery\.sent      category=general post=1 .*", line)


def _on_a_terminal(program: Program, *arguments: str) -> str:
    """Run a command whose stdout and stderr are a terminal, with NO_COLOR set."""
    ours, its = pty.openpty()
    environment = program.full_environment() | {"TERM": "xterm-256color", "COLUMNS": "200"}
    command = program.command(*arguments)
    try:
        running = subprocess.Popen(command, stdout=its, stderr=its, env=environment)
        os.close(its)
        return b"".join(iter(lambda: _read(ours), b"")).decode()
    finally:
        running.wait(60)
        os.close(ours)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says EIO where the other side is closed.
        return b""


def test_output_that_cannot_be_written_is_said_in_a_sentence(program: Program) -> None:
    with Path("/dev/full").open("wb") as full:
        done = _elsewhere(program.command("status"), program, stdout=full)

    assert done.returncode == 1
    assert done.stderr == b"listbridge: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize(
    ("closing", "arguments", "status"),
    [(">&-", ("status",), 0), (">&- 2>&-", ("status",), 0), ("<&-", ("post", "general"), 2)],
)
def test_streams_that_are_closed_harm_nothing(
    program: Program, closing: str, arguments: tuple[str, ...], status: int
) -> None:
    closed = ["sh", "-c", f'exec "$@" {closing}', "sh", *program.command(*arguments)]

    done = _elsewhere(closed, program, stdout=subprocess.DEVNULL)

    assert done.returncode == status
    assert b"Traceback" not in done.stderr


def _elsewhere(
    command: list[str], program: Program, *, stdout: IO[bytes] | int
) -> subprocess.CompletedProcess[bytes]:
    """Run a command whose results go here, in a process of its own."""
    environment = program.full_environment()
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, env=environment)


def test_a_wrong_database_is_named_without_its_password(program: Program) -> None:
    service = program.folder / "listbridge.toml"
    right = service.read_text()
    for url in (
        f"postgresql+psycopg://user:{SECRET}@127.0.0.1:1/db",
        f"nonsense://user:{SECRET}@127.0.0.1/db",
        "sqlite:///no/such/folder/listbridge.db",
    ):
        program.write_service(f'database = "{url}"\n')
        done = program.run("queue", "list", status=None)
        assert done.returncode in (1, 2)
        assert b"Traceback" not in done.stderr
        assert b"database" in done.stderr
    service.write_text(right)
