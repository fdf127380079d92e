"""The weekly report to the owners: what came back, and what became of the subscribers."""

from collections.abc import Iterable
from datetime import datetime

from listbridge.bounces import MANY, WITHIN
from listbridge.bounces.weekly import WEEK
from listbridge.category import Category
from listbridge.membership.telling import tell_owners
from listbridge.notices import Notice, word
from storage import bounces, duties, suspensions
from storage.database import Tx
from storage.states import BounceClass, Duty, Origin, SubscriptionState
from storage.subscriptions import Subscription

# An owner of a large list needs the number, and looks the rest up.
_MOST_NAMED = 50


def see_to(tx: Tx, category: Category, category_id: int, now: datetime) -> tuple[int, None]:
    """Report to the owners; return how many there are. The next is owed when something comes back.

    It covers the time since what gave cause to it, even if it comes late.
    """
    if category.bounces.report == "off" or not category.told_owners:
        return 0, None
    due = duties.owed_at(tx, category_id, Duty.BOUNCE_REPORT) or now
    since = min(due, now) - WEEK
    values = {
        "since": f"{since:%Y-%m-%d}",
        "text": _text(tx, category, category_id, since, now),
    }
    return tell_owners(tx, category, category_id, Notice.BOUNCE_REPORT, now, **values), None


def _text(tx: Tx, category: Category, category_id: int, since: datetime, now: datetime) -> str:
    """The report itself, paragraph by paragraph."""
    people = suspensions.affected(tx, category_id, since)
    suspended = [one for one in people if one.state is SubscriptionState.SUSPENDED]
    paragraphs = [
        _numbers(tx, category, category_id, since),
        _people(category, "suspended", (_probed(category, one) for one in suspended)),
        _people(category, "removed", _removed(people, Origin.BOUNCES)),
        _people(category, "complained", _removed(people, Origin.COMPLAINT)),
    ]
    if bounces.people_refused(tx, category_id, now - WITHIN, MANY) >= MANY:
        paragraphs.append(_said(category, "list-refused"))
    return "\n\n".join(filter(None, paragraphs))


def _numbers(tx: Tx, category: Category, category_id: int, since: datetime) -> str:
    found = bounces.numbers(tx, category_id, since)
    lines = [
        f"    {_said(category, class_.value)}: {found[class_]}"
        for class_ in BounceClass
        if class_ in found
    ]
    return "\n".join([f"{_said(category, 'failures')}:", *lines]) if lines else ""


def _people(category: Category, title: str, lines: Iterable[str]) -> str:
    every = list(lines)
    if not every:
        return ""
    named = [f"    {one}" for one in every[:_MOST_NAMED]]
    if len(every) > _MOST_NAMED:
        named.append(f"    … {len(every)}")
    return "\n".join([f"{_said(category, title)}:", *named])


def _probed(category: Category, one: Subscription) -> str:
    return f"{one.address} ({_said(category, 'probes')}: {one.probes})"


def _removed(people: Iterable[Subscription], by: Origin) -> list[str]:
    removed = (one for one in people if one.state is SubscriptionState.REMOVED)
    return [one.address for one in removed if one.removed_by is by]


def _said(category: Category, name: str) -> str:
    return word(name, category.language, category.texts) or name
