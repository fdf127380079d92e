"""Findings about who is subscribed to a category, and whether the account can serve them."""

from collections.abc import Generator, Iterable, Mapping
from math import ceil
from pathlib import Path

from listbridge.category import Category
from listbridge.errors import ListbridgeError
from listbridge.membership import subscriptions as membership
from listbridge.message import key
from listbridge.service.checking.finding import Finding, fine, wrong
from storage import categories, subscriptions
from storage.database import Database
from storage.errors import StoreError
from storage.states import SubscriptionState

_WHAT = "subscribers"
_MISSING = "write one address per line into it, or take `file` out of [subscribers]"


def check_subscribers(
    category: Category, db: Database | None
) -> Generator[Finding, None, Iterable[str]]:
    """Yield findings about a category's subscribers; without `db` only their file is read.

    Returns their addresses.
    """
    try:
        if db is not None:
            finding, people = _in_store(category, db)
        elif category.subscribers_file is not None:
            finding, people = _in_file(category.slug, category.subscribers_file)
        else:
            return ()
    except ListbridgeError as err:
        yield wrong(category.slug, _WHAT, err.fault, err.cure or _MISSING)
        return ()
    except StoreError as err:
        yield wrong(category.slug, _WHAT, str(err), "mend the database")
        return ()
    yield finding
    if key(category.address) in people:
        seen = f"{category.address} is the list's own address: each post would come back as a loop"
        yield wrong(category.slug, _WHAT, seen, "unsubscribe it, or take it out of the file")
    count = len(people)
    per_day = category.outgoing.max_per_day if category.outgoing else None
    if per_day is not None and count > per_day:
        days = ceil(count / per_day)
        seen = f"a post to {count} subscribers takes {days} days, since max_per_day is {per_day}"
        yield fine(category.slug, "outgoing budget", seen)
    return people.values()


def somebody(address: str, people: Iterable[str]) -> str:
    """Return who may stand for all in the envelope of a list's mail; the list itself if nobody.

    Best is one in another domain, for which a server takes mail only from those that it knows.
    """
    domain = address.rpartition("@")[2]
    able = [one for one in people if one.isascii()]
    return next((one for one in able if one.rpartition("@")[2] != domain), (*able, address)[0])


def _in_store(category: Category, db: Database) -> tuple[Finding, Mapping[str, str]]:
    """Return those there would be if the file was followed now, by key; nothing is stored.

    The list's own address is among them also where it is only in the file.
    """
    slug, path = category.slug, category.subscribers_file
    with db.rehearsal() as rehearsal, rehearsal.transaction() as tx:
        category_id = categories.keep(tx, slug, category.address).id
        change = path and membership.follow_file(tx, category_id, path, category.address)
        found = subscriptions.in_category(tx, category_id, SubscriptionState.ACTIVE)
    active = {one.key: one.address for one in found}
    kept_out = change.kept_out if change else ()
    people = active | {key(one): one for one, why in kept_out if why == membership.IS_OWN}
    if change and change.problem:
        return _unreadable_lines(slug, change.problem), people
    return _counted(slug, path, len(active)), people


def _in_file(slug: str, path: Path) -> tuple[Finding, Mapping[str, str]]:
    listed, problem = membership.read_file(path)
    people = {one: address for one, (address, _) in listed.items()}
    if problem:
        return _unreadable_lines(slug, problem), people
    return _counted(slug, path, len(people)), people


def _counted(slug: str, path: Path | None, count: int) -> Finding:
    if path is not None and not count:
        return wrong(slug, _WHAT, f"the subscriber file {path} names nobody", _MISSING)
    return fine(slug, _WHAT, f"{count} active" if count else "nobody yet, so posts go to nobody")


def _unreadable_lines(slug: str, problem: str) -> Finding:
    return wrong(slug, _WHAT, problem, "correct these lines: one address, or Name <address>")
