"""The log of the real program: one search tells a post's whole story, and no more than that."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay

PASSWORD = "pa55-never-to-be-shown"
SUBJECT, BODY = "Zanzibar", "Timbuktu"
Line = dict[str, Any]


@dataclass
class Office:
    """One category with two members, one of whom has no mailbox."""

    program: Program
    dovecot: Dovecot
    slug: str
    member: str
    stranger: str

    def deliver(self, name: str, author: str, *more: str) -> str:
        """Put a letter into the mailbox; return its Message-ID."""
        message_id = f"<{name}-{self.slug}@example.net>"
        fields = [f"From: {author}", f"Subject: {SUBJECT}", f"Message-ID: {message_id}", *more]
        raw = "\r\n".join([*fields, "", f"{BODY}, and all that.", ""])
        self.dovecot.deliver(self.slug, raw.encode())
        return message_id

    def logged(self, *arguments: str) -> list[Line]:
        """Run a command; return what it logs."""
        done = self.program.run(*arguments)
        return [json.loads(line) for line in done.stderr.decode().splitlines()]


@pytest.fixture
def office(
    tmp_path: Path, dovecot: Dovecot, relay: Relay, fresh_name: Callable[[str], str]
) -> Iterator[Office]:
    slug, member = fresh_name("log"), fresh_name("member")
    dovecot.add_user(slug, PASSWORD)
    relay.add_users([member])
    members = [f"{member}@example.net", f"{fresh_name('nobody')}@example.net"]
    program = Program(tmp_path)
    toml = category_toml(slug, dovecot=dovecot, relay=relay).replace('"secret"', f'"{PASSWORD}"')
    program.write_category(slug, toml, members)
    yield Office(program, dovecot, slug, *members)
    program.audit()
    for word in (PASSWORD, SUBJECT, BODY):
        assert [one for one in program.outputs if word.encode() in one] == []


def _about(lines: list[Line], words: str) -> list[Line]:
    return [line for line in lines if words in json.dumps(line)]


def _events(lines: list[Line]) -> list[str]:
    return [line["event"] for line in lines]


def test_one_search_by_message_id_or_post_id_tells_the_whole_story(office: Office) -> None:
    first = office.deliver("first", office.member)
    second = office.deliver("second", office.member, f"In-Reply-To: {first}")

    lines = office.logged("poll-once", "-vv")

    for line in lines:
        assert {"time", "level", "event"} <= line.keys()
    for message_id in (first, second):
        story = _about(lines, message_id)
        assert _events(story[:2]) == ["message.received", "post.accepted"]
        assert sorted(_events(story[2:])) == ["delivery.failed", "delivery.sent"]
        [post] = {line["post"] for line in story[1:]}
        assert _about(lines, f'"post": "{post}"') == story[1:]
        assert story[0]["inbound"] == story[1]["inbound"]
    sent = _about(lines, "delivery.sent")
    assert [line["recipients"] for line in sent] == 2 * [[office.member]]
    assert all(line["reply"].startswith("250") for line in sent)


def test_a_pass_is_told_with_what_it_came_to(office: Office) -> None:
    office.deliver("post", office.member)
    office.deliver("robot", office.member, "Auto-Submitted: auto-replied")
    office.deliver("robot", office.member, "Auto-Submitted: auto-replied")
    office.deliver("stranger", "eve@example.com")

    lines = office.logged("poll-once", "-v")

    events = _events(lines)
    assert {"subscribers.changed", "message.robot", "message.duplicate", "post.held"} <= {*events}
    [deleted] = _about(lines, "message.deleted")
    assert (deleted["count"], len(deleted["uids"])) == (4, 4)
    [done] = _about(lines, "poll.done")
    assert done["fetched"] == 4
    assert (done["posts"], done["held"], done["robots"], done["duplicates"]) == (1, 1, 1, 1)


def test_a_moderators_decision_belongs_to_the_story(office: Office) -> None:
    message_id = office.deliver("stranger", "eve@example.com")
    [held] = _about(office.logged("poll-once", "-v"), "post.held")

    done = office.program.run("held", "approve", held["post"], "-v")
    sent = office.logged("poll-once", "-v")

    decided = json.loads(done.stderr.splitlines()[0])
    assert (decided["event"], decided["message_id"]) == ("held.approved", message_id)
    assert "delivery.sent" in _events(_about(sent, message_id))


def test_mail_that_carries_no_post_is_told_by_its_kind_and_own_message_id(office: Office) -> None:
    file = office.program.folder / "categories" / f"{office.slug}.toml"
    owners = f'owners = ["{office.member}"]\n'
    file.write_text(owners + file.read_text(encoding="utf-8"), encoding="utf-8")
    office.deliver("stranger", "eve@example.com")

    [sent] = _about(office.logged("poll-once", "-v"), "delivery.sent")

    assert sent["kind"] == "notice"
    assert "post" not in sent
    assert sent["message_id"].endswith("@example.org>")


def test_a_dry_run_tells_nothing_of_what_it_only_tried(office: Office) -> None:
    office.deliver("post", office.member)

    assert office.logged("poll-once", "--dry-run", "-v") == []


def test_without_the_option_nothing_is_logged(office: Office) -> None:
    office.deliver("post", office.member)

    assert office.logged("poll-once") == []


def test_a_password_that_is_refused_is_not_told(office: Office) -> None:
    file = office.program.folder / "categories" / f"{office.slug}.toml"
    wrong = file.read_text(encoding="utf-8").replace(PASSWORD, f"{PASSWORD}-wrong")
    file.write_text(wrong, encoding="utf-8")

    done = office.program.run("poll-once", "-vv", status=1)

    logged = [json.loads(x) for x in done.stderr.splitlines() if x.startswith(b"{")]
    [failed] = _about(logged, "poll.failed")
    assert (failed["level"], failed["trouble"]) == ("warning", "login")
