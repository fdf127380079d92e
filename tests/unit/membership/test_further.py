"""Several addresses of one person: who may add one, and what it counts for."""

from datetime import timedelta

import pytest

from listbridge.category import Posting
from listbridge.membership import further
from listbridge.posting import Rate
from storage import aliases
from tests.fakes.town import TOKEN, Town

ANN = "ann@example.net"
WORK = "Ann@work.example"
BOB = "bob@example.net"


@pytest.fixture
def two(town: Town) -> Town:
    """Ann writes from work as well; Bob is on the list."""
    town.member(ANN, BOB)
    add(town, ANN, WORK)
    return town


def add(town: Town, whose: str, address: str) -> None:
    one = town.subscription(whose)
    assert one is not None
    with town.office.db.transaction() as tx:
        further.add(tx, town.office.category, town.office.category_id, one, address)


def addresses(town: Town, whose: str = ANN) -> list[str]:
    one = town.subscription(whose)
    assert one is not None
    with town.office.db.reading() as tx:
        return aliases.of(tx, one.id)


def test_both_addresses_are_asked_before_one_is_added(town: Town) -> None:
    town.member(ANN)
    town.write(f"add-address {WORK}")
    [asked] = town.notices()
    assert asked["To"] == ANN
    assert addresses(town) == []

    town.write(TOKEN.findall(str(asked["Subject"]))[0])
    [asked] = town.notices()
    assert asked["To"] == WORK
    assert addresses(town) == []

    town.write(TOKEN.findall(str(asked["Subject"]))[0], WORK)
    assert addresses(town) == [WORK]
    assert f"addresses     {ANN}, {WORK}" in town.text(ANN)


def test_who_writes_in_a_member_s_name_cannot_add_his_own_address(town: Town) -> None:
    town.member(ANN)

    town.write("add-address eve@evil.example", ANN)

    assert [to for to, _ in town.told()] == [ANN]


def test_who_is_no_member_can_add_none(town: Town) -> None:
    town.write(f"add-address {WORK}", "eve@evil.example")

    assert town.told() == [("eve@evil.example", "You are not on the list General")]


def test_another_address_is_asked_once_a_day_whoever_wants_it(town: Town) -> None:
    town.member(ANN, BOB)
    for sender in (ANN, ANN, BOB):
        town.write("add-address victim@example.com", sender)
        town.write(town.token(), sender)
        town.notices()

    with town.office.db.reading() as tx:
        query = "SELECT count(*) FROM deliveries WHERE recipient = 'victim@example.com'"
        assert tx.exec_driver_sql(query).scalar_one() == 1


def test_a_further_address_is_taken_away_by_mail(two: Town) -> None:
    two.write(f"remove-address {WORK}")
    two.write(two.token())

    assert addresses(two) == []


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        (BOB, "is subscribed to general itself"),
        ("bob@work.example", "is a further address of bob@example.net"),
        (ANN.upper().replace("EXAMPLE.NET", "example.net"), "at which the subscription is"),
        ("general@example.org", "is the address of general itself"),
    ],
)
def test_what_is_on_the_list_already_cannot_be_added(two: Town, address: str, problem: str) -> None:
    add(two, BOB, "bob@work.example")

    with pytest.raises(further.NotFree, match=problem):
        add(two, ANN, address)

    two.write(f"add-address {address}")
    two.write(two.token())
    assert two.told() == [(ANN, "That address cannot be added at General")]


def test_an_address_that_is_taken_meanwhile_is_not_added(town: Town) -> None:
    town.member(ANN)
    town.write(f"add-address {WORK}")
    town.write(town.token())
    token = town.token()
    town.member(WORK)

    town.write(token, WORK)

    assert addresses(town) == []
    assert town.told() == [(WORK, "That address cannot be added at General")]


@pytest.mark.parametrize("own_posts", [True, False])
def test_a_post_from_a_further_address_is_the_member_s_own(two: Town, own_posts: bool) -> None:
    two.change(posting=Posting(own_copy=not own_posts))
    two.member(ANN, own_posts=own_posts)

    assert two.gets("from work", WORK) == ([ANN] if own_posts else []) + [BOB]


def test_a_post_from_a_further_address_is_a_member_s(two: Town) -> None:
    two.change(posting=Posting())

    assert two.write("from work", WORK)["posts"] == 1
    assert two.write("from elsewhere", "ann@elsewhere.example") == {"held": 1}


@pytest.mark.parametrize("senders", [(ANN, WORK), (WORK, ANN)])
def test_a_breaker_counts_the_posts_from_all_addresses(two: Town, senders: tuple[str, str]) -> None:
    two.change(posting=Posting(max_by_author=Rate(1, timedelta(hours=1), "1h")))

    made = [next(iter(two.write(f"from {one}", one))) for one in senders]

    assert made == ["posts", "held"]


@pytest.mark.parametrize("last", [ANN, WORK])
def test_first_posts_from_any_address_are_the_person_s(two: Town, last: str) -> None:
    for one in (ANN, WORK):
        two.write(f"from {one}", one)
    two.change(posting=Posting(first_posts=2))

    assert two.write("the third", last)["posts"] == 1


def test_who_leaves_from_a_further_address_leaves_with_all(two: Town) -> None:
    two.write("unsubscribe", WORK)
    [asked] = two.notices()
    assert asked["To"] == WORK

    two.write(TOKEN.findall(str(asked["Subject"]))[0], WORK)

    assert two.state() == "removed"
    assert two.office.count("aliases") == 0
    two.change(posting=Posting())
    assert two.write("afterwards", WORK) == {"held": 1}


def test_options_from_a_further_address_are_the_subscription_s(two: Town) -> None:
    two.write("set receives none", WORK)
    two.write(two.token(), WORK)

    one = two.subscription()
    assert one is not None
    assert one.receives == "none"


def test_who_asks_to_join_from_a_further_address_is_on_the_list(two: Town) -> None:
    two.write("subscribe", WORK)

    assert two.told() == [(WORK, "You are on the list General already")]


def test_a_further_address_that_is_subscribed_itself_ceases_to_be_one(two: Town) -> None:
    two.member(WORK)

    assert addresses(two) == []
    assert two.gets("hello", BOB) == [WORK, ANN, BOB]


def test_a_held_post_from_a_further_address_is_told_at_the_subscription_s(two: Town) -> None:
    two.change(posting=Posting(members="hold"))

    two.write("from work", WORK)

    assert two.told() == [(ANN, "Your post to General is waiting for a moderator")]


def test_an_address_that_is_none_is_answered_with_help(two: Town) -> None:
    two.write("add-address a@b@c")

    assert two.told() == [(ANN, "How to use General by mail")]
