"""Power cuts, tried out on paper: what the disk still had of all that others were told.

A run is traced; the disk as it was after a cut between any two system calls is rebuilt from the
trace, and must know every message that a server was told to delete by then, and every copy that
began to leave.
"""

import hashlib
import random
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import strace
from tests.faults.disk import Disk
from tests.faults.strace import Call
from tests.letters import letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay

_OPEN = '[posting]\nnon_members = "accept"'

_DATABASE = "listbridge.db"
_FILES = (_DATABASE, f"{_DATABASE}-wal", f"{_DATABASE}-journal")

_DELE = re.compile(rb"DELE (\d+)\r\n")
# Flagged \Deleted a message is anybody's to expunge, so that counts as deleting it, too.
_EXPUNGE = re.compile(rb"\w+ UID (?:EXPUNGE|STORE) ([\d,:]+)[^\r]*\r\n")
# What one write may hold several of: a new envelope, a recipient of it, the content for them.
_SENDING = re.compile(
    rb"^(?:(MAIL FROM:)|RCPT TO:<([^>]+)>|Message-ID: <([^>]+)>)", re.MULTILINE | re.IGNORECASE
)

_STORED = "SELECT sha256 FROM raw_messages JOIN inbound ON inbound.raw_id = raw_messages.id"
_CLAIMED = """SELECT message_id, recipient FROM deliveries
              JOIN outgoing ON outgoing.id = outgoing_id JOIN posts ON posts.id = post_id
              WHERE deliveries.state <> 'pending'"""


@dataclass
class Told:
    """What the servers have been told up to some moment."""

    #: SHA-256 of every message that a server was told to delete.
    deleted: set[str] = field(default_factory=set)
    #: Message-ID and recipient of every copy whose content began to leave.
    handed_over: set[tuple[str, str]] = field(default_factory=set)

    @property
    def size(self) -> int:
        return len(self.deleted) + len(self.handed_over)


@dataclass(frozen=True)
class Round:
    """One traced run, with what lay in the mailboxes when it began."""

    trace: Path
    pop3: list[bytes]
    imap: list[bytes]  #: from the mailbox's very first message on


@dataclass
class _Ear:
    """Listens to what leaves for the servers during one round."""

    round: Round
    told: Told
    recipients: dict[str, list[str]] = field(default_factory=dict)  #: by connection

    def hear(self, call: Call) -> None:
        if call.ends or call.name != "sendto":
            return
        line = call.strings[0]
        for found in _DELE.finditer(line):
            self.told.deleted.add(_sha256(self.round.pop3[int(found[1]) - 1]))
        for found in _EXPUNGE.finditer(line):
            for uid in _numbers(found[1].decode()):
                self.told.deleted.add(_sha256(self.round.imap[uid - 1]))
        named = self.recipients.setdefault(call.descriptor, [])
        for begins, recipient, message_id in _SENDING.findall(line):
            if begins:
                named.clear()
            elif recipient:
                named.append(recipient.decode())
            else:
                self.told.handed_over |= {(message_id.decode(), one) for one in named}


def cut(
    folder: Path, rounds: Sequence[Round], cuts: int, chance: random.Random, scratch: Path
) -> Told:
    """Cut the power so many times, and judge the disk each time; return all that was told.

    Half of the cuts come right after something was told, the others anywhere.
    """
    scratch.mkdir()
    sizes = [told.size for _, told in _replayed(folder, rounds)]
    telling = [at for at in range(1, len(sizes)) if sizes[at] > sizes[at - 1]]
    moments = chance.choices(telling, k=cuts // 2)
    moments += chance.choices(range(len(sizes)), k=cuts - len(moments))
    told = Told()
    for at, (disk, told) in enumerate(_replayed(folder, rounds)):
        for _ in range(moments.count(at)):
            _judge(disk, told, None, scratch)
            _judge(disk, told, chance, scratch)
    return told


def _replayed(folder: Path, rounds: Sequence[Round]) -> Iterator[tuple[Disk, Told]]:
    """Yield the disk, and what had been told, after each system call of the rounds."""
    disk, told = Disk(folder), Told()
    for one in rounds:
        ear = _Ear(one, told)
        for call in strace.calls(one.trace):
            disk.replay(call)
            ear.hear(call)
            yield disk, told


def _judge(disk: Disk, told: Told, chance: random.Random | None, scratch: Path) -> None:
    """Cut the power, and fail unless the database opens and knows all that was told."""
    files = disk.after_power_cut(chance)
    for name in (*_FILES, f"{_DATABASE}-shm"):
        (scratch / name).unlink(missing_ok=True)
    for name in set(_FILES) & files.keys():
        (scratch / name).write_bytes(files[name])
    if not told.deleted and not told.handed_over:
        return  # the tables may not be there yet
    with closing(sqlite3.connect(scratch / _DATABASE)) as database:
        assert database.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        stored = {sha256 for (sha256,) in database.execute(_STORED)}
        claimed = {(one.strip("<>"), name) for one, name in database.execute(_CLAIMED)}
    assert told.deleted <= stored
    assert told.handed_over <= claimed


def traced_rounds(
    program: Program, dovecot: Dovecot, relay: Relay, run: str, letters: Sequence[int]
) -> list[Round]:
    """Take in so many letters round by round, by IMAP and as many by POP3 at once, under strace."""
    people = [f"{run}-reader{number}" for number in range(2)]
    relay.add_users(people)
    slugs = {protocol: f"{run}-{protocol}" for protocol in ("imap", "pop3")}
    for protocol, slug in slugs.items():
        dovecot.add_user(slug, "secret")
        toml = category_toml(slug, dovecot=dovecot, relay=relay, protocol=protocol, more=_OPEN)
        program.write_category(slug, toml, [f"{name}@example.org" for name in people])
    done: list[Round] = []
    for number, count in enumerate(letters):
        before = done[-1].imap if done else []
        new = range(len(before), len(before) + count)
        come = {slug: [letter(n, run=slug) for n in new] for slug in slugs.values()}
        for slug, some in come.items():
            for one in some:
                dovecot.deliver(slug, one)
        trace = program.folder / f"round-{number}.strace"
        program.run_by = strace.command(trace)
        program.poll_once()
        done.append(Round(trace, come[slugs["pop3"]], before + come[slugs["imap"]]))
    program.run_by = ()
    return done


def _numbers(named: str) -> Iterator[int]:
    """Read a set of UIDs such as 1:3,7 (RFC 3501, sequence-set)."""
    for part in named.split(","):
        first, _, last = part.partition(":")
        yield from range(int(first), int(last or first) + 1)


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
