"""Every network-fault cell: each fault at each step of IMAP, POP3 and SMTP, with TLS and without.

LISTBRIDGE_SOAK_CELLS plays only so many, chosen by LISTBRIDGE_SOAK_SEED.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.fakes.fault_proxy import Fault
from tests.faults.cells import ROADS, TIMEOUT_SECONDS, Cell, Played, all_cells, play
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay

CELLS = int(os.environ.get("LISTBRIDGE_SOAK_CELLS", "100000"))
SEED = os.environ.get("LISTBRIDGE_SOAK_SEED", "1")
AT_ONCE = 50
# With much else to do a time limit may come before the fault; then the cell is played again.
TRIES = 4
# One cell in so many may stay out of reach.
MISSED_AT_MOST = 200


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_every_fault_at_every_step(
    tmp_path: Path,
    dovecot: Dovecot,
    relay: Relay,
    fresh_name: Callable[[str], str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    untouched = [Cell(road, None) for road in ROADS]
    clean = play(tmp_path / "clean", dovecot, relay, untouched, fresh_name("clean"))
    cells = all_cells(clean)
    random.Random(SEED).shuffle(cells)
    open_cells, played = cells[:CELLS], []
    for _ in range(TRIES):
        missed: list[Cell] = []
        for start in range(0, len(open_cells), AT_ONCE):
            run = fresh_name("cell")
            some = open_cells[start : start + AT_ONCE]
            played += play(tmp_path / run, dovecot, relay, some, run)
            missed += [one.cell for one in played[-len(some) :] if not one.reached]
        open_cells = missed
    with capsys.disabled():
        print(_table([one for one in played if one.reached]))
        print(f"not reached: {[str(cell) for cell in open_cells]}")

    assert [one.wrong for one in clean if one.wrong] == []
    # Whether TLS sends a last record at the end of a connection depends on who is faster.
    assert len(open_cells) <= len(cells) // MISSED_AT_MOST
    assert [(str(one.cell), one.wrong, one.line) for one in played if one.wrong] == []


def _table(played: Sequence[Played]) -> str:
    """Tell how many cells of each kind were played, and what came of them."""
    count = Counter(
        (str(one.cell.road), one.cell.strike.fault) for one in played if one.cell.strike
    )
    lines = ["", f"{'':25}" + "".join(f"{fault.value:>9}" for fault in Fault)]
    for road in map(str, ROADS):
        lines.append(f"{road:25}" + "".join(f"{count[road, fault]:>9}" for fault in Fault))
    waits = [seconds for one in played if _is_silence(one) for seconds in one.left_after]
    doubts = sum(one.line["uncertain"] for one in played)
    lines += [
        f"{len(played)} cells, seed {SEED}: {sum(bool(one.wrong) for one in played)} wrong, "
        f"{doubts} deliveries recorded as in doubt",
        f"longest round of a category: {max(one.seconds for one in played):.1f} s "
        f"(timeout {TIMEOUT_SECONDS} s); longest wait in silence: {max(waits, default=0):.2f} s",
    ]
    return "\n".join(lines)


def _is_silence(one: Played) -> bool:
    return one.cell.strike is not None and one.cell.strike.fault is Fault.SILENCE
