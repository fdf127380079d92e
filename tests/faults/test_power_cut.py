"""Everything that a server was told to delete was on the disk before, whenever the power is cut.

A sample; tests/soak/test_power_cuts.py makes a thousand cuts.
"""

import random
from collections.abc import Callable
from pathlib import Path

from tests.faults.power_cut import cut, traced_rounds
from tests.program import Program
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay

CUTS = 20
ROUNDS = (6, 6)  # letters


def test_what_servers_were_told_was_on_the_disk_before(
    tmp_path: Path,
    traced: None,
    dovecot: Dovecot,
    relay: Relay,
    fresh_name: Callable[[str], str],
) -> None:
    program = Program(tmp_path / "listbridge")
    rounds = traced_rounds(program, dovecot, relay, fresh_name("cut"), ROUNDS)

    told = cut(program.folder, rounds, CUTS, random.Random("power"), tmp_path / "rebuilt")

    assert len(told.deleted) == 2 * sum(ROUNDS)
    assert len(told.handed_over) == 2 * len(told.deleted)
