"""The secret by which a subscriber leaves: his own, lasting, and void once he has left."""

from datetime import datetime, timedelta

import pytest

from storage import categories, leaving, subscriptions
from storage.database import Database
from storage.states import Origin, SubscriptionState

ANN, BEN = "ann@example.net", "ben@example.net"
DAY = timedelta(days=1)


def join(db: Database, category_id: int, at: datetime, *addresses: str) -> None:
    with db.transaction() as tx:
        leaving.prepare(tx)
        for one in addresses:
            subscriptions.put(
                tx, category_id, address=one.title(), key=one, name="", origin=Origin.FILE, now=at
            )


def secrets(db: Database, category_id: int, *keys: str) -> dict[str, str]:
    with db.reading() as tx:
        return dict(leaving.of(tx, category_id, keys or (ANN, BEN)))


def whose(db: Database, category_id: int, secret: str) -> str | None:
    with db.reading() as tx:
        return leaving.whose(tx, category_id, secret)


def test_each_subscriber_has_one_of_his_own_that_stays(
    db: Database, category_id: int, now: datetime
) -> None:
    join(db, category_id, now, ANN, BEN)
    first = secrets(db, category_id)

    join(db, category_id, now + DAY, ANN)  # who is subscribed does not join
    with db.transaction() as tx:
        subscriptions.change(tx, category_id, ANN, now, language="fr")

    assert first.keys() == {ANN, BEN}
    assert len(set(first.values())) == 2
    assert {len(one) for one in first.values()} == {34}
    assert secrets(db, category_id) == first
    assert {whose(db, category_id, one) for one in first.values()} == {ANN.title(), BEN.title()}


def test_those_who_are_not_subscribed_have_none(
    db: Database, category_id: int, now: datetime
) -> None:
    join(db, category_id, now, ANN)

    assert secrets(db, category_id, "nobody@example.net") == {}
    assert secrets(db, category_id, ANN, "nobody@example.net").keys() == {ANN}


def test_who_is_suspended_can_leave(db: Database, category_id: int, now: datetime) -> None:
    join(db, category_id, now, ANN)
    secret = secrets(db, category_id)[ANN]
    with db.transaction() as tx:
        subscriptions.change(tx, category_id, ANN, now, state=SubscriptionState.SUSPENDED)

    assert whose(db, category_id, secret) == ANN.title()


def test_it_is_void_once_he_has_left_and_when_he_is_back(
    db: Database, category_id: int, now: datetime
) -> None:
    join(db, category_id, now, ANN)
    old = secrets(db, category_id)[ANN]
    with db.transaction() as tx:
        subscriptions.remove(tx, category_id, ANN, by=Origin.PERSON, now=now)
    assert whose(db, category_id, old) is None
    assert secrets(db, category_id) == {}

    join(db, category_id, now + DAY, ANN)

    assert whose(db, category_id, old) is None
    assert whose(db, category_id, secrets(db, category_id)[ANN]) == ANN.title()


def test_it_is_of_no_other_category(db: Database, category_id: int, now: datetime) -> None:
    with db.transaction() as tx:
        other = categories.keep(tx, "other", "other@example.org").id
    join(db, category_id, now, ANN)
    join(db, other, now, ANN)

    here, there = (secrets(db, one)[ANN] for one in (category_id, other))

    assert here != there
    assert whose(db, other, here) is None


@pytest.mark.parametrize("place", [0, 7, 8, 20, 33])
def test_a_secret_with_one_sign_changed_is_nobodys(
    db: Database, category_id: int, now: datetime, place: int
) -> None:
    join(db, category_id, now, ANN, BEN)
    secret = secrets(db, category_id)[ANN]
    other = "b" if secret[place] == "a" else "a"

    assert whose(db, category_id, secret[:place] + other + secret[place + 1 :]) is None


@pytest.mark.parametrize("secret", ["", "a", "1" * 34, "é" * 34, "a" * 34, "7" * 34, "a" * 26])
def test_what_is_made_up_is_nobodys(
    db: Database, category_id: int, now: datetime, secret: str
) -> None:
    join(db, category_id, now, ANN)

    assert whose(db, category_id, secret) is None


def test_the_key_is_made_once(db: Database, category_id: int, now: datetime) -> None:
    join(db, category_id, now, ANN)
    before = secrets(db, category_id)

    with db.transaction() as tx:
        leaving.prepare(tx)

    assert secrets(db, category_id) == before


def test_databases_have_different_keys(db: Database, category_id: int, now: datetime) -> None:
    join(db, category_id, now, ANN)
    before = secrets(db, category_id)
    with db.transaction() as tx:
        tx.exec_driver_sql("DELETE FROM keys")
        leaving.prepare(tx)

    assert secrets(db, category_id) != before
