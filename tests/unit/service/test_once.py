"""A round over several categories: what goes wrong in one costs the others nothing."""

from collections.abc import Callable

import pytest

from listbridge.bootstrap import Installation
from listbridge.config import Configuration
from listbridge.intake.readers import Readers
from listbridge.intake.tally import Tally
from listbridge.service import once, rehearsal
from listbridge.service.once import poll_once
from storage import categories
from storage.errors import StoreError
from tests.fakes.courier import RecordingCourier
from tests.fakes.mailbox import FakeServer
from tests.fakes.office import general, letter


@pytest.fixture
def two(install: Callable[..., Installation]) -> Installation:
    """An installation with a second category, which has no mailbox."""
    one = install()
    with one.db.transaction() as tx:
        other = categories.keep(tx, "other", "other@example.org").id
    known = {**one.configuration.categories, "other": general(slug="other")}
    configuration = Configuration(one.configuration.service, known, {}, ())
    return Installation(configuration, one.db, {**one.ids, "other": other}, {})


@pytest.mark.parametrize("dry", [True, False])
@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (StoreError("the disk is full"), "the disk is full"),
        (KeyError("a secret"), "it failed with KeyError in fails; report this"),
    ],
)
async def test_whatever_blows_up_in_one_category_the_other_has_its_round(
    two: Installation,
    server: FakeServer,
    courier: RecordingCourier,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Exception,
    said: str,
    dry: bool,
) -> None:
    server.deliver(letter(1))
    where = rehearsal if dry else once
    whole_round = where.whole_round

    def fails(*args: object, **rest: object) -> None:
        [readers] = [one for one in args if isinstance(one, Readers)]
        if readers.lead.category.slug == "other":
            raise trouble
        whole_round(*args, **rest)

    monkeypatch.setattr(where, "whole_round", fails)
    tallies: list[Tally] = []

    await poll_once(two, ["other", "general"], send=True, dry_run=dry, done=tallies.append)

    by_slug = {one.category: one for one in tallies}
    assert by_slug["other"].error == said
    assert (by_slug["general"].posts, by_slug["general"].error) == (1, None)
