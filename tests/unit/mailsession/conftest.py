"""The sample files of other systems."""

from collections.abc import Callable
from pathlib import Path

import pytest

from listbridge import mailsession
from listbridge.mailsession import ForeignSession

SAMPLES = Path(__file__).parents[3] / "fixtures" / "sessions"


@pytest.fixture
def sample() -> Callable[..., ForeignSession]:
    """Read a sample's session, by JNDI name where there are several."""
    return lambda name, jndi=None: mailsession.read_file(SAMPLES / name, jndi)
