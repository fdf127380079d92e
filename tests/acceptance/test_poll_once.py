"""`poll-once` against real mail servers: its numbers, its options, and what may come between."""

import imaplib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.pop_server import PASSWORD as POP_PASSWORD
from tests.fakes.pop_server import PopServer
from tests.fakes.proxy import Proxy
from tests.fakes.smtp_server import SmtpServer, in_thread
from tests.letters import body_of, letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay, split_trace

FIXTURES = Path(__file__).parent.parent.parent / "fixtures" / "messages"
OPEN = '[posting]\nnon_members = "accept"'
KEYS = [
    *("category", "fetched", "deleted", "posts", "replies", "duplicates", "held", "rejected"),
    *("discarded", "commands", "bounces", "robots", "shunted", "queued", "sent", "deferred"),
    *("failed", "uncertain", "error"),
]
DECIDED = KEYS[3:13]
READERS = ("ann@example.net", "bob@example.org", "cleo@example.org")


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """An installation; afterwards everything in it is in order."""
    program = Program(tmp_path, same_process=True)
    yield program
    program.audit()


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    """A relay that takes everything and keeps it."""
    with in_thread(SmtpServer()) as server:
        yield server


@pytest.fixture
def slug(dovecot: Dovecot, fresh_name: Callable[[str], str]) -> str:
    """The name of a new category and of its mailbox."""
    name = fresh_name("list")
    dovecot.add_user(name, "secret")
    return name


def _sending(server: SmtpServer, more: str = "") -> str:
    lines = f'[outgoing]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
    return f"{OPEN}\n{lines}{more}"


def _mixture(run: str) -> list[bytes]:
    """Every kind of message, with a duplicate, a reply and a late parent among themselves."""
    files = ("robots/vacation_auto_submitted.eml", "bounces/dsn_failed.eml")
    files += ("commands/subscribe.eml", "broken/deep_nesting.eml", "broken/two_from.eml")
    return [
        letter(2, run=run, answers=1),
        letter(1, run=run),
        letter(1, run=run),
        b"Received: by another way\r\n" + letter(2, run=run, answers=1),
        letter(3, run=run, answers=2),
        *((FIXTURES / name).read_bytes() for name in files),
    ]


def _numbers(line: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(line[name] for name in names)


def _files(dovecot: Dovecot, user: str) -> list[tuple[str, str, bytes]]:
    """Name, flags and content of every file of a Maildir."""
    root = dovecot.folder / "mail" / user
    found = [file for part in ("new", "cur") for file in (root / part).iterdir()]
    # Without flags "name" and "name:2," are the same; POP3 servers turn one into the other.
    names = {file: file.name.partition(":2,") for file in found}
    return sorted((names[file][0], names[file][2], file.read_bytes()) for file in found)


# The numbers, and the dry run.


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_dry_run_changes_nothing_and_has_the_numbers_of_the_run_that_follows(
    program: Program, dovecot: Dovecot, smtp: SmtpServer, slug: str, protocol: str
) -> None:
    toml = category_toml(slug, dovecot=dovecot, protocol=protocol, more=_sending(smtp))
    program.write_category(slug, toml, READERS)
    program.run("poll-once")
    program.run("post", slug, stdin=letter(0, run=slug))
    for one in _mixture(slug):
        dovecot.deliver(slug, one)
    files, database = _files(dovecot, slug), program.database.read_bytes()

    dry = program.poll_once("--dry-run")[slug]
    unsent = program.poll_once("--dry-run", "--no-send")[slug]

    assert _files(dovecot, slug) == files
    assert program.database.read_bytes() == database
    assert smtp.messages == []

    real = program.poll_once()[slug]

    assert list(real) == KEYS
    assert dry == real
    assert unsent == real | {"sent": 0}
    assert _numbers(real, "fetched", "deleted", "error") == (10, 10, None)
    assert _numbers(real, *DECIDED) == (2, 1, 2, 1, 0, 0, 1, 1, 1, 1)
    assert _numbers(real, "queued", "sent") == (10, 13)  # the answer to a command, too
    assert dovecot.messages(slug) == []


def test_a_dry_run_does_not_even_make_new_categories_known(
    program: Program, dovecot: Dovecot, slug: str
) -> None:
    program.run("poll-once")
    before = program.database.read_bytes()
    program.write_category(slug, category_toml(slug, dovecot=dovecot, more=OPEN), READERS)
    dovecot.deliver(slug, letter(1, run=slug))

    line = program.poll_once("--dry-run", slug)[slug]

    assert _numbers(line, "fetched", "posts", "error") == (1, 1, None)
    assert program.database.read_bytes() == before


def test_a_dry_run_over_pop_only_looks(program: Program) -> None:
    with PopServer(letter(1), letter(2, answers=1), letter(1)) as server:
        incoming = f'[incoming]\nprotocol = "pop3"\nhost = "127.0.0.1"\nport = {server.port}'
        incoming += f'\nsecurity = "none"\npassword = "{POP_PASSWORD}"\n'
        program.write_category("pop", f'address = "pop@example.org"\n{OPEN}\n{incoming}')

        dry = program.poll_once("--dry-run")["pop"]

        verbs = {line.split()[0] for line in server.commands}
        assert verbs <= {"CAPA", "USER", "PASS", "LIST", "UIDL", "TOP", "STAT", "QUIT"}
        assert program.poll_once()["pop"] == dry
    assert _numbers(dry, "fetched", "posts", "replies", "duplicates", "error") == (3, 1, 1, 1, None)


def test_no_send_leaves_everything_for_the_next_run(
    program: Program, dovecot: Dovecot, smtp: SmtpServer, slug: str
) -> None:
    toml = category_toml(slug, dovecot=dovecot, more=_sending(smtp))
    program.write_category(slug, toml, READERS)
    dovecot.deliver(slug, letter(1, run=slug))

    first = program.poll_once("--no-send")[slug]
    pending = program.json("queue", "list")
    second = program.poll_once()[slug]

    assert _numbers(first, "posts", "queued", "sent") == (1, 3, 0)
    assert {one["state"] for one in pending} == {"pending"}
    assert _numbers(second, "fetched", "queued", "sent") == (0, 0, 3)


# Which categories.


def test_an_inactive_category_is_skipped_and_an_error_where_it_is_named(
    program: Program, dovecot: Dovecot, smtp: SmtpServer, slug: str
) -> None:
    toml = category_toml(slug, dovecot=dovecot, more=_sending(smtp))
    program.write_category(slug, toml, READERS)
    program.poll_once("--no-send")
    program.run("post", slug, stdin=letter(1, run=slug))
    dovecot.deliver(slug, letter(2, run=slug))
    inactive = toml.replace("address =", "active = false\naddress =")
    program.write_category(slug, inactive, READERS)

    skipped = program.poll_once()
    named = program.poll_once(slug, status=1)[slug]
    both = program.run("poll-once", slug, status=1)

    assert skipped == {}
    assert list(named) == KEYS
    assert "not active" in named["error"]
    assert b"not active" in both.stderr
    assert smtp.messages == []
    assert len(dovecot.messages(slug)) == 1


def test_without_any_category_it_says_so_and_all_is_well(program: Program) -> None:
    done = program.run("poll-once", "--json")

    assert done.stdout == b""
    assert "no categories" in done.stderr.decode()


def test_a_reader_of_its_lines_who_goes_away_stops_nothing(
    program: Program, smtp: SmtpServer
) -> None:
    program.write_category("broken", "")  # its line is the first of all
    for name in ("one", "two", "three"):
        program.write_category(name, category_toml(name, more=_sending(smtp)), READERS)
        program.run("post", name, stdin=letter(1, run=name))
    reading, writing = os.pipe()
    os.close(reading)

    with os.fdopen(writing, "wb") as nobody:
        done = subprocess.run(
            program.command("poll-once", "--json"),
            stdout=nobody,
            stderr=subprocess.PIPE,
            env=program.full_environment(),
        )

    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    states = [(one["state"], one["attempts"]) for one in program.json("queue", "list", "--all")]
    assert states == [("sent", 1)] * 9


def test_a_category_can_only_receive_or_only_send(
    program: Program, dovecot: Dovecot, smtp: SmtpServer, slug: str
) -> None:
    receiving = category_toml(slug, dovecot=dovecot, more=OPEN)
    program.write_category(slug, receiving, READERS)
    program.write_category("sends", category_toml("sends", more=_sending(smtp)), READERS)
    program.run("poll-once")
    dovecot.deliver(slug, letter(1, run=slug))
    program.run("post", "sends", stdin=letter(2))

    lines = program.poll_once()

    names = ("fetched", "posts", "queued", "sent", "error")
    assert _numbers(lines[slug], *names) == (1, 1, 0, 0, None)
    assert _numbers(lines["sends"], *names) == (0, 0, 0, 3, None)
    with_outgoing = category_toml(slug, dovecot=dovecot, more=_sending(smtp))
    program.write_category(slug, with_outgoing, READERS)
    assert _numbers(program.poll_once()[slug], "queued", "sent") == (0, 0)


# What is taken, and what becomes of it.


def test_since_leaves_older_mail_alone_over_imap(
    program: Program, dovecot: Dovecot, slug: str
) -> None:
    toml = category_toml(slug, dovecot=dovecot, incoming="since = 2026-11-20", more=OPEN)
    program.write_category(slug, toml)
    old, new = letter(1, run=slug), letter(2, run=slug)
    dovecot.deliver(slug, old, datetime(2026, 11, 18, 12, tzinfo=UTC))
    dovecot.deliver(slug, new, datetime(2026, 11, 20, 12, tzinfo=UTC))

    dry, line = (program.poll_once(*option)[slug] for option in (["--dry-run"], []))

    assert _numbers(line, "fetched", "deleted", "posts") == (1, 1, 1)
    assert dry == line
    assert [body_of(one) for one in dovecot.messages(slug)] == [body_of(old)]


def test_since_goes_by_received_then_date_over_pop(
    program: Program, dovecot: Dovecot, slug: str
) -> None:
    incoming = "since = 2026-11-20"
    toml = category_toml(slug, dovecot=dovecot, protocol="pop3", incoming=incoming, more=OPEN)
    program.write_category(slug, toml)
    old, new = "Mon, 16 Nov 2026 10:00:00 +0000", "Sat, 21 Nov 2026 10:00:00 +0000"
    heads = {
        "received-old": f"Received: from a; {old}\r\nReceived: from b; {new}\r\nDate: {new}\r\n",
        "received-new": f"Received: from a; {new}\r\nReceived: from b; {old}\r\nDate: {old}\r\n",
        "date-old": f"Date: {old}\r\n",
        "date-new": f"Date: {new}\r\n",
        "neither": "Date: yesterday\r\n",
    }
    for name, head in heads.items():
        text = f"{head}From: ann@example.net\r\nSubject: {name}\r\n\r\n{name}\r\n"
        dovecot.deliver(slug, text.encode())

    line = program.poll_once()[slug]

    subjects = {one["subject"] for one in program.json("posts", "list", slug)}
    assert subjects == {"received-new", "date-new", "neither"}
    assert _numbers(line, "fetched", "deleted") == (3, 3)
    assert len(dovecot.messages(slug)) == 2


def test_move_puts_what_was_stored_into_another_folder(
    program: Program, dovecot: Dovecot, slug: str
) -> None:
    incoming = 'after_fetch = "move"\nmove_to = "Seen by the list"'
    toml = category_toml(slug, dovecot=dovecot, incoming=incoming, more=OPEN)
    program.write_category(slug, toml)
    letters = [letter(n, run=slug) for n in range(3)]
    for one in letters:
        dovecot.deliver(slug, one)

    first = program.poll_once()[slug]
    dovecot.deliver(slug, letter(3, run=slug))
    second = program.poll_once()[slug]

    assert _numbers(first, "fetched", "deleted", "posts", "error") == (3, 3, 3, None)
    assert _numbers(second, "fetched", "deleted", "posts", "error") == (1, 1, 1, None)
    assert dovecot.messages(slug) == []
    moved = dovecot.messages(slug, "Seen by the list")
    letters.append(letter(3, run=slug))
    assert Counter(map(body_of, moved)) == Counter(map(body_of, letters))


def test_without_uidplus_nobody_elses_deleted_message_is_expunged(
    program: Program,
    dovecot_with: Callable[[str], Dovecot],
    fresh_name: Callable[[str], str],
) -> None:
    server, slug = dovecot_with("imap_capability = IMAP4rev1"), fresh_name("list")
    server.add_user(slug, "secret")
    program.write_category(slug, category_toml(slug, dovecot=server, more=OPEN))
    theirs, ours = letter(1, run=slug), letter(2, run=slug)
    server.deliver(slug, theirs)
    with _imap(server, slug) as client:
        client.store("1", "+FLAGS.SILENT", r"(\Deleted)")
        server.deliver(slug, ours)
        first = program.poll_once(status=1)[slug]
        left = [body_of(one) for one in server.messages(slug)]
        client.store("1", "-FLAGS.SILENT", r"(\Deleted)")

    second = program.poll_once()[slug]

    assert _numbers(first, "fetched", "deleted", "posts") == (1, 0, 1)
    assert body_of(theirs) in left
    assert _numbers(second, "fetched", "deleted", "posts", "duplicates") == (1, 2, 1, 0)
    assert server.messages(slug) == []


def _imap(server: Dovecot, user: str) -> imaplib.IMAP4:
    client = imaplib.IMAP4(server.host, server.imap_port, timeout=10)
    client.login(user, "secret")
    client.select()
    return client


# What comes between.


def test_leftovers_are_known_under_another_uidvalidity(
    program: Program, dovecot: Dovecot, smtp: SmtpServer, slug: str
) -> None:
    letters = [letter(n, run=slug) for n in (1, 2, 2)]
    for one in letters:
        dovecot.deliver(slug, one)
    with Proxy(dovecot.imap_port) as proxy:
        toml = category_toml(slug, dovecot=dovecot, more=_sending(smtp))
        toml = toml.replace(f"port = {dovecot.imap_port}", f"port = {proxy.port}")
        program.write_category(slug, toml, READERS)
        proxy.cut_at = b"STORE"
        first = program.poll_once(status=1)[slug]
        _change_uidvalidity(dovecot, slug)
        proxy.cut_at = None

        dry, second, third = (
            program.poll_once(*option)[slug] for option in (["--dry-run"], [], [])
        )

    assert _numbers(first, "fetched", "deleted", "posts", "duplicates") == (3, 0, 2, 1)
    assert _numbers(second, "fetched", "deleted", "posts", "duplicates") == (0, 3, 0, 0)
    assert dry == second
    assert _count(program, "DISTINCT uidvalidity", "arrivals") == 2
    assert sum(_numbers(third, "fetched", "deleted", *DECIDED)) == 0
    assert sum(len(one.recipients) for one in smtp.messages) == 6
    assert dovecot.messages(slug) == []


def _count(program: Program, what: str, table: str) -> int:
    connection = sqlite3.connect(program.database)
    [[found]] = connection.execute(f"SELECT count({what}) FROM {table}")
    connection.close()
    return int(found)


def _change_uidvalidity(dovecot: Dovecot, user: str) -> None:
    uids = dovecot.folder / "mail" / user / "dovecot-uidlist"
    changed = re.sub(r"V(\d+)", lambda old: f"V{int(old[1]) + 7}", uids.read_text(), count=1)
    uids.write_text(changed)
    shutil.rmtree(dovecot.folder / "index" / user)


def test_after_a_pop_connection_lost_before_quit_nothing_is_posted_again(
    program: Program, dovecot: Dovecot, smtp: SmtpServer, slug: str
) -> None:
    for number in (1, 2):
        dovecot.deliver(slug, letter(number, run=slug))
    with Proxy(dovecot.pop3_port) as proxy:
        toml = category_toml(slug, dovecot=dovecot, protocol="pop3", more=_sending(smtp))
        toml = toml.replace(f"port = {dovecot.pop3_port}", f"port = {proxy.port}")
        program.write_category(slug, toml, READERS)
        proxy.cut_at = b"QUIT"
        first = program.poll_once(status=1)[slug]
        left = len(dovecot.messages(slug))
        dovecot.deliver(slug, letter(3, run=slug))
        proxy.cut_at = None
        second = program.poll_once()[slug]

    assert _numbers(first, "fetched", "deleted", "posts", "sent") == (2, 0, 2, 6)
    assert left == 2
    assert _numbers(second, "fetched", "deleted", "posts", "duplicates") == (1, 3, 1, 0)
    assert sum(len(one.recipients) for one in smtp.messages) == 9
    assert dovecot.messages(slug) == []


@pytest.mark.parametrize(("runs", "protocol"), [(2, "pop3"), (5, "imap")])
def test_several_runs_at_the_same_time_do_everything_once(
    program: Program, dovecot: Dovecot, smtp: SmtpServer, slug: str, runs: int, protocol: str
) -> None:
    toml = category_toml(slug, dovecot=dovecot, protocol=protocol, more=_sending(smtp))
    program.write_category(slug, toml, READERS)
    for number in range(20):
        dovecot.deliver(slug, letter(number, run=slug))

    started = [_start(program) for _ in range(runs)]
    lines = [json.loads(one.communicate(timeout=100)[0]) for one in started]

    assert {one.returncode for one in started} == {0}
    assert [line["error"] for line in lines] == [None] * runs
    total = {name: sum(line[name] for line in lines) for name in KEYS[1:-1]}
    assert _numbers(total, "fetched", "deleted", "posts") == (20, 20, 20)
    assert _numbers(total, "queued", "sent", "uncertain", "duplicates") == (60, 60, 0, 0)
    got = Counter((to, body_of(one.body)) for one in smtp.messages for to in one.recipients)
    assert len(got) == sum(got.values()) == 60
    assert dovecot.messages(slug) == []


def _start(program: Program) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        program.command("poll-once", "--json"),
        env=program.full_environment(),
        stdout=subprocess.PIPE,
    )


def test_a_living_holder_of_the_mailbox_is_named_and_a_dead_one_is_succeeded_at_once(
    program: Program, dovecot: Dovecot, smtp: SmtpServer, slug: str
) -> None:
    dovecot.deliver(slug, letter(1, run=slug))
    with Proxy(dovecot.imap_port) as proxy:
        toml = category_toml(slug, dovecot=dovecot, more=_sending(smtp))
        toml = toml.replace(f"port = {dovecot.imap_port}", f"port = {proxy.port}")
        program.write_category(slug, toml, READERS)
        program.run("subscribers", "list", slug)
        proxy.silent = True
        holder = _start(program)
        _wait_for_lease(program)
        short = toml.replace("[incoming]", '[incoming]\ntimeout = "1s"')
        program.write_category(slug, short, READERS)

        waiting = program.poll_once(status=1)[slug]
        dry = program.poll_once("--dry-run", status=1)[slug]
        proxy.silent = False
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
        after = program.poll_once()[slug]

    assert f"process {holder.pid} " in waiting["error"]
    assert waiting["error"].count("process") == dry["error"].count("process") == 1
    assert waiting["fetched"] == 0
    assert _numbers(after, "fetched", "posts", "sent", "error") == (1, 1, 3, None)


def _wait_for_lease(program: Program) -> None:
    while not _count(program, "*", "leases"):
        time.sleep(0.02)  # The test's own time limit ends this.


def test_a_subscriber_file_that_cannot_be_trusted_is_an_error_and_mail_is_taken_all_the_same(
    program: Program, dovecot: Dovecot, smtp: SmtpServer, slug: str
) -> None:
    toml = category_toml(slug, dovecot=dovecot, more=_sending(smtp))
    program.write_category(slug, toml, READERS)
    program.run("poll-once")
    file = program.folder / f"{slug}.subscribers"
    said = []
    for number, spoil in enumerate(
        (
            file.unlink,
            lambda: file.write_text(f"{READERS[0]}\n"),
            lambda: file.write_bytes(b"k\xf6ln@example.org\n" * 3),
            lambda: file.write_text("\n".join(READERS) + "\nnot an address\n"),
        )
    ):
        spoil()
        dovecot.deliver(slug, letter(number, run=slug))
        line = program.poll_once(status=1)[slug]
        said.append(line["error"])
        assert _numbers(line, "fetched", "deleted", "posts", "sent") == (1, 1, 1, 3)

    assert all(str(file) in one for one in said), said
    assert "less than half" in said[1]
    assert "line 4" in said[3]
    file.write_text("\n".join(READERS[:2]))
    assert program.poll_once()[slug]["error"] is None
    states = {x["address"]: x["state"] for x in program.json("subscribers", "list", slug)}
    assert states == dict(zip(READERS, ("active", "active", "removed"), strict=True))


def test_a_budget_is_kept_over_runs_and_the_rest_waits_for_the_next_hour_or_day(
    program: Program, smtp: SmtpServer
) -> None:
    people = [f"s{n}@example.org" for n in range(7)]
    budget = "max_per_hour = 3\nmax_per_day = 5\nmax_recipients = 2\n"
    program.write_category("one", category_toml("one", more=_sending(smtp, budget)), people)
    program.run("poll-once")
    program.run("post", "one", stdin=letter(1))
    sent = []
    for _ in range(4):
        dry = program.poll_once("--dry-run")["one"]
        line = program.poll_once()["one"]
        assert dry == line
        assert line["error"] is None
        sent.append(line["sent"])
        if len(sent) != 1:
            _let_time_pass(program, hours=24 if len(sent) == 3 else 1)

    assert sent == [3, 0, 2, 2]
    assert sum(len(one.recipients) for one in smtp.messages) == 7
    assert max(len(one.recipients) for one in smtp.messages) == 2


def _let_time_pass(program: Program, hours: int) -> None:
    """Make what was sent so far lie that much longer ago."""
    earlier = f"strftime('%Y-%m-%d %H:%M:00.000000', minute, '-{hours} hours')"
    with closing(sqlite3.connect(program.database)) as connection, connection:
        connection.execute(f"UPDATE account_usage SET minute = {earlier}")
    connection.close()


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("security", ["tls", "starttls", "none"])
def test_mail_comes_and_goes_under_each_kind_of_security(
    program: Program,
    dovecot: Dovecot,
    relay: Relay,
    slug: str,
    fresh_name: Callable[[str], str],
    protocol: str,
    security: str,
) -> None:
    reader = fresh_name("reader")
    relay.add_users([reader])
    trust = f'security = "{security}"\nca_file = "{dovecot.ca_file}"'
    toml = category_toml(
        slug,
        dovecot=dovecot,
        relay=relay,
        protocol=protocol,
        incoming=trust,
        outgoing=f'security = "{security}"\nca_file = "{relay.ca_file}"',
        more=OPEN,
    )
    if security == "tls":
        for plain, implicit in (
            (dovecot.imap_port, dovecot.imaps_port),
            (dovecot.pop3_port, dovecot.pop3s_port),
            (relay.port, relay.tls_port),
        ):
            toml = toml.replace(f"port = {plain}", f"port = {implicit}")
    program.write_category(slug, toml, [f"{reader}@example.org"])
    original = letter(3, run=slug)
    dovecot.deliver(slug, original)

    line = program.poll_once()[slug]

    assert _numbers(line, "fetched", "deleted", "sent", "error") == (1, 1, 1, None)
    relay.wait_until_idle()
    [copy] = relay.copies(reader)
    assert split_trace(copy)[1].partition(b"\n\n")[2] == body_of(original)


def test_what_a_stopped_relay_did_not_take_is_sent_once_it_is_back(
    program: Program, relay: Relay, fresh_name: Callable[[str], str]
) -> None:
    people = [fresh_name("reader") for _ in range(5)]
    relay.add_users(people)
    with Proxy(relay.port) as proxy:
        toml = f'{OPEN}\n[outgoing]\nhost = "127.0.0.1"\nport = {proxy.port}\n'
        toml = category_toml("one", more=toml + 'security = "none"\nmax_recipients = 2')
        toml = toml.replace("max_recipients", 'chunking = "off"\nmax_recipients')
        program.write_category("one", toml, [f"{name}@example.org" for name in people])
        program.poll_once()
        program.run("post", "one", stdin=letter(1))
        proxy.cut_at = b"DATA"
        broken_off = program.poll_once(status=None)["one"]
    stopped = program.poll_once(status=1)["one"]
    waiting = program.json("queue", "list")
    with Proxy(relay.port, port=proxy.port):
        program.run("queue", "retry", "--all", status=None)
        back = program.poll_once()["one"]

    assert broken_off["sent"] == stopped["sent"] == 0
    assert f"127.0.0.1:{proxy.port}" in stopped["error"]
    assert len(waiting) == 5
    assert {one["state"] for one in waiting} <= {"pending", "deferred"}
    assert _numbers(back, "sent", "uncertain", "error") == (5, 0, None)
    relay.wait_until_idle()
    assert [len(relay.copies(name)) for name in people] == [1] * 5
