"""Digests in a database that may be an old state put back: what they hold may have been sent."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from listbridge import clock
from listbridge.service import duties
from storage import restored
from storage.states import Duty
from tests.fakes.town import Town
from tests.unit.digests.conftest import Post
from tests.unit.digests.test_digests import DORA, subjects


@pytest.fixture
def restore(town: Town, post: Post, at: Callable[[timedelta], None]) -> Callable[[], None]:
    """Let a post wait for a digest, and the database be put back an hour after that."""
    town.member(DORA, receives="digest")
    town.write("Before")

    def put_back() -> None:
        at(timedelta(hours=1))
        with town.office.db.transaction() as tx:
            restored.look(tx, clock.now())
            tx.exec_driver_sql(
                "UPDATE restore_fence SET held_since = ?, reason = 'old'",
                (f"{clock.now():%Y-%m-%d %H:%M:%S.%f}",),
            )
        at(timedelta(hours=2))
        town.write("Since")

    return put_back


def resume(town: Town, *, cancel: bool) -> None:
    with town.office.db.transaction() as tx:
        restored.lift(tx, clock.now(), cancel=cancel)


def found(post: Post) -> list[list[str]]:
    return [subjects(one) for _, one in post.morning()]


def test_none_is_made_before_it_is_resumed(
    town: Town, post: Post, restore: Callable[[], None]
) -> None:
    restore()
    held = found(post)
    resume(town, cancel=False)

    assert (held, found(post)) == ([], [["Before", "Since"]])


def test_what_had_gathered_can_be_given_up_and_what_came_since_comes(
    town: Town, post: Post, restore: Callable[[], None]
) -> None:
    restore()
    resume(town, cancel=True)

    assert found(post) == [["Since"]]


def test_what_fails_is_owed_still_and_keeps_nothing_else_from_being_done(
    town: Town, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> tuple[int, None]:
        raise ValueError

    town.member(DORA, receives="digest")
    town.write("One")
    with town.office.db.transaction() as tx:
        duties.duties.owe(tx, town.office.category_id, Duty.SUMMARY, clock.now())
    with monkeypatch.context() as broken:
        broken.setattr(duties, "_DO", {**duties._DO, Duty.SUMMARY: fail})
        made = found(post)
    with town.office.db.reading() as tx:
        owed = duties.duties.due(tx, town.office.category_id, clock.now())

    assert (made, owed) == ([["One"]], [Duty.SUMMARY])
