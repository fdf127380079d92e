"""Following a subscriber file: what comes and goes with it, and what it has no say in."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from listbridge.membership.subscriptions import (
    FileChange,
    SubscriberFileError,
    follow_file,
    subscribe,
    unsubscribe,
)
from listbridge.message import AddressError
from storage import categories, deliveries, inbound, outbox
from storage import subscriptions as store
from storage.database import Database
from storage.outbox import NewOutgoing
from storage.states import DeliveryState, Kind, Origin, Source, SubscriptionState

TEN = [f"s{n}@example.org" for n in range(10)]


class List:
    """The subscriptions of one category, and its subscriber file."""

    def __init__(self, db: Database, category_id: int, file: Path, now: datetime) -> None:
        self.db, self.category_id, self.file, self.now = db, category_id, file, now

    def follow(self, *lines: str) -> FileChange:
        """Write the file and follow it."""
        self.file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return self.follow_it()

    def follow_it(self) -> FileChange:
        """Follow the file as it is."""
        with self.db.transaction() as tx:
            return follow_file(tx, self.category_id, self.file, "general@example.org")

    def subscribe(self, address: str, name: str = "", origin: Origin = Origin.ADMIN) -> None:
        """Subscribe an address, not by the file."""
        with self.db.transaction() as tx:
            subscribe(tx, self.category_id, address, name, origin)

    def unsubscribe(self, address: str, by: Origin) -> bool:
        """End a subscription."""
        with self.db.transaction() as tx:
            return unsubscribe(tx, self.category_id, address, by)

    def active(self) -> list[str]:
        """Return the addresses that are subscribed."""
        return [one.address for one in self.every() if one.state is SubscriptionState.ACTIVE]

    def every(self) -> list[store.Subscription]:
        """Return all subscriptions."""
        with self.db.reading() as tx:
            return store.in_category(tx, self.category_id)

    def send(self, state: DeliveryState = DeliveryState.PENDING) -> None:
        """Queue a message to everybody, and bring its deliveries into this state."""
        with self.db.transaction() as tx:
            _, raw = inbound.keep(tx, self.category_id, b"x", source=Source.CLI, now=self.now)
            new = NewOutgoing(Kind.POST, self.category_id, None, "a@b", b"\r\n", None, raw, None)
            outbox.fan_out(tx, new, to_subscribers=True, without=None, refusal=None, now=self.now)
            statement = text("UPDATE deliveries SET state = :state WHERE state = 'pending'")
            tx.execute(statement, {"state": state})

    def unsent(self) -> dict[str, str]:
        """Return the state of each delivery by recipient."""
        with self.db.reading() as tx:
            every = deliveries.listed(tx, tuple(DeliveryState))
        return {one.recipient: one.state.value for one in every}


@pytest.fixture
def people(db: Database, category_id: int, tmp_path: Path, now: datetime) -> List:
    return List(db, category_id, tmp_path / "general.subscribers", now)


def test_everybody_in_the_file_becomes_a_subscriber(people: List) -> None:
    change = people.follow("# ours", "Ann Archer <ann@example.org>", "", "bob@EXAMPLE.org # new")

    assert change == FileChange(added=2, removed=0, warnings=())
    assert [(x.address, x.name, x.origin) for x in people.every()] == [
        ("ann@example.org", "Ann Archer", Origin.FILE),
        ("bob@example.org", "", Origin.FILE),
    ]


def test_following_the_same_file_again_changes_nothing(people: List) -> None:
    people.follow(*TEN)
    before = people.every()

    assert people.follow_it() == FileChange(0, 0, ())
    assert people.every() == before


def test_who_leaves_the_file_leaves_the_list(people: List) -> None:
    people.follow(*TEN)

    change = people.follow(*TEN[3:])

    assert (change.added, change.removed) == (0, 3)
    assert people.active() == TEN[3:]


def test_who_comes_back_into_the_file_comes_back(people: List) -> None:
    people.follow(*TEN)
    people.follow(*TEN[3:])

    assert people.follow(*TEN) == FileChange(3, 0, ())
    assert people.active() == TEN


@pytest.mark.parametrize("origin", [Origin.ADMIN, Origin.PERSON])
def test_the_file_removes_only_what_came_from_it(people: List, origin: Origin) -> None:
    people.subscribe("zoe@example.org", origin=origin)
    people.follow(*TEN, "zoe@example.org")

    assert people.follow(*TEN).removed == 0
    assert people.active() == [*TEN, "zoe@example.org"]


def test_a_list_is_not_subscribed_to_itself_by_its_file(people: List) -> None:
    people.subscribe("general@example.org", origin=Origin.FILE)  # as older versions did

    change = people.follow("ann@example.net", "General@example.org")

    assert (change.added, change.removed, people.active()) == (1, 1, ["ann@example.net"])
    assert change.kept_out == (("General@example.org", "is the list's own address"),)
    assert "remove that line" in change.warnings[0]


def test_who_was_added_by_an_administrator_after_the_file_stays_without_it(people: List) -> None:
    people.follow(*TEN)
    people.subscribe(TEN[0])

    people.follow(*TEN[1:])

    assert people.active() == TEN


@pytest.mark.parametrize(
    ("by", "why"),
    [
        (Origin.PERSON, "unsubscribed"),
        (Origin.ADMIN, "was removed"),
        (Origin.BOUNCES, "his mail came back"),
        (Origin.COMPLAINT, "has complained"),
    ],
)
def test_a_removal_wins_over_the_file_and_is_said(people: List, by: Origin, why: str) -> None:
    people.follow(*TEN)
    people.unsubscribe(TEN[0], by)

    changes = [people.follow_it() for _ in range(2)]

    assert people.active() == TEN[1:]
    assert [(x.added, x.removed) for x in changes] == [(0, 0)] * 2
    for change in changes:
        [warning] = change.warnings
        assert TEN[0] in warning
        assert why in warning
        assert str(people.file) in warning


def test_a_removal_wins_although_the_file_forgot_the_address_meanwhile(people: List) -> None:
    people.follow(*TEN)
    people.unsubscribe(TEN[0], Origin.PERSON)
    people.follow(*TEN[1:])

    change = people.follow(*TEN)

    assert (change.added, len(change.warnings)) == (0, 1)
    assert people.active() == TEN[1:]


def test_who_subscribes_again_by_himself_is_no_longer_warned_about(people: List) -> None:
    people.follow(*TEN)
    people.unsubscribe(TEN[0], Origin.PERSON)
    people.subscribe(TEN[0], origin=Origin.PERSON)

    assert people.follow_it() == FileChange(0, 0, ())
    assert people.active() == TEN


def test_the_file_does_not_wake_who_is_suspended(people: List) -> None:
    people.follow(*TEN)
    with people.db.transaction() as tx:
        store.change(tx, people.category_id, TEN[0], people.now, state="suspended")

    assert people.follow_it() == FileChange(0, 0, ())
    assert people.active() == TEN[1:]
    assert people.follow(*TEN[1:]).removed == 1


def _missing(file: Path) -> None:
    file.unlink()


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _not_utf8(file: Path) -> None:
    file.write_bytes("jürgen@example.org\n".encode("latin-1"))


def _bad_line(file: Path) -> None:
    file.write_text("\n".join([*TEN, "new@example.org", "no address", "two@example.org x"]))


def _empty(file: Path) -> None:
    file.write_text("")


def _less_than_half(file: Path) -> None:
    file.write_text("\n".join(TEN[:4]))


def _cut_in_a_line(file: Path) -> None:
    file.write_text("\n".join(TEN)[:-12])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_missing, ["cannot be read", "No such file"]),
        (_folder, ["cannot be read"]),
        (_not_utf8, ["not UTF-8"]),
        (_empty, ["names 0 addresses", "the 10"]),
        (_less_than_half, ["names 4 addresses", "the 10"]),
    ],
)
def test_a_file_that_looks_wrong_adds_and_removes_nobody(
    people: List, spoil: Callable[[Path], None], said: list[str]
) -> None:
    people.follow(*TEN)
    before = people.every()
    spoil(people.file)

    with pytest.raises(SubscriberFileError) as caught:
        people.follow_it()

    assert people.every() == before
    assert all(words in str(caught.value) for words in [*said, str(people.file), "nobody"])


@pytest.mark.parametrize(
    ("spoil", "said", "added"),
    [(_bad_line, ["line 12", "line 13"], 1), (_cut_in_a_line, ["line 10"], 0)],
)
def test_lines_that_name_nobody_remove_nobody_and_keep_nobody_out(
    people: List, spoil: Callable[[Path], None], said: list[str], added: int
) -> None:
    people.follow(*TEN, "leaving@example.org")
    spoil(people.file)

    change = people.follow_it()

    assert (change.added, change.removed) == (added, 0)
    assert "leaving@example.org" in people.active()
    assert change.problem is not None
    assert all(words in change.problem for words in [*said, str(people.file), "nobody"])


def test_a_file_shorter_by_just_half_is_followed(people: List) -> None:
    people.follow(*TEN)

    assert people.follow(*TEN[:5]).removed == 5


def test_an_empty_file_is_followed_where_nobody_came_from_it(people: List) -> None:
    people.subscribe("zoe@example.org")

    assert people.follow("# nobody yet") == FileChange(0, 0, ())
    assert people.active() == ["zoe@example.org"]


def test_lines_that_name_one_address_twice_count_once(people: List) -> None:
    people.follow(*TEN)

    # Four addresses in twelve lines are still less than half of ten.
    with pytest.raises(SubscriberFileError, match="names 4 addresses"):
        people.follow(*TEN[:4], *TEN[:4], *[x.upper() for x in TEN[:4]])
    assert people.follow("Ann <ann@example.org>", *TEN, "Ann <ANN@example.org>").added == 1


def test_an_address_in_other_letters_is_the_same_address(people: List) -> None:
    people.follow("Ann@example.org")
    people.unsubscribe("ANN@EXAMPLE.ORG", Origin.PERSON)

    change = people.follow("ann@Example.org")

    assert (change.added, len(change.warnings)) == (0, 1)
    assert len(people.every()) == 1


def test_a_file_with_a_byte_order_mark_is_read(people: List) -> None:
    people.file.write_bytes("\ufeffann@example.org\r\n".encode())

    people.follow_it()

    assert people.active() == ["ann@example.org"]


def test_another_category_keeps_its_subscribers(people: List) -> None:
    people.follow(*TEN)
    with people.db.transaction() as tx:
        other = categories.keep(tx, "other", "other@example.org").id
        subscribe(tx, other, TEN[0], "", Origin.FILE)
    people.follow(*TEN[1:])

    with people.db.reading() as tx:
        assert [x.state for x in store.in_category(tx, other)] == [SubscriptionState.ACTIVE]


@pytest.mark.parametrize("state", ["pending", "deferred", "held", "uncertain"])
def test_who_leaves_gets_nothing_that_is_still_unsent(people: List, state: str) -> None:
    people.follow(*TEN[:3])
    people.send(DeliveryState(state))

    people.unsubscribe(TEN[0].upper(), Origin.PERSON)
    people.follow(*TEN[:2])

    assert people.unsent() == {TEN[0]: "cancelled", TEN[1]: state, TEN[2]: "cancelled"}


@pytest.mark.parametrize("state", ["sending", "sent", "failed"])
def test_what_is_leaving_or_ended_is_not_cancelled(people: List, state: str) -> None:
    people.follow(TEN[0])
    people.send(DeliveryState(state))

    people.unsubscribe(TEN[0], Origin.PERSON)

    assert people.unsent() == {TEN[0]: state}


def test_unsent_mail_to_an_address_with_capitals_beyond_ascii_is_cancelled(people: List) -> None:
    people.subscribe("JÜRGEN@example.org")
    people.send()

    people.unsubscribe("Jürgen@example.org", Origin.PERSON)

    assert people.unsent() == {"JÜRGEN@example.org": "cancelled"}


def test_who_is_not_subscribed_cannot_leave(people: List) -> None:
    people.subscribe(TEN[0])

    assert [people.unsubscribe(TEN[0], Origin.PERSON) for _ in range(2)] == [True, False]
    assert people.unsubscribe("nobody@example.org", Origin.PERSON) is False


def test_what_is_no_address_is_refused(people: List) -> None:
    with pytest.raises(AddressError, match="not an address"):
        people.subscribe("not an address")
    assert people.every() == []
