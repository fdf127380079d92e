"""Subscriptions as rows: made, changed, ended, counted."""

from datetime import datetime, timedelta

import pytest

from storage import subscriptions
from storage.database import Database, Tx
from storage.states import Origin, Receives, SubscriptionState
from storage.subscriptions import Standing, Subscriber


def put(tx: Tx, category_id: int, now: datetime, name: str = "", origin: str = "admin") -> None:
    """Subscribe Ann."""
    subscriptions.put(
        tx,
        category_id,
        address="Ann@example.org",
        key="ann@example.org",
        name=name,
        origin=Origin(origin),
        now=now,
    )


def test_an_address_has_one_subscription_in_a_category(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        put(tx, category_id, now, "Ann")
        put(tx, category_id, now, "Ann Archer", "person")
        [one] = subscriptions.in_category(tx, category_id)

    assert (one.name, one.origin, one.key) == ("Ann Archer", Origin.PERSON, "ann@example.org")


def test_a_name_and_a_form_once_chosen_outlast_leaving_and_coming_back(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        put(tx, category_id, now, "Ann")
        subscriptions.change(tx, category_id, "ann@example.org", now, receives=Receives.DIGEST)
        subscriptions.remove(tx, category_id, "ann@example.org", by=Origin.PERSON, now=now)
        put(tx, category_id, now)
        one = subscriptions.find(tx, category_id, "ann@example.org")

    assert one is not None
    assert (one.name, one.receives, one.removed_by) == ("Ann", Receives.DIGEST, None)
    assert one.state is SubscriptionState.ACTIVE


def test_who_was_removed_is_removed_once_and_it_is_known_by_whom(
    db: Database, category_id: int, now: datetime
) -> None:
    later = now + timedelta(days=1)
    with db.transaction() as tx:
        put(tx, category_id, now)
        done = [
            subscriptions.remove(tx, category_id, "ann@example.org", by=by, now=at)
            for by, at in ((Origin.PERSON, now), (Origin.FILE, later))
        ]
        one = subscriptions.find(tx, category_id, "ann@example.org")

    assert done == [True, False]
    assert one is not None
    assert (one.removed_by, one.changed_at) == (Origin.PERSON, now)


def test_only_the_active_ones_of_the_category_are_listed(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        for number, state in enumerate(SubscriptionState):
            key = f"s{number}@example.org"
            subscriptions.put(
                tx, category_id, address=key, key=key, name="", origin=Origin.ADMIN, now=now
            )
            subscriptions.change(tx, category_id, key, now, state=state)

        [active] = subscriptions.in_category(tx, category_id, SubscriptionState.ACTIVE)
        assert active.state is SubscriptionState.ACTIVE
        assert subscriptions.find(tx, category_id + 1, "s0@example.org") is None


def test_many_are_subscribed_like_one_by_one(
    db: Database, category_id: int, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "_AT_ONCE", 2)
    people = [Subscriber(f"S{n}@example.org", f"s{n}@example.org", f"Name {n}") for n in range(5)]
    digest = Subscriber("s4@example.org", "s4@example.org", receives=Receives.DIGEST)
    with db.transaction() as tx:
        subscriptions.put_several(tx, category_id, people, origin=Origin.FILE, now=now)
        subscriptions.remove(tx, category_id, "s4@example.org", by=Origin.PERSON, now=now)
        before = subscriptions.standings(tx, category_id)
        # The second time he says nothing of the form.
        for again in (digest, people[4]):
            subscriptions.put_several(tx, category_id, [again], origin=Origin.ADMIN, now=now)
        found = subscriptions.in_category(tx, category_id)

    assert before == {
        x.key: Standing(SubscriptionState.ACTIVE, Origin.FILE, None) for x in people[:4]
    } | {"s4@example.org": Standing(SubscriptionState.REMOVED, Origin.FILE, Origin.PERSON)}
    assert [(x.address, x.name) for x in found] == [(x.address, x.name) for x in people]
    assert [x.receives for x in found] == [Receives.EACH] * 4 + [Receives.DIGEST]
    assert (found[4].state, found[4].removed_by) == (SubscriptionState.ACTIVE, None)
