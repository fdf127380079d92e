"""A sample of the network-fault cells; `make soak` plays all of them."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.cells import ROADS, Cell, all_cells, play
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay

SAMPLE = 40


@pytest.mark.timeout(240)
def test_whatever_the_network_does_at_any_step_nothing_is_lost_or_doubled(
    tmp_path: Path, dovecot: Dovecot, relay: Relay, fresh_name: Callable[[str], str]
) -> None:
    untouched = [Cell(road, None) for road in ROADS]
    clean = play(tmp_path / "clean", dovecot, relay, untouched, fresh_name("clean"))
    cells = all_cells(clean)
    random.Random("sample").shuffle(cells)
    played = play(tmp_path / "faults", dovecot, relay, cells[:SAMPLE], fresh_name("fault"))

    assert [one.wrong for one in clean if one.wrong] == []
    assert any(one.reached for one in played)
    assert [(str(one.cell), one.wrong, one.line) for one in played if one.wrong] == []
