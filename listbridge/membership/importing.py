"""Taking in a list of people from elsewhere: what it would change, and doing so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime

from listbridge.category import Category
from listbridge.membership import further
from listbridge.membership.people import Person
from listbridge.membership.subscriptions import GONE, IS_OWN
from listbridge.message import key
from storage import aliases, categories, duties, erased, imported, outbox, subscriptions
from storage.database import Tx
from storage.imported import Whole
from storage.states import Duty, Origin, Receives, SubscriptionState
from storage.subscriptions import Subscription

# Who is gone by one of these is not brought back by a list that was perhaps written before.
_STAYS_AWAY = (Origin.PERSON, Origin.COMPLAINT, Origin.BOUNCES)
_COMPARED = [one.name for one in fields(Whole) if one.name not in ("address", "key", "origin")]


@dataclass(frozen=True)
class Change:
    """What becomes of one person."""

    address: str
    change: str  #: added, changed or left out
    why: str  #: what is changed, or why he is left out


@dataclass(frozen=True)
class Plan:
    """What a list of people would change."""

    changes: Sequence[Change]
    unchanged: int
    people: Sequence[Whole] = field(repr=False)
    suspended: Sequence[str] = ()  #: the keys of those who are active now
    #: The further addresses that somebody is to have and has not, by the key of his own.
    further: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)

    def count(self, change: str) -> int:
        """Return of how many this becomes."""
        return sum(one.change == change for one in self.changes)


def plan(tx: Tx, category: Category, category_id: int, people: Sequence[Person]) -> Plan:
    """Say what subscribing these people would change; the category is locked from here on.

    Who unsubscribed himself stays away, and so does the list's own address, to which all posts
    would come back. Whoever is subscribed keeps what the list of people is silent about.
    """
    categories.lock(tx, category_id)
    known = {one.key: one for one in subscriptions.in_category(tx, category_id)}
    changes: list[Change] = []
    put: list[Whole] = []
    suspended: list[str] = []
    further_addresses: dict[str, Sequence[str]] = {}
    also = aliases.in_category(tx, category_id)
    for person in people:
        before = known.get(key(person.address))
        if why := IS_OWN if key(person.address) == key(category.address) else _away(before):
            changes.append(Change(person.address, "left out", why))
            continue
        now = _whole(person, before)
        new = _new(person.also, also.get(before.id, ()) if before else ())
        if before is None or before.state is SubscriptionState.REMOVED:
            changes.append(Change(now.address, "added", _words(_BLANK, now, new)))
        elif why := _words(_of(before), now, new):
            changes.append(Change(now.address, "changed", why))
        else:
            continue
        put.append(now)
        if new:
            further_addresses[now.key] = new
        if before is not None and _stops(before, now):
            suspended.append(now.key)
    return Plan(changes, len(people) - len(changes), put, suspended, further_addresses)


def carry_out(tx: Tx, category: Category, category_id: int, planned: Plan, now: datetime) -> None:
    """Do what was planned in the same transaction; who is suspended gets nothing any more.

    Raises `further.NotFree` if a further address is somebody else's.
    """
    imported.put(tx, category_id, planned.people, now)
    erased.lift(tx, [one.key for one in planned.people])
    for address_key in planned.suspended:
        outbox.cancel_for(tx, category_id, address_key)
    if any(one.suspended_by is Origin.BOUNCES for one in planned.people):
        duties.owe(tx, category_id, Duty.PROBES, now)
    for address_key, addresses in planned.further.items():
        one = subscriptions.find(tx, category_id, address_key)
        assert one is not None
        for address in addresses:
            further.add(tx, category, category_id, one, address)


def _new(wanted: Sequence[str], has: Sequence[str]) -> Sequence[str]:
    known = {key(one) for one in has}
    return [one for one in wanted if key(one) not in known]


def _away(before: Subscription | None) -> str | None:
    if before is None or before.state is not SubscriptionState.REMOVED:
        return None
    return GONE[before.removed_by] if before.removed_by in _STAYS_AWAY else None


def _stops(before: Subscription, now: Whole) -> bool:
    return before.state is SubscriptionState.ACTIVE and now.state is SubscriptionState.SUSPENDED


_BLANK = Whole(
    "", "", "", SubscriptionState.ACTIVE, None, Receives.EACH, Origin.ADMIN, None, None, None, False
)


def _whole(person: Person, before: Subscription | None) -> Whole:
    """Return what somebody is to be: as the list says, else as he is, else as everybody begins."""
    is_gone = before is None or before.state is SubscriptionState.REMOVED
    old = _BLANK if before is None else _of(before)
    state, suspended_by = person.state, person.suspended_by
    if state is None:
        state, suspended_by = (
            (SubscriptionState.ACTIVE, None) if is_gone else (old.state, old.suspended_by)
        )
    own_posts = old.own_posts if person.own_posts is None else person.own_posts
    return Whole(
        address=person.address if is_gone else old.address,
        key=key(person.address),
        name=person.name or old.name,
        state=state,
        suspended_by=suspended_by if state is SubscriptionState.SUSPENDED else None,
        receives=person.receives or old.receives,
        origin=Origin.ADMIN if is_gone else old.origin,
        holiday_until=person.holiday_until or old.holiday_until,
        own_posts=own_posts,
        language=person.language or old.language,
        acknowledge=old.acknowledge if person.acknowledge is None else person.acknowledge,
    )


def _of(one: Subscription) -> Whole:
    return Whole(**{name: getattr(one, name) for name in Whole.__dataclass_fields__})


def _words(before: Whole, now: Whole, also: Sequence[str]) -> str:
    """Say in words what is different; `also` are the further addresses that are new."""
    pairs = ((name, getattr(before, name), getattr(now, name)) for name in _COMPARED)
    words = [f"{name}: {_word(new)}" for name, old, new in pairs if old != new]
    return ", ".join([*words, *([f"also: {' '.join(also)}"] if also else [])])


def _word(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d}"
    words: Mapping[object, str] = {True: "yes", False: "no", None: "-", "": "-"}
    return words.get(value) or str(value)
