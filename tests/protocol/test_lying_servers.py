"""Seeded dialogues with servers that lie: nothing lost, nothing wrongly deleted, nothing twice."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dialogues import dialogue
from tests.dialogues.dialogue import Stage

SEEDS = 200
_PARTS = 8


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A database in memory, where the machine has a place for that."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Stage(Path(folder))


@pytest.mark.parametrize("part", range(_PARTS))
def test_whatever_servers_say_every_message_is_kept_and_sent_once(stage: Stage, part: int) -> None:
    for seed in range(part, SEEDS, _PARTS):
        assert dialogue.run(stage, seed).faults == [], f"seed {seed}"
