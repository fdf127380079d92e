"""Ten thousand dialogues with lying servers, with figures.

LISTBRIDGE_SOAK_DIALOGUES says how many, LISTBRIDGE_SOAK_FIRST_SEED which is the first.
"""

import os
import resource
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.dialogues import dialogue
from tests.dialogues.dialogue import Result, Stage

DIALOGUES = int(os.environ.get("LISTBRIDGE_SOAK_DIALOGUES", "10000"))
FIRST = int(os.environ.get("LISTBRIDGE_SOAK_FIRST_SEED", "0"))
_AT_ONCE = 50
_MOST_MEMORY_KB = 400_000


@pytest.mark.soak
@pytest.mark.timeout(60 + DIALOGUES * 3)
def test_whatever_servers_say_every_message_is_kept_and_sent_once() -> None:
    told: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    faults: dict[int, list[str]] = {}
    most_memory = 0
    starts = range(FIRST, FIRST + DIALOGUES, _AT_ONCE)
    # More than there are cores: much of the time a client waits for a server that is silent.
    with ProcessPoolExecutor(2 * (os.cpu_count() or 1)) as processes:
        for results, memory in processes.map(_some, starts):
            most_memory = max(most_memory, memory)
            for one in results:
                told += one.told
                for name in ("messages", "deletions", "copies", "doubts", "repeats"):
                    sums[name] += getattr(one, name)
                if one.faults:
                    faults[one.seed] = one.faults
    print(f"seeds {FIRST} to {FIRST + DIALOGUES - 1}: {dict(sums)}, {most_memory} kB at most")
    print(f"{told.total()} lies: {dict(told.most_common())}")
    assert faults == {}
    assert most_memory < _MOST_MEMORY_KB


def _some(start: int) -> tuple[list[Result], int]:
    """Play some dialogues; return what came out, and the memory this process needed in kB."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        stage = Stage(Path(folder))
        seeds = range(start, min(start + _AT_ONCE, FIRST + DIALOGUES))
        results = [dialogue.run(stage, seed) for seed in seeds]
    return results, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
