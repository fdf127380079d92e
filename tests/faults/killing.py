"""Lists whose program is killed, run to the end, and judged: nothing lost, nothing twice."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import text

from storage.opening import connect, open_database
from tests.letters import body_of, letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay, split_trace
from tests.ways import WAYS

KILLED = -signal.SIGKILL
STOPPED = -signal.SIGSTOP
# The file in a list's folder that names the points to which its last run came.
_POINTS = "points"
_ADDRESSES = "example.org"
_MESSAGE_ID = re.compile(rb"^Message-ID: <([^>]+)>", re.MULTILINE | re.IGNORECASE)
_UNHARMED = (0, signal.SIGKILL)
_OUTGOING = "max_recipients = 2\nmax_connections = 2"
# Two connections with so many transactions for two recipients each: what can be in flight when a
# process dies.
_IN_FLIGHT = {"lock step": 4, "pipelined": 12, "chunked": 32}
_OPEN = '[posting]\nnon_members = "accept"'

_DOUBTS = """SELECT recipient, message_id FROM attempts
             JOIN deliveries ON deliveries.id = delivery_id
             JOIN outgoing ON outgoing.id = outgoing_id
             JOIN posts ON posts.id = outgoing.post_id
             JOIN categories ON categories.id = posts.category_id
             WHERE outcome = 'uncertain' AND slug = :slug"""
_ROWS = """SELECT count(*) FROM inbound JOIN categories ON categories.id = category_id
           WHERE slug = :slug"""


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit status, or minus the signal; and the points it came to."""

    status: int
    points: list[str] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.status} at point {len(self.points)}, {self.points[-1:]}"


class Zygote:
    """The process that runs the program in forks of itself; see `tests/faults/zygote.py`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def start(
        self,
        folder: Path,
        *arguments: str,
        point: int = 0,
        what: signal.Signals = signal.SIGKILL,
        later: bool = False,
        impatient: bool = False,
        told: str = _POINTS,
    ) -> int:
        """Begin a run that is killed or stopped at its point number `point` (0: never).

        Return its process id. `later` puts it on another machine, when all leases have run out; it
        is `impatient` when another may have been stopped within a transaction. The file `told` is
        its own if others run at the same time.
        """
        request = {"start": arguments, "folder": str(folder), "told": str(folder / told)}
        how = {"point": point, "signal": what, "later": later, "impatient": impatient}
        return int(self._ask(request | how)["pid"])

    def wait(self, pid: int) -> int:
        """Wait until a run has ended or stopped; return its exit status, or minus the signal."""
        return int(self._ask({"wait": pid})["status"])

    def run(
        self,
        folder: Path,
        *arguments: str,
        point: int = 0,
        later: bool = False,
        impatient: bool = False,
    ) -> Ended:
        """Run a command to its end, or to its death."""
        pid = self.start(folder, *arguments, point=point, later=later, impatient=impatient)
        return Ended(self.wait(pid), points(folder))

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def points(folder: Path, told: str = _POINTS) -> list[str]:
    """Return the points to which the folder's last run came."""
    return (folder / told).read_text("utf-8").splitlines()


@contextmanager
def zygote(folder: Path) -> Iterator[Zygote]:
    """Run a zygote until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.zygote"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=Program(folder).full_environment(),
        text=True,
    )
    try:
        yield Zygote(process)
    finally:
        process.communicate(timeout=30)


@dataclass
class Ground:
    """What all lists of a test share: the servers, the subscribers, an empty database."""

    folder: Path
    zygote: Zygote
    dovecot: Dovecot
    relay: Relay
    people: Sequence[str]
    run: str  #: in every list's name
    postgres_url: str | None = None
    way: str = "chunked"  #: in which the mail of the next list leaves, of `WAYS`
    lists: list["List"] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.relay.add_users(self.people)
        open_database(f"sqlite:///{self.folder / 'empty.db'}").close()

    def new_list(
        self,
        protocol: str,
        letters: int,
        *,
        incoming: str = "",
        outgoing: str = "",
        more: str = "",
        fresh: bool = False,
    ) -> "List":
        """Make a list with so many letters in its mailbox, and subscribers who have got none.

        A `fresh` one has no database yet.
        """
        slug = f"{self.run}-{len(self.lists)}"
        program = Program(self.folder / slug)
        if self.postgres_url:
            program.write_service(f'database = "{self.postgres_url}"\n')
        elif not fresh:
            shutil.copyfile(self.folder / "empty.db", program.database)
        self.dovecot.add_user(slug, "secret")
        toml = category_toml(
            slug,
            dovecot=self.dovecot,
            relay=self.relay,
            protocol=protocol,
            incoming=incoming,
            outgoing=f"{_OUTGOING}\n{outgoing}\n{WAYS[self.way]}",
            more=more + _OPEN,
        )
        program.write_category(slug, toml, [f"{name}@{_ADDRESSES}" for name in self.people])
        made = List(self, program, slug, self.way, [_letter(n, slug) for n in range(letters)])
        for one in made.letters:
            self.dovecot.deliver(slug, one)
        self.lists.append(made)
        return made

    def judge_copies(self) -> "Figures":
        """Compare what every subscriber got with what was sent and what is on record as doubtful.

        Fails with the lists, and the points at which they were killed, that are not in order.
        """
        self.relay.wait_until_idle(120)
        got = {name: self._copies(name) for name in self.people}
        figures = Figures()
        wrong = []
        for one in self.lists:
            missed, repeated, unlisted = one.compare(got)
            figures.lists += 1
            figures.kills += len(one.deaths)
            figures.missed += missed
            figures.repeated += repeated
            figures.unlisted += unlisted
            figures.doubts += one.doubts.total()
            if missed or unlisted:
                wrong.append(f"{one.slug}, {one.died()}: {missed} missed, {unlisted} not listed")
        assert not wrong, wrong
        return figures

    def _copies(self, name: str) -> Counter[tuple[str, bytes]]:
        return Counter(_identity(split_trace(copy)[1]) for copy in self.relay.copies(name))


@dataclass
class Figures:
    """What the lists of a test came to, in copies but for the first two."""

    lists: int = 0
    kills: int = 0
    missed: int = 0
    repeated: int = 0
    unlisted: int = 0  #: repeated without being on record as uncertain
    doubts: int = 0  #: on record as uncertain, repeated or not


@dataclass
class List:
    """One category with an installation, a mailbox and letters of its own."""

    ground: Ground
    program: Program
    slug: str
    way: str
    letters: list[bytes]
    deaths: list[Ended] = field(default_factory=list)
    #: Recipient and Message-ID of each doubt on record, once the list is at rest.
    doubts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def poll_once(self, *arguments: str, point: int = 0, later: bool = False) -> Ended:
        """Run `poll-once`, killed at a point."""
        ended = self.ground.zygote.run(
            self.program.folder, "poll-once", *arguments, self.slug, point=point, later=later
        )
        if ended.status == KILLED:
            self.deaths.append(ended)
        else:
            assert ended.status == 0, (self.slug, self.died(), ended, self._told())
        return ended

    def serve_until_killed(self, point: int) -> None:
        """Run `serve` until it dies at a point, which comes with one of its polls."""
        parts = ("--only", "poll", "--only", "send")
        ended = self.ground.zygote.run(self.program.folder, "serve", *parts, point=point)
        assert ended.status == KILLED, (ended, self._told())
        self.deaths.append(ended)

    def overtake(self, point: int) -> bool:
        """Stop a run at a point, let another take over from it, and have it go on; say if it was.

        The run that takes over gets only so far where the other was stopped within a transaction.
        """
        folder, zygote = self.program.folder, self.ground.zygote
        first = zygote.start(folder, "poll-once", self.slug, point=point, what=signal.SIGSTOP)
        status = zygote.wait(first)
        if status != STOPPED:
            return False
        self.deaths.append(Ended(status, points(folder)))
        try:
            zygote.run(folder, "poll-once", self.slug, later=True, impatient=True)
        finally:
            os.kill(first, signal.SIGCONT)
        assert zygote.wait(first) in (0, 1), self._told()
        return True

    def work_together(self, killed_at: int, stopped_at: int) -> None:
        """Have four processes work at once, of which one dies and one stops; then a fifth.

        Whom the stopped one keeps from the database gives up; it goes on when all others are done.
        """
        folder, zygote = self.program.folder, self.ground.zygote
        fates = [(killed_at, signal.SIGKILL), (stopped_at, signal.SIGSTOP)] + 2 * [_UNHARMED]
        workers = [
            zygote.start(
                folder, "poll-once", self.slug, point=point, what=what, impatient=True, told=f"{n}"
            )
            for n, (point, what) in enumerate(fates)
        ]
        ends = [zygote.wait(pid) for pid in workers]
        assert ends[0] in (KILLED, 0, 1), self._told()
        assert {*ends[2:]} <= {0, 1}, self._told()
        for n, status in enumerate(ends):
            if status in (KILLED, STOPPED):
                self.deaths.append(Ended(status, points(folder, f"{n}")))
        if ends[1] == STOPPED:
            zygote.run(folder, "poll-once", self.slug, later=True, impatient=True)
            os.kill(workers[1], signal.SIGCONT)
            ends[1] = zygote.wait(workers[1])
        assert ends[1] in (0, 1), self._told()

    def come_to_rest(self, *, later: bool = False) -> None:
        """Run the program to the end, twice; fail unless all is taken in once and decided."""
        for _ in range(2):
            self.poll_once(later=later)
        self.check()

    def check(self) -> None:
        """Fail unless the mailbox is empty, each letter is stored once, and the audit passes."""
        why = (self.slug, self.died(), self._told())
        assert self.ground.dovecot.messages(self.slug) == [], why
        assert self.ground.zygote.run(self.program.folder, "audit").status == 0, why
        database = connect(self.ground.postgres_url or f"sqlite:///{self.program.database}")
        with database.reading() as tx:
            taken_in = tx.execute(text(_ROWS), {"slug": self.slug}).scalar_one()
            doubtful = tx.execute(text(_DOUBTS), {"slug": self.slug}).all()
        database.close()
        assert taken_in == len(self.letters), why
        assert len(doubtful) <= _IN_FLIGHT[self.way] * len(self.deaths), why
        self.doubts = Counter((name, message_id.strip("<>")) for name, message_id in doubtful)

    def compare(self, got: dict[str, Counter[tuple[str, bytes]]]) -> tuple[int, int, int]:
        """Return how many copies are missed, repeated, and repeated without being on record."""
        missed = repeated = unlisted = 0
        for name, copies in got.items():
            for one in map(_identity, self.letters):
                more = copies[one] - 1
                doubts = self.doubts[f"{name}@{_ADDRESSES}", one[0]]
                missed += more < 0
                repeated += max(more, 0)
                unlisted += max(more - doubts, 0)
        return missed, repeated, unlisted

    def died(self) -> str:
        """Say how often and where the program died, for a person who wants to know why."""
        return "; ".join(map(str, self.deaths))

    def _told(self) -> str:
        return (self.program.folder / "stderr").read_text()


def _letter(number: int, slug: str) -> bytes:
    """Make a letter with a Message-ID of its own; the lists' letters have the same lines."""
    mark = f"letter-{number}@".encode()
    return letter(number, run="letter").replace(mark, f"{slug}-{number}@".encode(), 1)


def _identity(raw: bytes) -> tuple[str, bytes]:
    """Return Message-ID and body, by which a copy is told to be that of a letter."""
    found = _MESSAGE_ID.search(raw)
    return (found[1].decode() if found else "", body_of(raw))
