"""Run every benchmark and write what came of it to docs/performance.md and its picture."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import fan_out, ingest, mailman, memory, mlmmj, outbox, round_trips, timer, wake
from benchmarks.measure import RUNS, machine, table
from benchmarks.plot import picture

PAGE = Path(__file__).parents[1] / "docs/performance.md"
_MARKS = "<!-- figures -->", "<!-- end of figures -->"
PARTS = {
    "fan_out": fan_out.rows,
    "mailman": mailman.rows,
    "mlmmj": mlmmj.rows,
    "memory": memory.rows,
    "round_trips": round_trips.rows,
    "ingest": ingest.rows,
    "outbox": outbox.rows,
    "timer": timer.rows,
    "wake": wake.rows,
}


def main(chosen: list[str]) -> None:
    """Run the named parts and print their table; run all, and write it down too."""
    rows = [row for name in chosen or PARTS for row in PARTS[name]()]
    rows.sort(key=lambda row: row.target)
    today = datetime.now(UTC).date()
    found = (
        f"`make bench` of {today}: medians of {RUNS} runs with the lowest and the highest. "
        f"{machine()}.\n\n{table(rows)}"
    )
    sys.stdout.write(found + "\n")
    if not chosen:
        begin, end = _MARKS
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        PAGE.write_text(f"{before}{begin}\n{found}\n{end}{after}", encoding="utf-8")
        PAGE.with_suffix(".svg").write_text(picture(rows), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
