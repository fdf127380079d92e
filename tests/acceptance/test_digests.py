"""Digests, muted threads and content updates with the real program; real Dovecot and Postfix."""

import email
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay

PEOPLE = ("each", "plain", "mime", "updates")
SIGNED = (
    'Content-Type: multipart/signed; boundary="b"; protocol="application/pgp-signature"\r\n\r\n'
    "--b\r\nContent-Type: text/plain\r\n\r\nSigned, with a blank: \r\n--b\r\n"
    "Content-Type: application/pgp-signature\r\n\r\nsignature\r\n--b--\r\n"
)


@dataclass
class Mail:
    """A list, and one member for each form in which its posts come."""

    program: Program
    dovecot: Dovecot
    relay: Relay
    name: str
    people: dict[str, str]

    def write(self, number: int, subject: str, body: str = "", **fields: str) -> None:
        """Put a post into the list's mailbox."""
        head = {
            "From": f"Änn Lee {number} <ann@example.net>",
            "To": f"{self.name}@example.org",
            "Subject": subject,
            "Date": f"Sat, 21 Nov 2026 10:0{number}:00 +0000",
            "Message-ID": f"<{self.name}-{number}@example.net>",
            **{key.replace("_", "-"): value for key, value in fields.items()},
        }
        lines = "".join(f"{key}: {value}\r\n" for key, value in head.items())
        letter = lines + (body or f"\r\nThis is letter {number}.\r\n")
        self.dovecot.deliver(self.name, letter.encode())

    def round(self) -> dict[str, object]:
        line = self.program.poll_once()[self.name]
        assert line["error"] is None
        self.relay.wait_until_idle()
        return line

    def till_morning(self) -> None:
        """Let the time come at which digests are due."""
        with closing(sqlite3.connect(self.program.database)) as db, db:
            db.execute("UPDATE duties SET due_at = '2020-01-01 00:00:00.000000'")

    def copies(self, who: str) -> list[EmailMessage]:
        found = self.relay.copies(self.people[who])
        return [email.message_from_bytes(x, policy=default) for x in found]  # type: ignore[misc]

    def counts(self) -> list[int]:
        return [len(self.copies(who)) for who in PEOPLE]


@pytest.fixture
def mail(
    tmp_path: Path, dovecot: Dovecot, relay: Relay, fresh_name: Callable[[str], str]
) -> Iterator[Mail]:
    name = fresh_name("list")
    people = {who: fresh_name(who) for who in PEOPLE}
    relay.add_users(people.values())
    dovecot.add_user(name, "secret")
    program = Program(tmp_path, same_process=True)
    more = 'name = "Chess"\n[posting]\nnon_members = "accept"'
    addresses = [f"{one}@example.org" for one in people.values()]
    toml = category_toml(name, dovecot=dovecot, relay=relay, more=more)
    program.write_category(name, toml, addresses)
    program.poll_once()
    forms = ("each", "digest", "mime-digest", "updates")
    for address, form in zip(addresses, forms, strict=True):
        program.run("subscribers", "set", name, address, "--receives", form)
    yield Mail(program, dovecot, relay, name, people)
    program.audit()


def test_three_posts_in_two_threads_reach_everybody_in_the_form_he_wants_once(mail: Mail) -> None:
    mail.write(1, "Openings", Keywords="chess")
    mail.write(2, "Endings", SIGNED)
    mail.write(3, "Re: Openings", In_Reply_To=f"<{mail.name}-1@example.net>")
    assert mail.round()["queued"] == 3 + 3
    assert mail.counts() == [3, 0, 0, 3]

    mail.till_morning()
    would_be = mail.program.poll_once("--dry-run")[mail.name]
    assert (would_be["queued"], would_be["sent"]) == (2, 2)
    line = mail.round()
    assert (line["queued"], line["sent"]) == (2, 2)
    assert mail.counts() == [3, 1, 1, 3]

    mail.till_morning()
    assert mail.round()["queued"] == 0
    assert mail.counts() == [3, 1, 1, 3]

    [plain] = mail.copies("plain")
    _check_plain(plain, mail.name)
    [mime] = mail.copies("mime")
    _check_mime(mime, [str(one["Message-ID"]) for one in mail.copies("each")])


def _check_plain(one: EmailMessage, name: str) -> None:
    assert (one["Subject"], one["Precedence"]) == ("Chess Digest V2026 #1", "list")
    assert one["List-Id"] == f"Chess <{name}.example.org>"
    preamble, _, rest = one.get_content().replace("\r\n", "\n").partition(f"\n{'-' * 70}\n\n")
    assert [line.split(maxsplit=1)[1] for line in preamble.splitlines() if "Änn" in line] == [
        "Openings (Änn Lee 1)",
        "Re: Openings (Änn Lee 3)",
        "Endings (Änn Lee 2)",
    ]
    *posts, end = rest.split(f"\n\n{'-' * 30}\n\n")
    assert posts[0] == (
        "Date: Sat, 21 Nov 2026 10:01:00 +0000\nFrom: Änn Lee 1 <ann@example.net>\n"
        f"To: {name}@example.org\nSubject: Openings\nMessage-ID: <{name}-1@example.net>\n"
        "Keywords: chess\n\nThis is letter 1."
    )
    assert [post.partition("\n\n")[2] for post in posts[1:]] == [
        "This is letter 3.",
        "Signed, with a blank: \n\n[attachment: application/pgp-signature, 9 B]",
    ]
    assert end == "End of Chess Digest V2026 #1\n****************************\n"


def _check_mime(one: EmailMessage, sent: list[str]) -> None:
    contents, digest = one.iter_parts()
    assert digest.get_content_type() == "multipart/digest"
    posts = [part.get_content() for part in digest.iter_parts()]
    assert [str(post["Message-ID"]) for post in posts] == [sent[0], sent[2], sent[1]]
    assert "Re: Openings (Änn Lee 3)" in contents.get_content()
    assert b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nSigned, with a blank: \r\n--b\r\n" in (
        one.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    )
    assert [part.defects for part in one.walk() if part.defects] == []


def test_a_thread_that_somebody_has_muted_reaches_the_others(mail: Mail) -> None:
    mail.write(1, "Openings")
    mail.round()
    [post] = mail.program.json("posts", "list", mail.name)
    address = f"{mail.people['each']}@example.org"
    mail.program.run("subscribers", "set", mail.name, address, "--mute", post["id"])

    mail.write(2, "Re: Openings", In_Reply_To=f"<{mail.name}-1@example.net>")
    mail.write(3, "Endings")
    mail.round()
    assert [str(one["Subject"]) for one in mail.copies("each")] == ["Openings", "Endings"]
    assert len(mail.copies("updates")) == 3

    mail.program.run("subscribers", "set", mail.name, address, "--unmute", post["id"])
    mail.write(4, "Re: Openings", In_Reply_To=f"<{mail.name}-1@example.net>")
    mail.round()
    assert len(mail.copies("each")) == 3


def test_who_reads_a_few_lines_gets_the_post_when_he_asks_and_answers_it(mail: Mail) -> None:
    mail.write(1, "Openings")
    mail.round()
    [told] = mail.copies("updates")
    own = f"{mail.people['updates']}@example.org"
    [post] = mail.program.json("posts", "list", mail.name)

    mail.write(2, f"get {post['id']}", From=own)
    mail.write(3, "Re: Openings", From=own, In_Reply_To=str(told["Message-ID"]))
    mail.round()

    found = [str(one["Message-ID"]) for one in mail.copies("updates")]
    assert f"<{mail.name}-1@example.net>" in found
    answer = mail.program.json("posts", "list", mail.name)[-1]
    assert (answer["subject"], answer["parent"]) == ("Re: Openings", post["id"])


def test_a_post_of_another_list_cannot_be_muted(mail: Mail) -> None:
    address = f"{mail.people['each']}@example.org"

    done = mail.program.run(
        "subscribers", "set", mail.name, address, "--mute", "99", "--name", "X", status=1
    )

    assert f"{mail.name} has no post 99".encode() in done.stderr
    [one] = [
        x for x in mail.program.json("subscribers", "list", mail.name) if x["name"] == "X"
    ] or [None]
    assert one is None
