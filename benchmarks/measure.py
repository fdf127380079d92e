"""Several runs of two things by turns, and what they came to."""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

RUNS = int(os.environ.get("BENCH_RUNS", "3"))


@dataclass(frozen=True)
class Figure:
    """What several runs came to; `unit` is "/s", where more is better, or a unit of time or CPU."""

    values: tuple[float, ...]
    unit: str = "/s"

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        low, high = min(self.values), max(self.values)
        return f"{_short(self.median)} {self.unit} ({_short(low)}–{_short(high)})"


@dataclass(frozen=True)
class Row:
    """One line of the table: ours, what it was measured against, and whether that is enough."""

    target: int
    what: str
    ours: Figure
    beside: str  #: the peer with its figure, or the fixed limit
    ratio: float  #: ours against the target: 1 is just enough, above is better
    wanted: str


def against_peer(
    target: int,
    what: str,
    ours: Callable[[], float],
    peer: Callable[[], float],
    peer_name: str,
    factor: float,
) -> Row:
    """Run both by turns; reached where ours gives `factor` times what the peer gives."""
    pairs = [(ours(), peer()) for _ in range(RUNS)]
    mine, theirs = (Figure(values) for values in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    row = Row(
        target,
        what,
        mine,
        f"{peer_name}: {theirs}",
        ratio / factor,
        f"≥ {factor:g} × {peer_name}; is {ratio:.2f} ×",
    )
    return _told(row)


def at_most(target: int, what: str, measure: Callable[[], float], limit: float, unit: str) -> Row:
    """Reached where the figure is no more than `limit`."""
    figure = Figure(tuple(measure() for _ in range(RUNS)), unit)
    return _told(Row(target, what, figure, "–", limit / figure.median, f"≤ {limit:g} {unit}"))


def at_least(target: int, what: str, measure: Callable[[], float], limit: float) -> Row:
    """Reached where the rate is no less than `limit`."""
    figure = Figure(tuple(measure() for _ in range(RUNS)))
    return _told(Row(target, what, figure, "–", figure.median / limit, f"≥ {limit:,.0f} /s"))


def seconds(action: Callable[[], object]) -> float:
    """Return how long it takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def machine() -> str:
    """Say on what, and with which versions, all this was measured."""
    names = ("aiosmtplib", "sqlalchemy", "imapclient", "mail-parser")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    postfix = subprocess.run(
        ["/usr/sbin/postconf", "-dh", "mail_version"], capture_output=True, text=True
    ).stdout.strip()
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"CPython {platform.python_version()}, {versions}, Postfix {postfix or 'none'}"
    )


def table(rows: list[Row]) -> str:
    """Return the rows in Markdown."""
    lines = ["| # | what | ours | beside | target | |", "|---|---|---|---|---|---|"]
    for row in rows:
        verdict = "reached" if row.ratio >= 1 else f"**missed: {row.ratio:.0%} of it**"
        lines.append(
            f"| {row.target} | {row.what} | {row.ours} | {row.beside} | {row.wanted} | {verdict} |"
        )
    return "\n".join(lines)


def _told(row: Row) -> Row:
    sys.stderr.write(table([row]).splitlines()[-1] + "\n")
    return row


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
