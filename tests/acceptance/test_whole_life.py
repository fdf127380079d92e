"""The whole life of a list by mail alone: real Dovecot and Postfix, and Exim for those elsewhere.

Everybody writes by SMTP and reads what lies in his mailbox; nobody touches the command line once
the list is there. What a provider does between Postfix and the list's mailbox is carried over here.
"""

import email
import re
import smtplib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from email.utils import format_datetime, make_msgid
from pathlib import Path

import pytest

from listbridge import clock
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.exim import Exim
from tests.servers.postfix import Relay

_MOST_ROUNDS = 12
_LIST = """
name = "Chess"
owners = ["{owner}"]
[posting]
first_posts = 1
[bounces]
threshold = 1
report = "off"
"""


@dataclass
class Place:
    """The list, the servers around it, and the time."""

    program: Program
    dovecot: Dovecot
    relay: Relay
    exim: Exim
    name: str
    ahead: timedelta = timedelta(0)
    _carried: int = 0

    @property
    def address(self) -> str:
        return f"{self.name}@example.org"

    def send(self, mail: EmailMessage, sender: str) -> None:
        """Hand a mail over to Postfix, and let the list do all that comes of it."""
        mail["Date"] = format_datetime(clock.now())
        mail["Message-ID"] = make_msgid(domain="example.net")
        with smtplib.SMTP(self.relay.host, self.relay.port) as smtp:
            smtp.send_message(mail, sender, [self.address])
        self.settle()

    def settle(self) -> None:
        """Carry and poll until nothing moves any more."""
        for _ in range(_MOST_ROUNDS):
            self.relay.wait_until_idle()
            self.exim.wait_until_idle()
            self.relay.wait_until_idle()  # what Exim refused has come back
            if not self._carry():
                return
            self._poll()
        raise AssertionError("it does not come to rest")

    def pass_time(self, days: int) -> None:
        """Let days pass, and the list do what is due then."""
        self.ahead += timedelta(days=days)
        self._poll()
        self.settle()

    def _poll(self) -> None:
        assert self.program.poll_once()[self.name]["error"] is None

    def _carry(self) -> bool:
        copies = self.relay.copies(self.name)
        for raw in copies[self._carried :]:
            self.dovecot.deliver(self.name, raw.replace(b"\n", b"\r\n"))
        has_moved, self._carried = len(copies) > self._carried, len(copies)
        return has_moved


@dataclass
class Person:
    """Somebody with a mailbox at one of the servers."""

    place: Place
    server: Relay | Exim
    name: str
    domain: str
    _read: int = field(default=0)

    @property
    def address(self) -> str:
        return f"{self.name}@{self.domain}"

    def write(self, subject: str, text: str = "", *, answers: EmailMessage | None = None) -> None:
        """Write to the list, or answer a mail, by quoting it below as most programs do."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self.address, self.place.address, subject
        if answers is not None:
            mail["In-Reply-To"] = mail["References"] = str(answers["Message-ID"])
            text += "\n\nOn Friday the list wrote:\n" + _quoted(answers)
        mail.set_content(text)
        self.place.send(mail, self.address)

    def answer(self, mail: EmailMessage, text: str = "") -> None:
        """Answer a mail and leave its subject as it is."""
        self.write(f"Re: {mail['Subject']}", text, answers=mail)

    def new(self) -> list[EmailMessage]:
        """Return what has come since the last time."""
        copies = self.server.copies(self.name)
        found = [email.message_from_bytes(x, policy=default) for x in copies[self._read :]]
        self._read = len(copies)
        return found  # type: ignore[return-value]

    def subjects(self) -> list[str]:
        return [str(one["Subject"]) for one in self.new()]

    def confirm(self, wish: str) -> None:
        """Ask for something, and answer the question that comes."""
        self.write(wish)
        [asked] = self.new()
        self.answer(asked)


def _quoted(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return "\n".join(f"> {line}" for line in body.get_content().splitlines())


@pytest.fixture
def place(
    tmp_path: Path,
    dovecot: Dovecot,
    exim: Exim,
    relay_with: Callable[[str], Relay],
    fresh_name: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Place]:
    """A list at example.org, which is Postfix's; example.net is Exim's."""
    relay = relay_with(
        "virtual_mailbox_domains = example.org\nrelay_domains = example.net\n"
        f"transport_maps = inline:{{ {{ example.net = smtp:[127.0.0.1]:{exim.port} }} }}"
    )
    one = Place(Program(tmp_path, same_process=True), dovecot, relay, exim, fresh_name("chess"))
    real = clock.now

    def now() -> datetime:
        return real() + one.ahead

    monkeypatch.setattr(clock, "now", now)
    dovecot.add_user(one.name, "secret")
    relay.add_users([one.name])
    yield one
    one.program.audit()


def _olga(place: Place, fresh_name: Callable[[str], str]) -> Person:
    """The owner, who also moderates."""
    name = fresh_name("olga")
    place.relay.add_users([name])
    more = _LIST.format(owner=f"{name}@example.org")
    toml = category_toml(place.name, dovecot=place.dovecot, relay=place.relay, more=more)
    place.program.write_category(place.name, toml)
    return Person(place, place.relay, name, "example.org")


def test_a_list_lives_by_mail_alone(place: Place, fresh_name: Callable[[str], str]) -> None:
    olga = _olga(place, fresh_name)
    mia = Person(place, place.relay, fresh_name("mia"), "example.org")
    ben = Person(place, place.exim, fresh_name("ben"), "example.net")
    place.relay.add_users([mia.name])
    place.exim.add_users([ben.name])

    for one in (mia, ben):
        one.confirm("subscribe")
        assert one.subjects() == ["Welcome to Chess"]

    mia.write("Opening", "Who plays on Friday?")
    assert mia.subjects() == ["Your post to Chess is waiting for a moderator"]
    [held] = olga.new()
    assert "Opening" in str(held["Subject"])
    assert ben.new() == []

    olga.answer(held, "approve")
    [post] = ben.new()
    assert (post["Subject"], mia.subjects()) == ("Opening", ["Opening"])

    ben.answer(post, "I do.")
    assert ben.subjects() == ["Your post to Chess is waiting for a moderator"]
    [held] = olga.new()
    olga.answer(held, "approve")
    [reply] = mia.new()
    assert (reply["Subject"], reply["In-Reply-To"]) == ("Re: Opening", post["Message-ID"])
    assert ben.subjects() == ["Re: Opening"]

    _lose(place.exim, ben)
    mia.write("Friday", "At eight.")
    assert _state(place, ben) == "suspended"
    mia.write("Saturday", "At nine.")
    assert mia.subjects() == ["Friday", "Saturday"]

    place.exim.add_users([ben.name])
    place.pass_time(days=8)
    [probe] = ben.new()
    ben.answer(probe)
    assert _state(place, ben) == "active"
    assert ben.subjects() == ["You get the posts of Chess again"]

    ben.confirm("set receives mime-digest")
    assert ben.subjects() == ["Your options on Chess"]
    mia.write("Sunday", "At ten.")
    mia.write("Monday", "At eleven.")
    assert ben.new() == []
    place.pass_time(days=1)
    [digest] = ben.new()
    assert _inside(digest) == ["Sunday", "Monday"]
    assert mia.subjects() == ["Sunday", "Monday"]

    away_until = (clock.now() + timedelta(days=7)).strftime("%Y-%m-%d")
    mia.confirm(f"set holiday {away_until}")
    assert mia.subjects() == ["Your options on Chess"]
    ben.write("Nobody there?", "Hello!")
    assert mia.new() == []
    place.pass_time(days=8)
    ben.new()
    ben.write("Back again?", "Hello!")
    assert mia.subjects() == ["Back again?"]

    mia.confirm("unsubscribe")
    assert mia.subjects() == ["You have left Chess"]
    ben.write("And now?", "Hello!")
    assert mia.new() == []
    assert place.dovecot.messages(place.name) == []


def _lose(exim: Exim, person: Person) -> None:
    """Let somebody's provider know him no more."""
    exim.names.discard(person.name)
    exim.add_users([])


def _state(place: Place, person: Person) -> str:
    every = place.program.json("subscribers", "list", place.name)
    [found] = [one["state"] for one in every if one["address"] == person.address]
    return str(found)


def _inside(digest: EmailMessage) -> list[str]:
    """Return the subjects of the posts in a digest."""
    return re.findall(r"^Subject: (.*)$", digest.as_string().partition("\n\n")[2], re.MULTILINE)
