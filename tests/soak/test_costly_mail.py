"""Messages made to cost memory and time: each takes less than 400 MB, and its time is printed.

Measured are a whole round with the message, less a round in which nothing lies there, and beside
it one FETCH and one INSERT of the same bytes on connections that are open: the best of several
runs by turns, each on a new database. What any message costs, the transactions that decide it, is
measured by a letter of one line, and the ratio is told with it and without.
"""

import imaplib
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from encodings.aliases import aliases
from pathlib import Path
from shutil import rmtree

import pytest

from tests.program import Program, category_toml, peak_memory_of
from tests.servers.dovecot import Dovecot

LIMIT_MB = 400
RUNS = 5
HEAD = b"From: Ann <ann@example.net>\nSubject: costly\nMessage-ID: <costly@example.net>\n"
MIXED = b"Content-Type: multipart/mixed; boundary=b\n\n"
PART = b"--b\nContent-Type: text/plain; charset=%s\nContent-Transfer-Encoding: %s\n\n%s\n"
WORD = b"=?utf-8?b?4pmlIOKZpQ==?= "
MB = 1_000_000


def _nested(depth: int) -> bytes:
    levels = (
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth)
    )
    return b"".join(levels) + b"\nhello\n"


COSTLY: dict[str, Callable[[], bytes]] = {
    "100 MB of text": lambda: (
        HEAD + b"\n" + b"It was a dark and stormy night.\n" * (100 * MB // 32)
    ),
    "100 MB of line ends": lambda: HEAD + b"\n" + b"\n" * (50 * MB),
    "100 MB without a line end": lambda: HEAD + b"\n" + b"x" * (100 * MB),
    "100 MB of NUL": lambda: HEAD + b"\n" + b"\0" * (100 * MB),
    "100 MB of bare CR": lambda: HEAD + b"\n" + b"\r" * (100 * MB),
    "100 MB without a head": lambda: b"hello\n" * (100 * MB // 7),
    "100 MB of base64": lambda: HEAD + MIXED + PART % (b"utf-8", b"base64", b"QUJD" * (25 * MB)),
    "100 MB of quoted-printable": lambda: (
        HEAD + MIXED + PART % (b"utf-8", b"quoted-printable", b"=C3=BC gr=\n" * (9 * MB))
    ),
    "10 MB in one line": lambda: HEAD + b"\n" + b"x" * (10 * MB) + b"\n",
    "10 MB of HTML": lambda: HEAD + b"Content-Type: text/html\n\n" + b"<p><b>a" * (MB * 10 // 7),
    "a million parts": lambda: HEAD + MIXED + b"--b\n\na\n" * MB,
    "depth 3,000": lambda: HEAD + _nested(3000),
    "depth 3,000 of messages": lambda: HEAD + b"Content-Type: message/rfc822\n\n" * 3000 + b"hi\n",
    "10 MB of header fields": lambda: HEAD + b"X-Note: hello\n" * (MB * 10 // 14) + b"\nhi\n",
    "10 MB in one header field": lambda: (
        HEAD + b"X-Note:" + b" hello\n" * (MB * 10 // 7) + b"\nhi\n"
    ),
    "10 MB of encoded words": lambda: (
        HEAD + b"Subject: " + (WORD * 3 + b"\n ") * (MB * 10 // 78) + b"\n\nhi\n"
    ),
    "50,000 recipients": lambda: (
        HEAD + b"To: " + b"a@b.example,\n " * 50_000 + b"c@d.example\n\nhi\n"
    ),
    "100,000 references": lambda: HEAD + b"References:" + b" <a@b.example>\n" * 100_000 + b"\nhi\n",
    "10 MB of 8-bit header": lambda: HEAD + b"X-Note: " + b"\xe4" * (10 * MB) + b"\n\nhi\n",
    "a Message-ID of 1 MB": lambda: (
        b"Message-ID: <" + b"x" * MB + b"@a>\nFrom: a@b.example\n\nhi\n"
    ),
    "every charset": lambda: (
        HEAD
        + MIXED
        + b"".join(PART % (x.encode(), b"8bit", b"gr\xfc\xdfe\n" * 3000) for x in sorted(aliases))
    ),
}


@dataclass(frozen=True)
class Cost:
    """What a message costs, in seconds."""

    ours: float
    plain: float  #: to fetch and to store it, and no more


@pytest.fixture(scope="module")
def small(dovecot: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> Cost:
    """What a letter of one line costs."""
    cost = _cost(dovecot, "costly-small", HEAD + b"\nhi\n", tmp_path_factory.mktemp("small"))
    print(f"a letter of one line: {cost.ours:.3f} s, plain {cost.plain:.3f} s")
    return cost


@pytest.mark.soak
@pytest.mark.parametrize("name", COSTLY)
def test_a_costly_message_takes_less_than_400_mb(
    tmp_path: Path,
    dovecot: Dovecot,
    fresh_name: Callable[[str], str],
    small: Cost,
    name: str,
) -> None:
    slug = fresh_name("costly")
    raw = COSTLY[name]()
    cost = _cost(dovecot, slug, raw, tmp_path)
    measured = _program(dovecot, slug, tmp_path / "measured", same_process=False)
    dovecot.deliver(slug, raw)

    with peak_memory_of(measured) as peak:
        measured.poll_once()

    ours, plain = cost.ours, cost.plain
    ratios = f"{ours / plain:.1f} x, {(ours - small.ours) / plain:.1f} x beyond a small letter"
    times = f"{ours:.3f} s, plain {plain:.3f} s, {ratios}"
    print(f"{name}: {len(raw) / MB:.1f} MB, {times}, peak {peak()} MB")
    assert dovecot.messages(slug) == []
    assert peak() < LIMIT_MB
    measured.audit()


def _cost(dovecot: Dovecot, slug: str, raw: bytes, folder: Path) -> Cost:
    ours, plain = [], []
    for number in range(RUNS):
        user = f"{slug}-{number}"
        program = _program(dovecot, user, folder / user, same_process=True)
        program.poll_once()  # makes the database
        idle = min(_seconds(program.poll_once) for _ in range(3))
        dovecot.deliver(user, raw)
        plain.append(_fetch_and_store(dovecot, user, folder / f"{user}.db"))
        ours.append(_seconds(program.poll_once) - idle)
        rmtree(program.folder)
    return Cost(min(ours), min(plain))


def _program(dovecot: Dovecot, user: str, folder: Path, *, same_process: bool) -> Program:
    dovecot.add_user(user, "secret")
    program = Program(folder, same_process=same_process)
    toml = category_toml(user, dovecot=dovecot, more='[posting]\nnon_members = "accept"')
    program.write_category(user, toml)
    return program


def _fetch_and_store(dovecot: Dovecot, user: str, file: Path) -> float:
    with (
        imaplib.IMAP4("127.0.0.1", dovecot.imap_port) as imap,
        closing(sqlite3.connect(file)) as db,
    ):
        imap.login(user, "secret")
        imap.select(readonly=True)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE raw (bytes BLOB)")
        db.commit()

        def fetch_and_store() -> None:
            [answer, _] = imap.fetch("1", "(BODY.PEEK[])")[1]
            db.execute("INSERT INTO raw VALUES (?)", (answer[1],))
            db.commit()

        took = _seconds(fetch_and_store)
    file.unlink()
    return took


def _seconds(what: Callable[[], object]) -> float:
    begun = time.monotonic()
    what()
    return time.monotonic() - begun
