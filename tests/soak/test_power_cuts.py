"""A thousand power cuts: what servers had been told was on the disk before, each time.

LISTBRIDGE_SOAK_CUTS makes it more or fewer, LISTBRIDGE_SOAK_SEED chooses others.
"""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.power_cut import cut, traced_rounds
from tests.program import Program
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay

CUTS = int(os.environ.get("LISTBRIDGE_SOAK_CUTS", "1000"))
SEED = os.environ.get("LISTBRIDGE_SOAK_SEED", "1")
# The second round is taken in in two batches, and fills the write-ahead log more than once.
ROUNDS = (20, 230, 20)


@pytest.mark.soak
def test_whenever_the_power_is_cut_what_servers_were_told_was_on_the_disk_before(
    tmp_path: Path,
    traced: None,
    dovecot: Dovecot,
    relay: Relay,
    fresh_name: Callable[[str], str],
) -> None:
    program = Program(tmp_path / "listbridge")
    rounds = traced_rounds(program, dovecot, relay, fresh_name("cut"), ROUNDS)

    told = cut(program.folder, rounds, CUTS, random.Random(SEED), tmp_path / "rebuilt")

    print(
        f"{CUTS} cuts, each judged with nothing and with some of what no fsync had covered, seed "
        f"{SEED}: {len(told.deleted)} deletions, {len(told.handed_over)} copies, none unknown"
    )
    assert len(told.deleted) == 2 * sum(ROUNDS)
    assert len(told.handed_over) == 2 * len(told.deleted)
