"""Members by mail alone: a person who only reads and answers mail; real Dovecot, Postfix, Exim."""

import email
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.exim import Exim
from tests.servers.postfix import Relay

_TOKEN = re.compile(r"confirm-[a-z2-7]{26}")


@dataclass
class Mail:
    """The servers, and the way of mail for the list into its mailbox."""

    program: Program
    dovecot: Dovecot
    relay: Relay | Exim
    name: str
    sent: int = 0

    @property
    def address(self) -> str:
        return f"{self.name}@example.org"

    def write(
        self, sender: str, subject: str, *, to: str = "", text: str = "", **more: str
    ) -> None:
        """Have somebody write to the list, and the list read it and answer."""
        self.sent += 1
        head = {
            "Delivered-To": to or self.address,
            "From": sender,
            "To": to or self.address,
            "Subject": subject,
            "Date": "Sat, 21 Nov 2026 10:00:00 +0000",
            "Message-ID": f"<{self.name}-{self.sent}@example.net>",
            **{key.replace("_", "-"): value for key, value in more.items()},
        }
        lines = [f"{key}: {value}" for key, value in head.items()]
        self.dovecot.deliver(self.name, "\r\n".join([*lines, "", text, ""]).encode())
        self.round()

    def round(self) -> dict[str, object]:
        """Poll and send."""
        line = self.program.poll_once()[self.name]
        assert line["error"] is None
        self.relay.wait_until_idle()
        return line


@dataclass
class Person:
    """Somebody with a mailbox, who reads what is new and answers it as mail programs do."""

    mail: Mail
    name: str
    _read: int = field(default=0)

    @property
    def address(self) -> str:
        return f"{self.name}@example.org"

    def write(self, subject: str, **more: str) -> None:
        self.mail.write(f"Mia <{self.address}>", subject, **more)

    def new(self) -> list[EmailMessage]:
        """Return what came since the last time."""
        copies = self.mail.relay.copies(self.name)
        found = [email.message_from_bytes(x, policy=default) for x in copies[self._read :]]
        self._read = len(copies)
        return found  # type: ignore[return-value]

    def subjects(self) -> list[str]:
        return [str(one["Subject"]) for one in self.new()]

    def confirm(self) -> None:
        """Answer the one new mail, which asks for a confirmation; quoting it, as all do."""
        [asked] = self.new()
        body = asked.get_body(("plain",))
        assert body is not None
        quoted = "".join(f"> {line}\r\n" for line in body.get_content().splitlines())
        answers = str(asked["Message-ID"])
        self.write(f"Re: {asked['Subject']}", text=quoted, In_Reply_To=answers)

    def state(self) -> tuple[str, str] | None:
        """Return state and form of the subscription, as the command line has it."""
        every = self.mail.program.json("subscribers", "list", self.mail.name)
        found = [x for x in every if x["address"] == self.address]
        return (found[0]["state"], found[0]["receives"]) if found else None


@pytest.fixture
def mail(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    dovecot: Dovecot,
    fresh_name: Callable[[str], str],
) -> Iterator[Mail]:
    relay = request.getfixturevalue(getattr(request, "param", "relay"))
    name = fresh_name("list")
    program = Program(tmp_path, same_process=True)
    relay.add_users([name])
    dovecot.add_user(name, "secret")
    owner = fresh_name("owner")
    relay.add_users([owner])
    more = f'name = "Alles"\nlanguage = "de"\nowners = ["{owner}@example.org"]'
    program.write_category(name, category_toml(name, dovecot=dovecot, relay=relay, more=more))
    yield Mail(program, dovecot, relay, name)
    program.audit()


@pytest.fixture
def mia(mail: Mail, fresh_name: Callable[[str], str]) -> Person:
    name = fresh_name("mia")
    mail.relay.add_users([name])
    return Person(mail, name)


@pytest.mark.parametrize("mail", ["relay", "exim"], indirect=True)
def test_the_life_of_a_member_runs_by_mail_alone(mail: Mail, mia: Person) -> None:
    mia.write("subscribe")
    assert mia.state() == ("unconfirmed", "each")
    mia.confirm()
    assert mia.state() == ("active", "each")
    assert mia.subjects() == ["Willkommen bei Alles"]

    mia.write("First post", text="Hello.")
    assert mia.subjects() == ["First post"]

    mia.write("set own-posts off")
    mia.confirm()
    assert mia.subjects() == ["Ihre Einstellungen bei Alles"]
    mia.write("Second post", text="Hello again.")
    assert mia.subjects() == []

    mia.write("set language en")
    mia.confirm()
    assert mia.subjects() == ["Your options on Alles"]

    mail.program.run("subscribers", "add", mail.name, "bob@example.net", status=0)
    mail.program.run("subscribers", "set", mail.name, "bob@example.net", "--receives", "none")
    mia.write("set holiday 2099-12-24")
    mia.confirm()
    assert mia.subjects() == ["Your options on Alles"]
    mail.write("Bob <bob@example.net>", "While she is away", text="Nobody reads this.")
    assert mia.subjects() == []

    mia.write("unsubscribe")
    mia.confirm()
    assert mia.state() == ("removed", "each")
    assert mia.subjects() == ["You have left Alles"]
    mail.write("Bob <bob@example.net>", "Afterwards", text="Nor this.")
    assert mia.subjects() == []


def test_a_sub_address_is_a_command(mail: Mail, mia: Person) -> None:
    local = mail.name
    mia.write("whatever", to=f"{local}+subscribe@example.org")
    [asked] = mia.new()
    token = _TOKEN.findall(str(asked["Subject"]))[0]

    mia.write("", to=f"{local}+{token}@example.org")

    assert mia.state() == ("active", "each")
    assert mia.subjects() == ["Willkommen bei Alles"]


def test_a_notice_is_mail_that_nobody_answers_by_himself(mail: Mail, mia: Person) -> None:
    mia.write("help", Return_Path=f"<{mia.address}>")

    [told] = mia.new()

    assert told["Return-Path"] == f"<{mail.address}>"
    assert told["Auto-Submitted"] == "auto-replied"
    assert told["In-Reply-To"] == f"<{mail.name}-1@example.net>"
    assert told["List-Id"] == f"<{mail.name}.example.org>"
    assert [x.get_content_type() for x in told.iter_parts()] == ["text/plain", "text/html"]


def test_a_confirmation_that_is_posted_by_mistake_is_worth_nothing(mail: Mail, mia: Person) -> None:
    mail.program.run("subscribers", "add", mail.name, mia.address)
    mia.write("unsubscribe")
    [asked] = mia.new()
    token = _TOKEN.findall(str(asked["Subject"]))[0]

    mia.write("What is that?", text=f"> {token}\r\nSomebody wants me to leave.")
    [posted] = mia.new()
    mail.write("Eve <eve@example.net>", token)

    assert token.encode() not in posted.as_bytes()
    assert mia.state() == ("active", "each")
