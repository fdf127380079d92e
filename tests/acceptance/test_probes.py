"""Probes by the real program: a real server reports a dead address, and the owner of it answers."""

import email
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from listbridge import clock
from tests.letters import letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.exim import Exim
from tests.servers.postfix import Relay
from tests.servers.process import wait_until

WEEK = timedelta(days=7)
_TOKEN = re.compile(r"confirm-[a-z2-7]{26}")


@dataclass
class World:
    """A list, its server, the server of somebody who is on it, and a clock that can be set."""

    program: Program
    dovecot: Dovecot
    ours: Relay
    theirs: Relay | Exim
    slug: str
    dead: str
    owner: str
    later: Callable[[timedelta], None]
    _reports: int = field(default=0)

    @property
    def dead_address(self) -> str:
        return f"{self.dead}@example.org"

    def write(self, sender: str, subject: str) -> None:
        lines = [
            f"From: {sender}@example.org",
            f"To: {self.slug}@example.org",
            f"Subject: {subject}",
            "Date: Sat, 21 Nov 2026 10:00:00 +0000",
            f"Message-ID: <{subject.replace(' ', '-')}-{self.slug}@example.net>",
        ]
        self.dovecot.deliver(self.slug, "\r\n".join([*lines, "", "Hello.", ""]).encode())
        self.program.poll_once()

    def until_reported(self) -> None:
        """Wait for the next report of our server about mail of the list, and have it read."""
        wait_until(lambda: len(self.ours.copies(self.slug)) > self._reports, "a report", 60)
        self.ours.wait_until_idle()
        every = self.ours.copies(self.slug)
        for report in every[self._reports :]:
            self.dovecot.deliver(self.slug, report.replace(b"\n", b"\r\n"))
        self._reports = len(every)
        self.program.poll_once()

    def mail(self, server: Relay | Exim, name: str) -> list[EmailMessage]:
        self.ours.wait_until_idle()
        self.theirs.wait_until_idle()
        copies = server.copies(name)
        return [email.message_from_bytes(x, policy=default) for x in copies]  # type: ignore[misc]

    def state(self) -> str:
        every = self.program.json("subscribers", "list", self.slug)
        [one] = [x for x in every if x["address"] == self.dead_address]
        return str(one["state"])

    def probes(self) -> list[str]:
        """Return in which states the probes are."""
        every = self.program.json("queue", "list", "--all")
        return [x["state"] for x in every if x["kind"] == "probe"]


@pytest.fixture
def world(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    dovecot: Dovecot,
    relay_with: Callable[[str], Relay],
    fresh_name: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    """Mail for the dead one goes from our Postfix to another server, which knows nobody yet."""
    theirs = request.getfixturevalue(getattr(request, "param", "relay"))
    slug, dead, owner = (fresh_name(x) for x in ("list", "dead", "owner"))
    way = f"{{ {dead}@example.org = smtp:[127.0.0.1]:{theirs.port} }}"
    ours = relay_with(f"transport_maps = inline:{{ {way} }}")
    ours.add_users([slug, dead, owner])
    dovecot.add_user(slug, "secret")
    program = Program(tmp_path, same_process=True)
    more = f'owners = ["{owner}@example.org"]\nlanguage = "de"\n[bounces]\nthreshold = 1'
    toml = category_toml(slug, dovecot=dovecot, relay=ours, more=more)
    people = [f"{dead}@example.org", f"{owner}@example.org"]
    program.write_category(slug, toml, people)
    started = clock.now()

    def later(time: timedelta) -> None:
        monkeypatch.setattr(clock, "now", lambda: started + time)

    later(timedelta(0))
    return World(program, dovecot, ours, theirs, slug, dead, owner, later)


@pytest.mark.parametrize("world", ["relay", "exim"], indirect=True)
def test_who_answers_a_probe_gets_posts_again(world: World) -> None:
    world.dovecot.deliver(world.slug, letter(1, author=f"{world.owner}@example.org"))
    world.program.poll_once()
    world.until_reported()  # about the post
    assert (world.state(), world.probes()) == ("suspended", ["sent"])
    world.until_reported()  # about the first probe
    assert world.state() == "suspended"

    world.theirs.add_users([world.dead])
    world.later(WEEK)
    world.program.poll_once()
    [probe] = world.mail(world.theirs, world.dead)
    body = probe.get_body(("plain",))
    assert body is not None
    assert "550" in body.get_content()
    world.write(world.dead, f"Re: {probe['Subject']}")
    assert world.state() == "active"

    world.write(world.owner, "You are back")
    subjects = [str(x["Subject"]) for x in world.mail(world.theirs, world.dead)]
    resumed = f"Sie bekommen wieder die Beiträge von {world.slug}"
    assert subjects[1:] == [resumed, "You are back"]
    world.program.audit()


def test_who_answers_no_probe_is_removed_and_the_owners_hear_of_it(world: World) -> None:
    world.dovecot.deliver(world.slug, letter(1, author=f"{world.owner}@example.org"))
    world.program.poll_once()
    world.until_reported()
    for week in (1, 2, 3):
        world.until_reported()  # about the probe
        assert (world.state(), len(world.probes())) == ("suspended", week)
        world.later(week * WEEK)
        world.program.poll_once()
    assert (world.state(), len(world.probes())) == ("removed", 3)

    world.later(5 * WEEK)
    refused = world.program.run("poll-once").stderr.decode()
    told = [x for x in world.mail(world.ours, world.owner) if "zurückkam" in str(x["Subject"])]

    assert f"{world.dead_address} was removed because his mail came back" in refused
    assert world.state() == "removed"
    text = told[-1].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert (
        f"Gestrichen, weil auf keine unserer Mails eine Antwort kam:\n    {world.dead_address}"
        in text
    )
    assert not _TOKEN.search(str(told))
    world.program.audit()
