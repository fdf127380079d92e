"""The sample messages, by their path below fixtures/messages."""

from collections.abc import Callable
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[3] / "fixtures" / "messages"


@pytest.fixture
def sample() -> Callable[[str], bytes]:
    """Read one sample, such as `plain/simple`."""
    return lambda name: (SAMPLES / f"{name}.eml").read_bytes()
