"""A message that was sent to several categories goes once to whoever is in several of them."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, event

from listbridge import clock
from listbridge.dmarc import Policy
from listbridge.intake.simulate import simulate
from listbridge.moderation import actions
from storage import audit, cross_posts, posts
from storage.database import Database
from storage.states import DeliveryState, PostState, Receives
from storage.subscriptions import change
from tests.fakes.lists import Lists
from tests.fakes.office import letter

ANN, BOB, EVE = "ann@example.net", "Bob@example.net", "eve@example.net"
ONCE = {"cross_posts": "once"}


@pytest.fixture
def lists(db: Database) -> Iterator[Lists]:
    one = Lists(db)
    yield one
    with db.reading() as tx:
        assert audit.problems(tx) == []


def test_whoever_is_in_both_gets_it_by_the_first(lists: Lists) -> None:
    lists.make("a", ANN, BOB, posting=ONCE)
    lists.make("b", BOB.lower(), EVE, posting=ONCE)

    lists.hand_in("a", letter(1))
    counted = lists.hand_in("b", b"Received: another way\r\n" + letter(1))

    assert counted == {"posts": 1, "queued": 1}
    assert (lists.getting("a"), lists.getting("b")) == ([BOB, ANN], [EVE])


def test_everybody_gets_each_unless_the_category_says_otherwise(lists: Lists) -> None:
    lists.make("a", BOB, posting=ONCE)
    lists.make("b", BOB)

    lists.hand_in("a", letter(1))
    lists.hand_in("b", letter(1))

    assert lists.getting("b") == [BOB]


def test_another_message_is_no_cross_post_though_it_has_the_same_id(lists: Lists) -> None:
    lists.make("a", BOB, posting=ONCE)
    lists.make("b", BOB, posting=ONCE)

    lists.hand_in("a", letter(1))
    lists.hand_in("b", letter(2, message_id="<1@example.net>"))

    assert lists.getting("b") == [BOB]


@pytest.mark.parametrize("state", [DeliveryState.FAILED, DeliveryState.CANCELLED])
def test_who_got_nothing_by_the_first_gets_it_by_the_second(
    lists: Lists, state: DeliveryState
) -> None:
    lists.make("a", BOB, posting=ONCE)
    lists.make("b", BOB, posting=ONCE)
    lists.hand_in("a", letter(1))
    with lists.db.transaction() as tx:
        tx.exec_driver_sql(f"UPDATE deliveries SET state = '{state}'")

    lists.hand_in("b", letter(1))

    assert lists.getting("b") == [BOB]


def test_what_is_on_its_way_counts(lists: Lists) -> None:
    lists.make("a", BOB, posting=ONCE)
    lists.make("b", BOB, posting=ONCE)
    lists.hand_in("a", letter(1))
    with lists.db.transaction() as tx:
        tx.exec_driver_sql("UPDATE deliveries SET state = 'uncertain'")

    lists.hand_in("b", letter(1))

    assert lists.getting("b") == []


def test_who_takes_no_single_posts_of_the_first_gets_it_by_the_second(lists: Lists) -> None:
    lists.make("a", BOB, posting=ONCE)
    lists.make("b", BOB, posting=ONCE)
    with lists.db.transaction() as tx:
        change(tx, lists.ids["a"], BOB.lower(), clock.now(), receives=Receives.DIGEST)

    lists.hand_in("a", letter(1))
    lists.hand_in("b", letter(1))

    assert lists.getting("b") == [BOB]


def test_what_is_held_in_one_is_left_out_when_it_is_approved(lists: Lists) -> None:
    lists.make("a", BOB, posting={**ONCE, "non_members": "hold"})
    lists.make("b", BOB, posting=ONCE)
    lists.hand_in("a", letter(1))
    lists.hand_in("b", letter(1))

    with lists.db.transaction() as tx:
        [held] = posts.in_category(tx, lists.ids["a"], state=PostState.HELD)
        assert actions.approve(tx, lists.categories["a"], held)

    assert (lists.getting("a"), lists.getting("b")) == ([], [BOB])


def test_a_list_that_is_subscribed_to_both_is_sent_both(lists: Lists) -> None:
    lists.make("c")
    lists.make("a", "C@example.org", posting=ONCE)
    lists.make("b", "c@example.org", posting=ONCE)

    lists.hand_in("a", letter(1))
    lists.hand_in("b", letter(1))

    assert lists.getting("b") == ["c@example.org"]


def test_simulate_counts_those_who_have_it_out(lists: Lists) -> None:
    lists.make("a", BOB, posting=ONCE)
    lists.make("b", BOB, EVE, posting=ONCE)
    lists.hand_in("a", letter(1))

    with lists.db.reading() as tx:
        found = simulate(tx, lists.categories["b"], lists.ids["b"], letter(1), Policy.UNKNOWN)

    assert found.recipients == 1


def test_where_nothing_is_configured_nothing_more_is_asked(lists: Lists) -> None:
    lists.make("a", BOB)
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        lists.hand_in("a", letter(1))
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    # Where it is asked for, this table is compared with itself in other categories.
    assert asked
    assert not [one for one in asked if "posts.category_id !=" in one]


@pytest.mark.parametrize(
    ("posting", "matter"),
    [({}, False), (ONCE, True), ({"umbrellas": ["b@example.org"]}, True)],
    ids=["each", "once", "below an umbrella"],
)
@pytest.mark.parametrize("held", [False, True])
def test_where_others_matter_they_are_kept_out_meanwhile(
    lists: Lists,
    posting: dict[str, object],
    matter: bool,
    held: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(cross_posts, "lock", lambda _tx, names: asked.append(list(names)))
    lists.make("a", BOB, posting={**posting, "hold_all": held})

    lists.hand_in("a", letter(1))
    if held:
        with lists.db.transaction() as tx:
            [post] = posts.in_category(tx, lists.ids["a"])
            actions.approve(tx, lists.categories["a"], post)

    times = 0 if not matter else 2 if held else 1
    assert asked == [["<1@example.net>"]] * times
