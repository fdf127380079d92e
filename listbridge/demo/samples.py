"""The demo's two lists: who is on them, what is sent to them, and what must become of it."""

from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from functools import cached_property
from importlib.resources import files
from typing import Literal

from listbridge.intake.tally import Tally

#: The password of everything in the demo.
PASSWORD = "demo"  # noqa: S105
_MEGABYTE = 1_000_000

Fate = Literal["posts", "replies", "duplicates", "robots", "held", "shunted"]


@dataclass(frozen=True)
class Sample:
    """One message, from the folder `mail`; `fate` is the counter of `poll-once` that it is in."""

    file: str
    sender: str  #: envelope sender, empty for a robot
    fate: Fate
    remark: str = ""
    answers: str | None = None  #: the file of its parent

    @cached_property
    def raw(self) -> bytes:
        """The message as it is sent."""
        raw = files("listbridge.demo").joinpath("mail", f"{self.file}.eml").read_bytes()
        return raw.replace(b"@MEGABYTE@", b"x" * _MEGABYTE)

    @cached_property
    def head(self) -> EmailMessage:
        """Its header fields, for reading."""
        return BytesHeaderParser(policy=policy.default).parsebytes(self.raw)

    @property
    def author(self) -> str:
        """The author's name."""
        return str(self.head["From"].addresses[0].display_name)

    @property
    def body(self) -> bytes:
        """What must reach subscribers byte for byte."""
        return self.raw.partition(b"\r\n\r\n")[2]


@dataclass(frozen=True)
class MailingList:
    """One category of the demo."""

    slug: str
    name: str
    protocol: Literal["imap", "pop3"]
    subscribers: dict[str, str]  #: names by address
    samples: tuple[Sample, ...]
    first_round: Tally  #: what the first `poll-once` must come to

    @property
    def address(self) -> str:
        """What people write to."""
        return f"{self.slug}@lists.example.org"

    def fated(self, *fates: Fate) -> list[Sample]:
        """Return the samples of these fates."""
        return [one for one in self.samples if one.fate in fates]


ALICE, BOB, CAROL = "alice@example.org", "bob@example.org", "carol@example.org"
DAVE, JUERGEN, OFFICE = "dave@example.org", "juergen@example.org", "office@example.org"
FRIDA, GIL = "frida@example.org", "gil@example.org"

#: What the server says of subscribers whom it takes no mail for.
REFUSALS = {
    FRIDA: "452 4.2.2 mailbox full",
    GIL: "550 5.1.1 no such user",
}

GENERAL = MailingList(
    slug="general",
    name="Choir talk",
    protocol="imap",
    subscribers={
        ALICE: "Alice Archer",
        BOB: "Bob Baker",
        CAROL: "Carol Chandler",
        DAVE: "Dave Dyer",
        JUERGEN: "Jürgen Müller",
        FRIDA: "Frida Full",
        GIL: "Gil Gone",
    },
    samples=(
        Sample("summer-concert", ALICE, "posts"),
        Sample(
            "bob-answers-carol",
            BOB,
            "replies",
            "before its parent",
            answers="carol-answers-alice",
        ),
        Sample("out-of-office", "", "robots", "a robot speaking"),
        Sample("carol-answers-alice", CAROL, "replies", "the parent", answers="summer-concert"),
        Sample("summer-concert", ALICE, "duplicates", "once more"),
        Sample("umlauts-and-attachment", JUERGEN, "posts", "with an attachment"),
        Sample("stranger", "sam@example.com", "held", "not a subscriber"),
        Sample("giant-field", BOB, "shunted", "a megabyte of header"),
    ),
    first_round=Tally(
        "general",
        fetched=8,
        deleted=8,
        posts=2,
        replies=2,
        duplicates=1,
        held=1,
        robots=1,
        shunted=1,
        queued=28,  # four posts to seven subscribers
        sent=20,
        deferred=4,
        failed=4,
    ),
)
ANNOUNCEMENTS = MailingList(
    slug="announcements",
    name="Choir announcements",
    protocol="pop3",
    subscribers={
        OFFICE: "Choir office",
        ALICE: "Alice Archer",
        CAROL: "Carol Chandler",
        JUERGEN: "Jürgen Müller",
    },
    samples=(
        Sample("no-rehearsal", OFFICE, "posts"),
        Sample("no-rehearsal-question", CAROL, "replies", answers="no-rehearsal"),
    ),
    first_round=Tally("announcements", fetched=2, deleted=2, posts=1, replies=1, queued=8, sent=8),
)
LISTS = (GENERAL, ANNOUNCEMENTS)
#: Everybody's address, in the order of the table.
SUBSCRIBERS = tuple(dict.fromkeys(address for one in LISTS for address in one.subscribers))
