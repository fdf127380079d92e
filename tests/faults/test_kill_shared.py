"""kill -9 while mail of a shared mailbox is taken in and routed: each category has it once."""

from collections.abc import Callable

from tests.faults.killing import Ground
from tests.faults.sharing import new_shared, points_after_storing
from tests.servers.postgres import Postgres

KILLS = 8
KILLS_ON_POSTGRESQL = 3


def test_killed_at_any_point_each_category_has_its_letters_once(
    ground: Ground, fresh_name: Callable[[str], str]
) -> None:
    points = points_after_storing(new_shared(ground, fresh_name("shared")))

    for point in points[:: len(points) // KILLS]:
        one = new_shared(ground, fresh_name("shared"))
        one.poll_once(point)
        one.come_to_rest()


def test_the_same_holds_on_postgresql(
    ground: Ground, postgres: Postgres, fresh_name: Callable[[str], str]
) -> None:
    with postgres.database() as name:
        points = points_after_storing(new_shared(ground, fresh_name("shared"), postgres.url(name)))

    for point in points[:: len(points) // KILLS_ON_POSTGRESQL]:
        with postgres.database() as name:
            one = new_shared(ground, fresh_name("shared"), postgres.url(name))
            one.poll_once(point)
            one.come_to_rest()
