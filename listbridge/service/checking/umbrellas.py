"""Findings about categories that are subscribed to each other."""

from collections.abc import Iterator, Mapping, Sequence

from listbridge.category import Category
from listbridge.config import Configuration
from listbridge.message import key
from listbridge.service.checking.finding import Finding, fine, wrong
from storage import subscriptions
from storage.database import Database
from storage.errors import StoreError
from storage.states import FOR_PEOPLE, Receives

_WHAT = "umbrella lists"


def check_umbrellas(configuration: Configuration, db: Database | None) -> Iterator[Finding]:
    """Yield findings about who is above whom; of subscriptions only with `db`."""
    categories = configuration.categories
    here = {key(one.address) for one in categories.values()}
    for one in categories.values():
        yield from _unknown(one, here)
    if db is None:
        return
    try:
        with db.reading() as tx:
            found = subscriptions.lists_below(tx)
    except StoreError as err:
        yield wrong(None, _WHAT, str(err), "mend the database")
        return
    found = [(one, other, form) for one, other, form in found if {one, other} <= categories.keys()]
    edges = [(one, other) for one, other, _ in found]
    for above, below, form in found:
        yield from _unasked(categories[above], categories[below], edges)
        yield from _not_each(categories[above], categories[below], form)
    for circle in circles(edges):
        way = " → ".join((*circle, circle[0]))
        yield fine(circle[0], _WHAT, f"{way}: a circle; each post goes round it once at most")


def _unknown(category: Category, here: set[str]) -> Iterator[Finding]:
    for one in category.posting.umbrellas:
        if key(one) not in here:
            seen = f"{one} is no category of this installation, so nothing shows what it accepted"
            cure = f'take it out of `umbrellas`; `allow = ["{one}"]` trusts whatever bears its name'
            yield wrong(category.slug, _WHAT, seen, cure)


def _unasked(
    above: Category, below: Category, edges: Sequence[tuple[str, str]]
) -> Iterator[Finding]:
    """Find a list that gets what it then takes for a stranger's."""
    posting = below.posting
    if above.slug == below.slug or posting.umbrella_of([key(above.address)]):
        return
    if posting.non_members != "accept" and (below.slug, above.slug) not in edges:
        seen = f"it is a subscriber of {above.slug}, whose posts are a stranger's to it"
        cure = f'write `umbrellas = ["{above.address}"]` into its [posting], or unsubscribe it'
        yield wrong(below.slug, _WHAT, seen, cure)


def _not_each(above: Category, below: Category, form: Receives) -> Iterator[Finding]:
    """Find a list that gets digests, which are no posts and so a stranger's mail to it."""
    if form in FOR_PEOPLE:
        seen = f"as a subscriber of {above.slug} it gets {form}, and takes that for a stranger's"
        cure = f"listbridge subscribers set {above.slug} {below.address} --receives each"
        yield wrong(below.slug, _WHAT, seen, cure)


def circles(edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Return the ways that lead back to where they begin: each once, from its first by name.

    Of several between the same two, the shortest.
    """
    below: dict[str, list[str]] = {}
    for one, other in edges:
        if one != other:
            below.setdefault(one, []).append(other)
    found = (_way_back(one, below) for one in sorted(below))
    return [way for way in found if way and min(way) == way[0]]


def _way_back(start: str, below: Mapping[str, Sequence[str]]) -> list[str] | None:
    ways, seen = [[start]], {start}
    while ways:
        longer = []
        for way in ways:
            for one in below.get(way[-1], ()):
                if one == start:
                    return way
                if one not in seen:
                    seen.add(one)
                    longer.append([*way, one])
        ways = longer
    return None
