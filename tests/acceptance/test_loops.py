"""Loops come to an end by themselves, and no robot is answered: real Dovecot, real Postfix."""

import email
import re
import smtplib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path

import pytest

from tests.letters import letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.exim import Exim
from tests.servers.postfix import Relay

_MOST_ROUNDS = 12
# A forwarder may take away all that tells of a list; one of the last two stays at least.
_MARKS = ("X-", "List-", "Precedence:", "Sender:")

Forwarder = Callable[[bytes, int], bytes | None]
Robot = Callable[[str, bytes, int], tuple[str, str, bytes]]


@dataclass
class Mail:
    """Two real servers, and what providers do between them: mail for a list gets to its mailbox."""

    program: Program
    dovecot: Dovecot
    relay: Relay | Exim
    fresh_name: Callable[[str], str]
    #: What comes of a message for this user: the mailbox it goes to, and how it is changed.
    ways: dict[str, tuple[str, Forwarder]] = field(default_factory=dict)
    #: Users that are robots: each makes of a copy the envelope's two sides and an answer.
    robots: dict[str, Robot] = field(default_factory=dict)
    answered: int = 0
    _done: dict[str, int] = field(default_factory=dict)
    _carried: int = 0

    def user(self, stem: str) -> str:
        """Return the name of a new user that can be sent to."""
        name = self.fresh_name(stem)
        self.relay.add_users([name])
        return name

    def make_list(self, stem: str, *subscribers: str, more: str = "") -> str:
        """Make a list with a mailbox of its own."""
        name = self.user(stem)
        self.open_list(name, *subscribers, more=more)
        return name

    def open_list(self, name: str, *subscribers: str, more: str = "") -> None:
        """Make a list of a user, with a mailbox."""
        self.dovecot.add_user(name, "secret")
        self.ways[name] = (name, as_it_is)
        self.subscribe(name, *subscribers, more=more)

    def subscribe(self, name: str, *subscribers: str, more: str = "") -> None:
        """Write the list's files."""
        toml = category_toml(name, dovecot=self.dovecot, relay=self.relay, more=more)
        self.program.write_category(name, toml, [f"{x}@example.org" for x in subscribers])

    def rounds(self) -> int:
        """Poll and carry until nothing moves any more; return how many rounds that took."""
        for number in range(1, _MOST_ROUNDS + 1):
            self.program.poll_once()
            self.relay.wait_until_idle()
            self._answer()
            if not self._carry():
                return number
        return _MOST_ROUNDS + 1

    def _answer(self) -> None:
        """Let the robots answer what came to them, over SMTP."""
        for name, robot in self.robots.items():
            copies = self.relay.copies(name)
            for raw in copies[self._done.get(name, 0) :]:
                self.answered += 1
                sender, recipient, answer = robot(f"{name}@example.org", raw, self.answered)
                with smtplib.SMTP("127.0.0.1", self.relay.port) as smtp:
                    smtp.sendmail(sender, recipient, answer.replace(b"\n", b"\r\n"))
            self._done[name] = len(copies)
        self.relay.wait_until_idle()

    def _carry(self) -> int:
        before = self._carried
        for name, (mailbox, changed) in self.ways.items():
            copies = self.relay.copies(name)
            for raw in copies[self._done.get(name, 0) :]:
                self._carried += 1
                if (new := changed(raw, self._carried)) is not None:
                    self.dovecot.deliver(mailbox, new.replace(b"\n", b"\r\n"))
            self._done[name] = len(copies)
        return self._carried - before

    def texts(self, name: str) -> list[bytes]:
        """Return the subject of each copy that a user got."""
        return [
            re.findall(rb"(?m)^Subject: (.*)$", one)[0].strip() for one in self.relay.copies(name)
        ]


def as_it_is(raw: bytes, _: int) -> bytes:
    return raw


def _proper_robot(own: str, raw: bytes, number: int) -> tuple[str, str, bytes]:
    """Answer the envelope's sender, with the empty one, and say so (RFC 3834)."""
    asked = email.message_from_bytes(raw)
    to = asked["Return-Path"].strip("<>")
    marks = "Auto-Submitted: auto-replied\nPrecedence: bulk\n"
    return "", to, _answer(own, to, f"Auto: {asked['Subject']}", asked, number, marks)


def _robot_without_marks(own: str, raw: bytes, number: int) -> tuple[str, str, bytes]:
    """Answer where people would, as a person would, but for the subject."""
    asked = email.message_from_bytes(raw)
    to = asked["Reply-To"].rpartition("<")[2].strip("<>")
    return own, to, _answer(own, to, "Out of office", asked, number)


def _robot_under_another_name(own: str, raw: bytes, number: int) -> tuple[str, str, bytes]:
    """Answer From, from an address that nobody knows."""
    asked = email.message_from_bytes(raw)
    to = asked["From"].rpartition("<")[2].strip("<>")
    answer = _answer(f"noreply-{own}", to, f"Out of Office: {asked['Subject']}", asked, number)
    return f"noreply-{own}", to, answer


def _answer(own: str, to: str, subject: str, asked: Message, number: int, marks: str = "") -> bytes:
    return (
        f"From: {own}\nTo: {to}\nSubject: {subject}\n{marks}In-Reply-To: {asked['Message-ID']}\n"
        f"Message-ID: <{number}-{own}>\nDate: Sat, 21 Nov 2026 11:{number % 60:02}:00 +0000\n\n"
        "I am away until Monday.\n"
    ).encode()


_ROBOTS: dict[str, Robot] = {
    "proper": _proper_robot,
    "unmarked": _robot_without_marks,
    "renamed": _robot_under_another_name,
}


@pytest.fixture
def mail(
    tmp_path: Path, dovecot: Dovecot, relay: Relay, fresh_name: Callable[[str], str]
) -> Iterator[Mail]:
    program = Program(tmp_path, same_process=True)
    yield Mail(program, dovecot, relay, fresh_name)
    program.audit()


def test_two_lists_on_each_other_give_everybody_one_copy(mail: Mail) -> None:
    ann, bob = mail.user("ann"), mail.user("bob")
    first = mail.make_list("first", ann)
    second = mail.make_list("second", bob, first)
    mail.subscribe(first, ann, second)
    mail.dovecot.deliver(first, letter(1, author=f"{ann}@example.org"))

    assert mail.rounds() <= 4

    assert len(mail.relay.copies(ann)) == 1
    assert len(mail.relay.copies(bob)) == 1


@pytest.mark.parametrize("umbrellas", [False, True])
def test_two_lists_on_each_other_and_robots_on_both_come_to_rest(
    mail: Mail, umbrellas: bool
) -> None:
    """The robots answer over real SMTP, one as RFC 3834 wants it and the others as they like."""
    ann, bob = mail.user("ann"), mail.user("bob")
    robots = {mail.user(kind): robot for kind, robot in _ROBOTS.items()}
    first, second = mail.user("first"), mail.user("second")
    for name, other, person in ((first, second, ann), (second, first, bob)):
        more = f'[posting]\numbrellas = ["{other}@example.org"]' if umbrellas else ""
        mail.open_list(name, person, other, *robots, more=more)
    mail.robots = robots
    mail.dovecot.deliver(first, letter(1, author=f"{ann}@example.org"))

    assert mail.rounds() <= 6

    assert [len(mail.relay.copies(person)) for person in (ann, bob)] == [1, 1]
    # The robots are in both lists; these know that it is the same post only if they are told to.
    copies = 1 if umbrellas else 2
    assert [len(mail.relay.copies(robot)) for robot in robots] == [copies] * len(robots)
    assert mail.answered == copies * len(robots)
    for name in (first, second):
        assert mail.dovecot.messages(name) == []
        assert [x["state"] for x in mail.program.json("posts", "list", name)] == ["accepted"]
        assert mail.program.json("held", "list", name) == []
    assert {x["kind"] for x in mail.program.json("queue", "list", "--all")} == {"post"}


# Exim's own vacation robot, for whoever has this in his name.
_EXIM_ROBOTS = """
{name}:
  driver = accept
  local_parts = ^{name}-.*
  condition = ${{if eq{{$sender_address}}{{}}{{no}}{{yes}}}}
  transport = {name}
  unseen
  no_verify
"""
_EXIM_ANSWERS = """
{name}:
  driver = autoreply
  user = USER
  from = $local_part@$domain
  to = {to}
  subject = {subject} $h_subject:
  text = I am away until Monday.
"""


def test_the_robots_of_exim_come_to_rest_on_two_lists_on_each_other(
    tmp_path: Path,
    dovecot: Dovecot,
    exim_with: Callable[..., Exim],
    fresh_name: Callable[[str], str],
) -> None:
    robots = (("polite", "$sender_address", "Auto:"), ("naive", "${address:$h_from:}", "Re:"))
    exim = exim_with(
        routers="".join(_EXIM_ROBOTS.format(name=name) for name, _, _ in robots),
        transports="".join(
            _EXIM_ANSWERS.format(name=name, to=to, subject=subject) for name, to, subject in robots
        ),
    )
    mail = Mail(Program(tmp_path, same_process=True), dovecot, exim, fresh_name)
    ann, bob, polite, naive = (mail.user(x) for x in ("ann", "bob", "polite", "naive"))
    first, second = mail.user("first"), mail.user("second")
    for name, other, people in ((first, second, (ann, polite)), (second, first, (bob, naive))):
        more = f'[posting]\numbrellas = ["{other}@example.org"]'
        mail.open_list(name, other, *people, more=more)
    mail.dovecot.deliver(first, letter(1, author=f"{ann}@example.org"))

    assert mail.rounds() <= 6

    assert [len(exim.copies(one)) for one in (ann, bob, polite, naive)] == [1, 1, 1, 1]
    # Each list had the other's copy and the answer of its own robot.
    assert [len(exim.copies(one)) for one in (first, second)] == [2, 2]
    for name in (first, second):
        assert [x["state"] for x in mail.program.json("posts", "list", name)] == ["accepted"]
    mail.program.audit()


def test_a_post_to_an_umbrella_reaches_everybody_once_and_robots_are_not_answered(
    mail: Mail,
) -> None:
    ann, bob, eve = mail.user("ann"), mail.user("bob"), mail.user("eve")
    robots = {mail.user(kind): robot for kind, robot in _ROBOTS.items()}
    every = mail.user("all")
    under = f'[posting]\numbrellas = ["{every}@example.org"]\n[message]\nsubject_prefix = "[x]"'
    staff = mail.make_list("staff", bob, eve, *robots, more=under)
    pupils = mail.make_list("pupils", eve, every, *robots, more=under)
    mail.open_list(every, ann, eve, staff, pupils, more='[message]\nfooter = "of all"')
    mail.robots = robots
    mail.dovecot.deliver(every, letter(1, author=f"{ann}@example.org"))

    assert mail.rounds() <= 6

    assert [len(mail.relay.copies(person)) for person in (ann, bob, eve)] == [1, 1, 1]
    assert [len(mail.relay.copies(robot)) for robot in robots] == [1] * len(robots)
    [copy] = mail.relay.copies(bob)
    assert b"Subject: [x]" in copy
    assert b"of all" not in copy
    for name in (every, staff, pupils):
        assert mail.dovecot.messages(name) == []
        assert [x["state"] for x in mail.program.json("posts", "list", name)] == ["accepted"]


@pytest.mark.parametrize(
    ("mode", "taken"), [("auto", ()), ("auto", _MARKS), ("wrap", _MARKS), ("author", _MARKS[:3])]
)
def test_a_list_on_itself_by_way_of_a_forwarder_gives_everybody_one_copy(
    mail: Mail, mode: str, taken: tuple[str, ...]
) -> None:
    ann, forwarder = mail.user("ann"), mail.user("forwarder")
    more = f'[posting]\nnon_members = "accept"\n[message]\nfrom = "{mode}"'
    name = mail.make_list("list", ann, forwarder, more=more)
    mail.ways[forwarder] = (name, lambda raw, number: _forwarded(raw, number, taken))
    mail.dovecot.deliver(name, letter(1, author=f"{ann}@example.org"))

    assert mail.rounds() <= 4

    assert len(mail.relay.copies(ann)) == 1


def _forwarded(raw: bytes, number: int, taken: tuple[str, ...]) -> bytes:
    """Give the message another Message-ID, and take away the fields that begin so."""
    head, blank, body = raw.partition(b"\n\n")
    head = re.sub(rb"(?im)^Message-ID:.*$", b"Message-ID: <new-%d@forwarder.test>" % number, head)
    for mark in taken:
        field_of = rb"(?im)^%s.*\n(?:[ \t].*\n)*" % mark.encode()
        head = re.sub(field_of, b"", head + b"\n").rstrip(b"\n")
    return head + blank + body


def test_two_vacation_robots_are_not_answered_and_come_to_rest(mail: Mail) -> None:
    ann, good, bad = mail.user("ann"), mail.user("good"), mail.user("bad")
    name = mail.make_list("list", ann, good, bad)
    for robot, more in ((good, b"Auto-Submitted: auto-replied\n"), (bad, b"")):
        mail.ways[robot] = (name, _vacation(robot.encode(), more))
    mail.dovecot.deliver(name, letter(1, author=f"{ann}@example.org"))

    assert mail.rounds() < _MOST_ROUNDS

    for person in (ann, good, bad):
        subjects = mail.texts(person)
        assert sum(b"Re:" not in one for one in subjects) == 1, subjects
        # The one that marks nothing is believed to be a person, a few times.
        assert len(subjects) <= 5, subjects
    assert [x["sender"] for x in mail.program.json("held", "list")] == [f"{bad}@example.org"]
    assert mail.dovecot.messages(name) == []


def _vacation(robot: bytes, more: bytes) -> Forwarder:
    """Answer everything that comes, one's own answers too, to Reply-To."""

    def answer(raw: bytes, number: int) -> bytes | None:
        found = re.findall(rb"(?im)^(Subject|Message-ID|Reply-To): *(.*)$", raw.split(b"\n\n")[0])
        asked = {name.lower(): value.strip() for name, value in found}
        # One that keeps to RFC 3834 answers no list; this one is worse than that, but says so.
        return (
            b"From: " + robot + b"@example.org\nTo: " + asked[b"reply-to"] + b"\n"
            b"Subject: Re: " + asked[b"subject"] + b"\n" + more + b"In-Reply-To: "
            + asked[b"message-id"] + b"\nMessage-ID: <%d-" % number + robot + b"@robot.test>\n"
            b"Date: Sat, 21 Nov 2026 11:%02d:00 +0000\n\nI am away until Monday.\n" % (number % 60)
        )  # fmt: skip

    return answer


def test_over_all_kinds_of_mail_nobody_is_sent_to_but_subscribers_and_who_asked_in_his_name(
    mail: Mail,
) -> None:
    ann, operator = mail.user("ann"), mail.user("operator")
    owner = f"{mail.user('owner')}@example.org"  # who is asked about what is held
    name = mail.make_list("list", ann, more=f'owners = ["{owner}"]')
    samples = Path(__file__).parents[2] / "fixtures" / "messages"
    for sample in sorted(samples.rglob("*.eml")):
        mail.dovecot.deliver(name, sample.read_bytes())
    for number, envelope in enumerate(("<>", "<eve@evil.test>", f"<{ann}@example.org>")):
        # Forged: the author is a member, the way it came and where answers go is somebody else's.
        forged = letter(number, author=f"{ann}@example.org")
        extra = f"Return-Path: {envelope}\r\nReply-To: victim@evil.test\r\n"
        extra += "Disposition-Notification-To: victim@evil.test\r\nCc: victim@evil.test\r\n"
        mail.dovecot.deliver(name, extra.encode() + forged)
        mail.dovecot.deliver(name, letter(9, author="stranger@evil.test", run=f"run{number}"))
        command = re.sub(rb"Subject: .*", b"Subject: unsubscribe", forged)
        mail.dovecot.deliver(name, command.replace(b"Message-ID: <", b"Message-ID: <c"))

    line = mail.program.poll_once()[name]

    assert line["commands"]
    assert line["bounces"]
    assert line["robots"]
    queue = mail.program.json("queue", "list", "--all")
    asked = "mia@example.net"  # in whose name two of the samples are commands
    assert {one["recipient"] for one in queue} == {f"{ann}@example.org", asked, owner}
    states = {x["address"]: x["state"] for x in mail.program.json("subscribers", "list", name)}
    assert states == {f"{ann}@example.org": "active", asked: "unconfirmed"}
    mail.relay.wait_until_idle()
    assert mail.relay.copies(operator) == []
    assert b"evil.test" not in b"".join(
        x for x in mail.relay.log.read_bytes().splitlines() if b"to=<" in x and b"from=<" not in x
    )
