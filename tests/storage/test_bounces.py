"""What came back, which of our messages it may be about, and who is suspended for it."""

from datetime import datetime, timedelta

import pytest

from storage import bounces, deliveries, inbound, outbox, posts, subscriptions, suspensions
from storage.bounces import NewBounce
from storage.database import Database, Tx
from storage.outbox import NewOutgoing
from storage.posts import NewPost
from storage.states import BounceClass, DeliveryState, Kind, Origin, PostState, Source

ANN, BOB = "ann@example.org", "bob@example.org"
DAY = timedelta(days=1)


def _subscribe(tx: Tx, category_id: int, address: str, now: datetime) -> int:
    subscriptions.put(
        tx, category_id, address=address, key=address, name="", origin=Origin.ADMIN, now=now
    )
    one = subscriptions.find(tx, category_id, address)
    assert one is not None
    return one.id


@pytest.fixture
def sent(db: Database, category_id: int, now: datetime) -> None:
    """A post <1@x> and a notice <made@x> that have left to both, and a post <2@x> that has not."""
    with db.transaction() as tx:
        for address in (ANN, BOB):
            _subscribe(tx, category_id, address, now)
        for number, state in ((1, DeliveryState.SENT), (2, DeliveryState.DEFERRED)):
            _send(tx, category_id, number, state, now)
        _send(tx, category_id, None, DeliveryState.UNCERTAIN, now)


def _send(
    tx: Tx, category_id: int, number: int | None, state: DeliveryState, now: datetime
) -> None:
    inbound_id, raw_id = inbound.keep(
        tx, category_id, b"%d" % (number or 0), source=Source.CLI, now=now
    )
    post_id = None
    if number is not None:
        new = NewPost(
            category_id=category_id,
            inbound_id=inbound_id,
            raw_id=raw_id,
            message_id=f"<{number}@x>",
            fingerprint=str(number),
            aliases=(),
            references=(),
            sender=ANN,
            sender_name="",
            subject="",
            date=now,
            state=PostState.ACCEPTED,
            reason=None,
            trail=(),
        )
        post_id = posts.add(tx, new, now)
    outgoing = NewOutgoing(
        Kind.POST if number else Kind.NOTICE,
        category_id,
        post_id,
        "general@example.org",
        b"\r\n",
        None,
        raw_id,
        None if number else "<made@x>",
    )
    outbox.fan_out(tx, outgoing, to_subscribers=True, without=None, refusal=None, now=now)
    tx.exec_driver_sql(f"UPDATE deliveries SET state = '{state}' WHERE state = 'pending'")


@pytest.mark.parametrize(
    ("address", "message_ids", "found"),
    [
        (ANN, ("<1@x>",), True),
        (ANN, ("<else@x>", "<1@x>"), True),
        (ANN, ("<made@x>",), True),
        (ANN, None, False),
        (ANN, (), False),
        (ANN, ("<else@x>",), False),
        (ANN, ("<2@x>",), False),
        ("carol@example.org", ("<1@x>",), False),
        ("carol@example.org", None, False),
    ],
)
@pytest.mark.usefixtures("sent")
def test_only_what_has_left_to_an_address_can_have_come_back_from_it(
    db: Database,
    category_id: int,
    now: datetime,
    address: str,
    message_ids: tuple[str, ...] | None,
    found: bool,
) -> None:
    with db.reading() as tx:
        one = bounces.sent_copy(tx, category_id, address, message_ids, now)
        later = bounces.sent_copy(tx, category_id, address, message_ids, now + DAY)

    assert (one is not None, later) == (found, None)


@pytest.mark.usefixtures("sent")
def test_the_newest_of_which_each_had_a_sender_of_its_own_is_known_without_a_name(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        tx.exec_driver_sql("UPDATE outgoing SET own_senders = TRUE WHERE id = 1")
        assert bounces.sent_copy(tx, category_id, ANN, None, now) == 1
        assert bounces.sent_copy(tx, category_id, "carol@example.org", None, now) is None


def _bounce(
    subscription_id: int | None, class_: BounceClass = BounceClass.PERMANENT, counts: bool = True
) -> NewBounce:
    return NewBounce(subscription_id, None, None, ANN, class_, "5.1.1", "nobody", counts)


def test_what_counts_is_found_by_subscriber_and_time(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        ann, bob = (_subscribe(tx, category_id, x, now) for x in (ANN, BOB))
        for days in (0, 2, 4):
            bounces.add(tx, category_id, _bounce(ann), now + days * DAY)
        bounces.add(tx, category_id, _bounce(ann, counts=False), now + 3 * DAY)
        bounces.add(tx, category_id, _bounce(bob), now + 3 * DAY)
        bounces.add(tx, category_id, _bounce(None), now + 3 * DAY)

        assert bounces.counted(tx, ann, now + DAY) == [now + 2 * DAY, now + 4 * DAY]
        assert len(bounces.of_subscription(tx, ann)) == 4
        assert [x.subscriber for x in bounces.listed(tx, category_id, 2)] == [None, BOB]


def test_people_refused_by_policy_are_counted_once_each_and_no_further_than_needed(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        people = [_subscribe(tx, category_id, f"s{n}@example.org", now) for n in range(4)]
        for one in (*people, *people):
            bounces.add(tx, category_id, _bounce(one, BounceClass.POLICY, False), now)
        bounces.add(tx, category_id, _bounce(None, BounceClass.POLICY, False), now)
        bounces.add(tx, category_id, _bounce(people[0]), now)

        assert bounces.people_refused(tx, category_id, now, 10) == 4
        assert bounces.people_refused(tx, category_id, now, 3) == 3
        assert bounces.people_refused(tx, category_id, now + DAY, 10) == 0
        [refused] = bounces.refused_by_policy(tx, now).values()

    assert (refused.people, refused.active, refused.since, refused.reason) == (4, 4, now, "nobody")


@pytest.mark.usefixtures("sent")
def test_who_is_suspended_by_bounces_gets_no_post_any_more(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        first = suspensions.suspend(tx, category_id, ANN, now)
        again = suspensions.suspend(tx, category_id, ANN, now)
        one = subscriptions.find(tx, category_id, ANN)
        left = deliveries.listed(tx, (DeliveryState.DEFERRED,))

    assert (first, again) == (True, False)
    assert one is not None
    assert (one.state.value, one.suspended_by) == ("suspended", Origin.BOUNCES)
    assert {x.recipient for x in left} == {BOB}


@pytest.mark.usefixtures("sent")
def test_a_probe_is_due_at_once_for_whom_bounces_suspended_and_then_after_a_while(
    db: Database, category_id: int, now: datetime
) -> None:
    def due(days: int) -> list[str]:
        found = suspensions.due_for_probe(tx, category_id, now + days * DAY, most=10)
        return [x.key for x in found]

    with db.transaction() as tx:
        suspensions.suspend(tx, category_id, ANN, now)
        subscriptions.change(tx, category_id, BOB, now, state="suspended")
        at_once = due(0)
        suspensions.note_probe(tx, category_id, ANN, now + DAY)
        probed, much_later = due(0), due(1)

    assert (at_once, probed, much_later) == ([ANN], [], [ANN])


@pytest.mark.usefixtures("sent")
def test_who_was_probed_by_a_clock_that_was_ahead_is_probed_again_in_time(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        suspensions.suspend(tx, category_id, ANN, now)
        suspensions.note_probe(tx, category_id, ANN, now + 365 * DAY)
        suspensions.pull_back(tx, category_id, now)

        assert suspensions.last_probed(tx, category_id) == now


@pytest.mark.usefixtures("sent")
def test_only_what_bounces_suspended_is_resumed_by_itself(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        suspensions.suspend(tx, category_id, ANN, now)
        subscriptions.change(tx, category_id, BOB, now, state="suspended")
        done = [suspensions.resume(tx, category_id, x, now + DAY) for x in (ANN, BOB, "c@x.org")]
        ann = subscriptions.find(tx, category_id, ANN)

    assert done == [True, False, False]
    assert ann is not None
    assert (ann.state.value, ann.suspended_by, ann.changed_at) == ("active", None, now + DAY)


@pytest.mark.parametrize("how", ["set", "subscribed again"])
@pytest.mark.usefixtures("sent")
def test_whoever_makes_a_subscription_active_ends_what_bounces_did(
    db: Database, category_id: int, now: datetime, how: str
) -> None:
    with db.transaction() as tx:
        suspensions.suspend(tx, category_id, ANN, now)
        suspensions.note_probe(tx, category_id, ANN, now)
        if how == "set":
            subscriptions.change(tx, category_id, ANN, now, state="active")
        else:
            _subscribe(tx, category_id, ANN, now)
        subscriptions.change(tx, category_id, ANN, now, state="suspended")
        one = subscriptions.find(tx, category_id, ANN)
        due = suspensions.due_for_probe(tx, category_id, now + DAY, most=10)

    assert one is not None
    assert (one.suspended_by, due) == (None, [])


@pytest.mark.usefixtures("sent")
def test_a_change_of_the_name_alone_leaves_a_suspension_as_it_is(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        suspensions.suspend(tx, category_id, ANN, now)
        subscriptions.change(tx, category_id, ANN, now, name="Ann")
        one = subscriptions.find(tx, category_id, ANN)

    assert one is not None
    assert (one.state.value, one.suspended_by) == ("suspended", Origin.BOUNCES)
