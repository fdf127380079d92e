"""Network-fault cells: one fault at one step of one protocol, played through the real program.

A cell is a category of its own, with a mailbox, letters and readers of its own and a proxy before
the server of its protocol. Many are played side by side in one `poll-once`, beside a category that
is well and one whose server is dead; then the faults end, and it is judged what became of the mail.
"""

import json
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.fakes.fault_proxy import Fault, FaultProxy, Network, Side, Strike, network
from tests.letters import body_of
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay, split_trace
from tests.ways import WAYS

TIMEOUT_SECONDS = 1
LETTERS = 2
READERS = 2
# Opening has five waits, and so has each message; the rest is for a machine with much to do.
BUDGET_SECONDS = 2 * 5 * TIMEOUT_SECONDS
SLACK_SECONDS = 20
_ROUNDS_AFTER = 4
# Of a longer run of units from one side the first, the middle and the last ones stand for all.
_LONGEST_RUN = 6
# What corrupts text in the clear, where nothing but a number of octets could tell.
_CORRUPTING = {Fault.GARBAGE, Fault.DOUBLED}
# Words of an error that nobody had foreseen.
_UNFORESEEN = ("failed with", "report this", "failed: ", "Traceback")


@dataclass(frozen=True)
class Road:
    """The way on which the fault lies."""

    protocol: str  #: imap, pop3 or smtp
    security: str
    way: str = "chunked"  #: in which mail leaves, of `WAYS`

    def __str__(self) -> str:
        way = f"/{self.way}" if self.protocol == "smtp" else ""
        return f"{self.protocol}/{self.security}{way}"


ROADS = [
    Road(protocol, security, way)
    for protocol, ways in (("imap", ["chunked"]), ("pop3", ["chunked"]), ("smtp", list(WAYS)))
    for security in ("none", "starttls", "tls")
    for way in ways
]


@dataclass(frozen=True)
class Cell:
    """One fault at one step."""

    road: Road
    strike: Strike | None
    #: The step in the words of the clean run.
    words: str = ""

    @property
    def corrupts(self) -> bool:
        """Say whether mail may look different afterwards, as in the clear nothing can tell."""
        in_clear = self.road.security == "none"
        return in_clear and self.strike is not None and self.strike.fault in _CORRUPTING

    def __str__(self) -> str:
        if self.strike is None:
            return f"{self.road} untouched"
        one = self.strike
        return f"{self.road} {one.fault.value} at {one.side} {one.number} ({self.words})"


@dataclass
class Played:
    """What became of a cell."""

    cell: Cell
    line: dict[str, Any]
    seconds: float  #: from the first contact to the end of the category's round
    struck: int
    units: list[tuple[Side, bytes]]
    left_after: list[float]
    wrong: list[str] = field(default_factory=list)

    @property
    def reached(self) -> bool:
        """Say whether the fault struck; with much else to do a time limit may come first."""
        return self.struck > 0


@dataclass
class _Stage:
    """Where cells are played."""

    program: Program
    dovecot: Dovecot
    relay: Relay
    net: Network
    proxies: dict[str, FaultProxy] = field(default_factory=dict)

    def set_up(self, slug: str, cell: Cell) -> None:
        """Make the category of a cell, with its letters, readers and proxy."""
        self.dovecot.add_user(slug, "secret")
        for number in range(LETTERS):
            self.dovecot.deliver(slug, letter(slug, number))
        target = {
            ("imap", False): self.dovecot.imap_port,
            ("imap", True): self.dovecot.imaps_port,
            ("pop3", False): self.dovecot.pop3_port,
            ("pop3", True): self.dovecot.pop3s_port,
            ("smtp", False): self.relay.port,
            ("smtp", True): self.relay.tls_port,
        }[cell.road.protocol, cell.road.security == "tls"]
        self.proxies[slug] = self.net.before(target, cell.strike)
        self.write_category(slug, cell.road, timeout=f"{TIMEOUT_SECONDS}s")

    def write_category(self, slug: str, road: Road, timeout: str) -> None:
        """Write the category's file, with so much patience."""
        dovecot, relay, port = self.dovecot, self.relay, self.proxies[slug].port
        secured = f'security = "{road.security}"\nca_file = "{dovecot.ca_file}"\n'
        wait = f'timeout = "{timeout}"\n'
        incoming, outgoing = wait, f"{wait}max_connections = 1\n{WAYS[road.way]}"
        if road.protocol == "smtp":
            relay, outgoing = replace(relay, port=port), outgoing + "\n" + secured
        else:
            dovecot, incoming = replace(dovecot, imap_port=port, pop3_port=port), wait + secured
        toml = category_toml(
            slug,
            dovecot=dovecot,
            relay=relay,
            protocol="pop3" if road.protocol == "pop3" else "imap",
            incoming=incoming,
            outgoing=outgoing,
            more='[posting]\nnon_members = "accept"',
        )
        self.program.write_category(slug, toml, [f"{name}@example.org" for name in readers(slug)])


def readers(slug: str) -> list[str]:
    """Name the readers of a cell."""
    return [f"{slug}-r{number}" for number in range(READERS)]


def letter(slug: str, number: int) -> bytes:
    """Make a letter that has as many lines as each other, so that steps have the same numbers."""
    head = [
        "From: Ann <ann@example.net>",
        f"Subject: letter {number} of {slug}",
        f"Message-ID: <{slug}-{number}@example.net>",
        "Date: Sat, 21 Nov 2026 10:00:00 +0000",
    ]
    body = [f"Letter {number} of {slug}.", ".a line with a dot", "and the last line"]
    return "\r\n".join([*head, "", *body, ""]).encode()


def all_cells(clean: Sequence[Played]) -> list[Cell]:
    """Return every fault at every step that clean runs have shown."""
    return [
        Cell(one.cell.road, Strike(side, number, fault), words)
        for one in clean
        for side, number, words in _steps(one.units)
        for fault in Fault
        if _makes_sense(fault, side, one.cell.road)
    ]


def _makes_sense(fault: Fault, side: Side, road: Road) -> bool:
    if fault is Fault.DOUBLED:
        return side == "server"
    # In the clear nobody could tell a wrong bit.
    return fault is not Fault.FLIPPED or road.security != "none"


def _steps(units: Sequence[tuple[Side, bytes]]) -> Iterator[tuple[Side, int, str]]:
    counted: Counter[Side] = Counter()
    for side, run in groupby(units, key=lambda unit: unit[0]):
        octets = [unit for _, unit in run]
        middle = len(octets) // 2
        for place, unit in enumerate(octets):
            counted[side] += 1
            near = min(place, abs(place - middle) + 1, len(octets) - 1 - place)
            if len(octets) <= _LONGEST_RUN or near < 2:
                yield side, counted[side], _words(unit)


def _words(unit: bytes) -> str:
    is_record = unit[:1] < b" " and len(unit) > 5
    return (
        f"record of {len(unit) - 5} octets"
        if is_record
        else unit[:30].decode("ascii", "replace").strip()
    )


def play(
    folder: Path, dovecot: Dovecot, relay: Relay, cells: Sequence[Cell], run: str
) -> list[Played]:
    """Play these cells side by side and judge them; `run` is a name that no other play has."""
    slugs = {f"{run}-{number}": cell for number, cell in enumerate(cells)}
    well, dead = f"{run}-well", f"{run}-dead"
    with ExitStack() as stack:
        net = stack.enter_context(network())
        stage = _Stage(Program(folder, same_process=True), dovecot, relay, net)
        relay.add_users([name for slug in [*slugs, well, dead] for name in readers(slug)])
        neighbour = Road("imap", "none")
        for slug, cell in slugs.items():
            stage.set_up(slug, cell)
        stage.set_up(well, Cell(neighbour, None))
        stage.write_category(well, neighbour, timeout="60s")
        stage.set_up(dead, Cell(neighbour, Strike("server", 1, Fault.SILENCE)))
        stage.write_category(dead, neighbour, timeout="90s")
        lines, ended = _round_with_faults(stage, dead)
        played = [
            Played(
                cell,
                lines[slug],
                ended[slug] - (stage.proxies[slug].first_contact or ended[slug]),
                stage.proxies[slug].struck,
                stage.proxies[slug].units,
                list(stage.proxies[slug].left_after),
            )
            for slug, cell in slugs.items()
        ]
        rounds = _rounds_without(stage, {**slugs, well: Cell(neighbour, None)}, dead)
        _judge(stage, dict(zip(slugs, played, strict=True)), lines, rounds)
        assert lines[well]["error"] is None
        assert lines[well]["sent"] == LETTERS * READERS
    return played


def _round_with_faults(
    stage: _Stage, dead: str
) -> tuple[dict[str, dict[str, Any]], dict[str, float]]:
    """Run `poll-once`; every other category must be done while the dead one still hangs."""
    program = stage.program
    log = program.folder / "faults.log"
    with log.open("wb") as stderr:
        running = subprocess.Popen(
            program.command("poll-once", "--json"),
            cwd=program.folder,
            env=program.full_environment() | {"PYTHONWARNINGS": "default::ResourceWarning"},
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        lines, ended = {}, {}
        assert running.stdout is not None
        try:
            for text in running.stdout:
                line = json.loads(text)
                lines[line["category"]] = line
                ended[line["category"]] = time.monotonic()
                if len(lines) == len(stage.proxies) - 1:
                    assert dead not in lines
                    stage.net.heal_one(stage.proxies[dead])
            assert running.wait(60) == 1
        finally:
            running.kill()
            running.wait()
            running.stdout.close()
    complaints = log.read_text()
    assert "ResourceWarning" not in complaints, complaints
    assert "Traceback" not in complaints, complaints
    assert len(lines) == len(stage.proxies)
    return lines, ended


def _rounds_without(
    stage: _Stage, cells: dict[str, Cell], dead: str
) -> list[dict[str, dict[str, Any]]]:
    """End the faults and go on until everything has settled; return each round's lines."""
    stage.net.heal()
    program = stage.program
    for slug, cell in cells.items():
        stage.write_category(slug, cell.road, timeout="60s")
    stage.write_category(dead, Road("imap", "none"), timeout="60s")
    rounds = []
    for _ in range(_ROUNDS_AFTER):
        waiting = program.json("queue", "list")
        if again := [one["id"] for one in waiting if one["state"] in ("deferred", "uncertain")]:
            program.run("queue", "retry", *again)
        rounds.append(program.poll_once(status=None))
        busy = any(line["fetched"] or line["error"] for line in rounds[-1].values())
        if not busy and program.json("queue", "list") == []:
            break
    stage.relay.wait_until_idle()
    return rounds


def _judge(
    stage: _Stage,
    played: dict[str, Played],
    first: dict[str, dict[str, Any]],
    rounds: list[dict[str, dict[str, Any]]],
) -> None:
    stage.program.audit()
    posts = _count(
        stage.program,
        "SELECT slug FROM posts JOIN categories ON categories.id = posts.category_id",
    )
    doubts = _count(
        stage.program,
        """SELECT recipient FROM attempts JOIN deliveries ON deliveries.id = delivery_id
           WHERE outcome = 'uncertain'""",
    )
    for slug, one in played.items():
        every = [first[slug], *(lines[slug] for lines in rounds)]
        total = {key: sum(line[key] for line in every) for key in ("fetched", "failed")}
        repeated = sum(line["duplicates"] for line in every)
        _expect(one, total["fetched"] == LETTERS, f"taken in {total['fetched']} times")
        _expect(one, repeated == 0, f"{repeated} taken in twice")
        _expect(one, posts[slug] == LETTERS, f"{posts[slug]} posts")
        _expect(one, total["failed"] == 0, f"{total['failed']} deliveries failed")
        _expect(one, every[-1]["error"] is None, f"at the end {every[-1]['error']}")
        _expect(one, not stage.dovecot.messages(slug), "not deleted")
        seen_to = sum(line["held"] + line["shunted"] for line in every)
        _judge_copies(stage, slug, one, doubts, seen_to if one.cell.corrupts else 0)
        _judge_first_round(one)


def _judge_copies(
    stage: _Stage, slug: str, one: Played, doubts: Counter[str], set_aside: int
) -> None:
    wanted = Counter(body_of(letter(slug, number)) for number in range(LETTERS))
    for name in readers(slug):
        copies = stage.relay.copies(name)
        most = LETTERS + doubts[f"{name}@example.org"]
        enough = LETTERS - set_aside <= len(copies) <= most
        _expect(one, enough, f"{len(copies)} copies, {most} allowed")
        if not one.cell.corrupts:
            bodies = {split_trace(copy)[1].partition(b"\n\n")[2] for copy in copies}
            _expect(one, bodies == set(wanted), "bodies differ")


def _judge_first_round(one: Played) -> None:
    line, error = one.line, one.line["error"]
    done = line["fetched"] == LETTERS and line["sent"] == LETTERS * READERS
    told = error is not None or any(line[x] for x in ("deferred", "uncertain", "held", "shunted"))
    _expect(one, bool(done or told), f"not a word of what happened: {line}")
    foreseen = error is None or not any(words in error for words in _UNFORESEEN)
    _expect(one, foreseen, f"error: {error}")
    limit = BUDGET_SECONDS + SLACK_SECONDS
    _expect(one, one.seconds <= limit, f"took {one.seconds:.1f} s")


def _expect(one: Played, true: bool, otherwise: str) -> None:
    if not true:
        one.wrong.append(otherwise)


def _count(program: Program, query: str) -> Counter[str]:
    """Count the rows of a query by their only column."""
    with closing(sqlite3.connect(program.database)) as connection, connection:
        found = Counter(value for (value,) in connection.execute(query))
    connection.close()
    return found
