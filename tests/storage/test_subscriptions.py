"""Subscriptions as rows: made, changed, ended, counted."""

from datetime import datetime, timedelta

from storage import subscriptions
from storage.database import Database, Tx
from storage.states import Origin, Receives, SubscriptionState


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
