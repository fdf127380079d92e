"""Three categories on one mailbox of a real server: each gets what was sent to it, once."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.letters import body_of, letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay, split_trace
from tests.servers.process import wait_until

OPEN = '[posting]\nnon_members = "accept"'
SELDOM = f'poll_every = "1h"\n{OPEN}'
ELSEWHERE = "bob@example.net"
SECONDS = 60


@dataclass
class Hall:
    """Categories that read one mailbox, each with a reader of its own and one that all have."""

    program: Program
    dovecot: Dovecot
    relay: Relay
    slugs: list[str]
    reader_of: dict[str, str]
    everybody: str
    protocol: str = "imap"
    expected: dict[str, list[bytes]] = field(default_factory=dict)

    def write(self, slug: str, *, address: str = "", more: str = OPEN) -> None:
        """Write a category's files."""
        toml = category_toml(
            slug,
            dovecot=self.dovecot,
            relay=self.relay,
            protocol=self.protocol,
            username=self.account,
            more=more,
        )
        toml = toml.replace(f"{slug}@example.org", address or f"{slug}@example.org", 1)
        readers = (self.reader_of[slug], self.everybody)
        self.program.write_category(slug, toml, [f"{name}@example.org" for name in readers])

    @property
    def account(self) -> str:
        """The mailbox's user name; without its domain it is that of the first category."""
        return self.slugs[0]

    def deliver(self, number: int, *slugs: str, **fields: str) -> None:
        """Put a letter into the mailbox, which is meant for these categories."""
        raw = self.letter(number, **fields)
        self.dovecot.deliver(self.account, raw)
        for slug in slugs:
            self.expected.setdefault(slug, []).append(body_of(raw))

    def letter(self, number: int, **fields: str) -> bytes:
        """Make a letter that was not sent to a category unless the fields say so."""
        head = {"To": ELSEWHERE, **fields}
        lines = "".join(f"{name.replace('_', '-')}: {one}\r\n" for name, one in head.items())
        written = letter(number, run=self.account)
        return lines.encode() + written.replace(f"To: list-{self.account}@".encode(), b"X-To: ")

    def address(self, number: int, tag: str = "") -> str:
        """Return the address of a category, with a tag."""
        return f"{self.slugs[number]}{tag}@example.org"

    def got(self, name: str) -> Counter[bytes]:
        """Count what a reader has got."""
        return Counter(body_of(split_trace(copy)[1]) for copy in self.relay.copies(name))

    def check(self) -> None:
        """Fail unless each reader got each letter of each of his categories once."""
        self.relay.wait_until_idle()
        for slug, name in self.reader_of.items():
            assert self.got(name) == Counter(self.expected.get(slug, []))
        every = [body for bodies in self.expected.values() for body in bodies]
        assert self.got(self.everybody) == Counter(every)
        assert self.dovecot.messages(self.account) == []
        self.program.audit()


@pytest.fixture
def hall(tmp_path: Path, dovecot: Dovecot, relay: Relay, fresh_name: Callable[[str], str]) -> Hall:
    slugs = sorted(fresh_name(stem) for stem in ("announce", "dev", "general"))
    readers = {slug: fresh_name("reader") for slug in slugs}
    everybody = fresh_name("everybody")
    relay.add_users([*readers.values(), everybody])
    dovecot.add_user(slugs[0], "secret")
    program = Program(tmp_path, same_process=True)
    return Hall(program, dovecot, relay, slugs, readers, everybody)


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_each_category_gets_what_was_sent_to_it_and_nobody_gets_anything_twice(
    hall: Hall, protocol: str
) -> None:
    hall.protocol = protocol
    first, second, third = hall.slugs
    a, b, c = (hall.address(number) for number in range(3))
    for slug in hall.slugs:
        hall.write(slug)
    hall.deliver(1, first, second, To=f"{a}, {b}")
    hall.deliver(2, first, second, third, To=a, Cc=f"Dev <{b}>, {ELSEWHERE}, {c}")
    hall.deliver(3, second, Delivered_To=b)  # a blind copy
    hall.deliver(4, third, To=hall.address(2, "+tag"))
    hall.deliver(5, second, To=b, Delivered_To=a)  # an alias of the account
    hall.deliver(6, first, Delivered_To=a)
    hall.deliver(7, To="wiki@example.org")
    hall.deliver(8, second, third, To=f"{b}, {c}", X_Original_To=b)
    hall.deliver(8, To=f"{b}, {c}", X_Original_To=c)  # the other copy of the same

    lines = hall.program.poll_once()

    hall.check()
    keys = ("fetched", "deleted", "posts", "duplicates", "shunted", "queued", "sent", "error")
    assert {slug: tuple(lines[slug][key] for key in keys) for slug in hall.slugs} == {
        first: (4, 4, 3, 0, 1, 6, 6, None),
        second: (6, 6, 5, 1, 0, 10, 10, None),
        third: (4, 4, 3, 1, 0, 6, 6, None),
    }
    [aside] = hall.program.json("shunted", "list")
    assert aside["category"] == first
    assert f"sent to none of {a}, {b}, {c}" in aside["reason"]

    hall.write(third, address="wiki@example.org")
    hall.program.run("shunted", "retry", aside["id"])
    hall.expected[third].append(body_of(hall.letter(7)))
    again = hall.program.poll_once()

    hall.check()
    assert (again[third]["posts"], again[third]["fetched"]) == (1, 0)
    assert hall.program.json("shunted", "list") == []


def test_one_bad_login_is_said_of_each(hall: Hall) -> None:
    for slug in hall.slugs:
        hall.write(slug)
        file = hall.program.folder / "categories" / f"{slug}.toml"
        file.write_text(file.read_text().replace('"secret"', '"wrong"'))

    lines = hall.program.poll_once(status=1)

    assert all("refuses the login" in str(line["error"]) for line in lines.values())
    found = {one["category"]: one for one in hall.program.json("status")}
    assert {found[slug]["state"] for slug in hall.slugs} == {"failing"}


def test_who_is_not_polled_or_not_active_finds_his_mail_when_he_is(hall: Hall) -> None:
    first, second, third = hall.slugs
    for slug in hall.slugs:
        hall.write(slug)
    hall.write(third, more=f"active = false\n{OPEN}")
    hall.deliver(1, first, second, third, To=", ".join(hall.address(number) for number in range(3)))

    one = hall.program.poll_once(second)
    undecided = {one["category"]: one["undecided"] for one in hall.program.json("status")}

    assert one[second]["posts"] == 1
    assert undecided == {first: 1, second: 0, third: 1}
    assert hall.dovecot.messages(hall.account) == []
    hall.program.poll_once()
    hall.write(third)
    assert hall.program.poll_once()[third]["posts"] == 1
    hall.check()


def test_a_rehearsal_counts_for_each_and_changes_nothing(hall: Hall) -> None:
    for slug in hall.slugs:
        hall.write(slug)
    hall.deliver(1, To=f"{hall.address(0)}, {hall.address(1)}")

    would = hall.program.poll_once("--dry-run")
    lines = hall.program.poll_once()

    assert would == lines
    assert [lines[slug]["sent"] for slug in hall.slugs] == [2, 2, 0]


def test_two_services_share_the_mailbox_and_a_category_that_joins_or_leaves_takes_effect(
    hall: Hall, postgres_url: str
) -> None:
    first, second, third = hall.slugs
    hall.program.write_service(f'database = "{postgres_url}"\n')
    for slug in (first, second):
        hall.write(slug, more=SELDOM)
    both = f"{hall.address(0)}, {hall.address(1)}"
    web = ("--only", "poll", "--only", "send")
    with hall.program.serving(*web) as one, hall.program.serving(*web) as other:
        for number in range(10):
            hall.deliver(number, first, second, To=both)
        _wait_for(hall, hall.everybody, 20)

        hall.write(third, more=SELDOM)
        (hall.program.folder / "categories" / f"{first}.toml").unlink()
        for service in (one, other):
            service.reload()
        hall.deliver(11, second, third, To=f"{both}, {hall.address(2)}")
        _wait_for(hall, hall.everybody, 22)
        found = {x["category"]: x for x in hall.program.json("status", status=None)}
        assert (one.stop(), other.stop()) == (0, 0)

    assert found[second]["next_poll"] == found[third]["next_poll"] is not None
    assert {found[slug]["error"] for slug in (second, third)} == {None}
    hall.check()


def _wait_for(hall: Hall, name: str, number: int) -> None:
    wait_until(lambda: len(hall.relay.copies(name)) >= number, f"{number} copies", SECONDS)
