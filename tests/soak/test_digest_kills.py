"""kill -9 at many more points while digests come about."""

import pytest

from tests.faults.killing import Ground
from tests.faults.test_kill_digests import kill_around


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_killed_around_every_change_of_what_has_gathered_each_post_comes_once(
    ground: Ground,
) -> None:
    kill_around(ground, 40)
