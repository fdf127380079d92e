"""What taking in a list of people changes, whom it leaves alone, and who stays away."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from listbridge.membership import importing
from listbridge.membership.importing import Plan
from listbridge.membership.people import Format, Person, read_text, write
from storage import aliases, subscriptions
from storage.database import Database
from storage.states import Origin, Receives, SubscriptionState
from storage.subscriptions import Subscription
from tests.fakes.office import general

ACTIVE, SUSPENDED = SubscriptionState.ACTIVE, SubscriptionState.SUSPENDED
ANN = "Ann@example.org"


class List:
    """The subscriptions of a category."""

    def __init__(self, db: Database, category_id: int, now: datetime) -> None:
        self.db, self.category_id, self.now = db, category_id, now

    def take_in(self, *people: Person) -> Plan:
        """Take in a list of people, a day later each time."""
        self.now += timedelta(days=1)
        with self.db.transaction() as tx:
            planned = importing.plan(tx, general(), self.category_id, people)
            importing.carry_out(tx, general(), self.category_id, planned, self.now)
        return planned

    def change(self, **values: Any) -> None:
        """Change what is known of Ann."""
        with self.db.transaction() as tx:
            key = ANN.lower()
            subscriptions.change(tx, self.category_id, key, self.now, **values)

    def remove(self, by: Origin) -> None:
        """End Ann's subscription."""
        with self.db.transaction() as tx:
            subscriptions.remove(tx, self.category_id, ANN.lower(), by=by, now=self.now)

    def every(self) -> list[Subscription]:
        """Return all subscriptions."""
        with self.db.reading() as tx:
            return subscriptions.in_category(tx, self.category_id)

    def also(self) -> dict[int, list[str]]:
        """Return all further addresses, by subscription."""
        with self.db.reading() as tx:
            return aliases.in_category(tx, self.category_id)

    def ann(self) -> Subscription:
        """Return Ann's subscription."""
        [found] = [one for one in self.every() if one.key == ANN.lower()]
        return found


@pytest.fixture
def people(db: Database, category_id: int, now: datetime) -> List:
    one = List(db, category_id, now)
    one.take_in(Person(ANN, "Ann"))
    return one


def test_somebody_new_is_subscribed_as_the_list_says(people: List) -> None:
    until = datetime(2099, 1, 1, tzinfo=UTC)
    new = Person(
        "bo@example.org", "Bo", Receives.NONE, SUSPENDED, Origin.BOUNCES, until, False, "de"
    )

    planned = people.take_in(new)

    [bo] = [one for one in people.every() if one.address == "bo@example.org"]
    assert (bo.name, bo.receives, bo.state, bo.suspended_by) == (
        "Bo",
        Receives.NONE,
        SUSPENDED,
        Origin.BOUNCES,
    )
    assert (bo.holiday_until, bo.own_posts, bo.language) == (until, False, "de")
    assert (bo.origin, planned.count("added")) == (Origin.ADMIN, 1)


def test_what_the_list_is_silent_about_stays_as_it_is(people: List) -> None:
    people.change(receives=Receives.DIGEST, own_posts=True, language="fr", state=SUSPENDED)
    before = people.ann()

    planned = people.take_in(Person(ANN.lower()))

    assert people.ann() == before
    assert (planned.changes, planned.unchanged) == ([], 1)


def test_what_the_list_says_otherwise_is_changed_and_told(people: List) -> None:
    planned = people.take_in(Person(ANN.lower(), "Ann Archer", Receives.NONE))

    [change] = planned.changes
    assert (change.change, change.why) == ("changed", "name: Ann Archer, receives: none")
    assert (people.ann().name, people.ann().address) == ("Ann Archer", ANN)


@pytest.mark.parametrize("by", [Origin.PERSON, Origin.COMPLAINT, Origin.BOUNCES])
def test_who_left_by_himself_stays_away(people: List, by: Origin) -> None:
    people.remove(by)
    before = people.ann()

    planned = people.take_in(Person(ANN, receives=Receives.EACH))

    assert people.ann() == before
    assert [one.change for one in planned.changes] == ["left out"]


@pytest.mark.parametrize("by", [Origin.ADMIN, Origin.FILE])
def test_whom_others_removed_comes_back_with_his_name(people: List, by: Origin) -> None:
    people.remove(by)

    people.take_in(Person(ANN))

    one = people.ann()
    assert (one.state, one.name, one.removed_by) == (ACTIVE, "Ann", None)


def test_the_list_s_own_address_is_left_out(people: List) -> None:
    planned = people.take_in(Person("General@example.org"))

    assert [one.change for one in planned.changes] == ["left out"]
    assert len(people.every()) == 1


def test_whom_the_file_subscribed_stays_the_file_s(people: List) -> None:
    with people.db.transaction() as tx:
        subscriptions.put(
            tx,
            people.category_id,
            address="fay@example.org",
            key="fay@example.org",
            name="Fay",
            origin=Origin.FILE,
            now=people.now,
        )

    people.take_in(Person("fay@example.org", receives=Receives.NONE))

    [fay] = [one for one in people.every() if one.key == "fay@example.org"]
    assert (fay.origin, fay.receives) == (Origin.FILE, Receives.NONE)


def test_who_is_said_to_be_active_is_no_longer_suspended(people: List) -> None:
    people.take_in(Person(ANN, state=SUSPENDED, suspended_by=Origin.BOUNCES))
    assert people.ann().suspended_by is Origin.BOUNCES

    people.take_in(Person(ANN, state=ACTIVE))

    assert (people.ann().state, people.ann().suspended_by) == (ACTIVE, None)


def test_to_import_an_export_changes_nothing(people: List) -> None:
    until = datetime(2099, 1, 1, 2, 3, 4, 5, tzinfo=UTC)
    people.change(receives=Receives.MIME_DIGEST, holiday_until=until, own_posts=False)
    people.take_in(
        Person("=bo@example.org", "=Bo, 'O", state=SUSPENDED),
        Person("cy@example.org", '"Cy"', Receives.NONE, SUSPENDED, Origin.BOUNCES),
        Person(
            "di@example.org",
            language="de-AT",
            own_posts=True,
            acknowledge=True,
            also=("di@work.example",),
        ),
    )
    before = people.every()
    table = "".join(write(before, Format.CSV, "", people.also()))

    planned = people.take_in(*read_text(table).people)

    assert (planned.changes, planned.unchanged) == ([], 4)
    assert people.every() == before
    assert [*people.also().values()] == [["di@work.example"]]
