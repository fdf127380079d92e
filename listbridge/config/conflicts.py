"""Categories that are right by themselves but get in each other's way."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from listbridge.category import Category
from listbridge.config.problems import Finding
from listbridge.mailbox.settings import IncomingSettings
from listbridge.message import key as address_key

# Of a whole crowd, naming a few is enough to find the rest.
_MOST_NAMED = 5

# Who shares a mailbox reads it as one: what is fetched from it, and what becomes of that there,
# must not depend on whose turn it is; nor must how its password travels.
_DECISIVE: dict[str, Callable[[IncomingSettings], object]] = {
    "protocol": lambda one: one.protocol,
    "security": lambda one: one.security,
    "port": lambda one: one.effective_port,
    "username": lambda one: one.username,
    "since": lambda one: one.since,
    "after_fetch": lambda one: one.after_fetch,
    "move_to": lambda one: one.target if one.after_fetch == "move" else None,
}
# Which settings come with the one before, and need not be named beside it.
_FOLLOWS = {"port": ("protocol", "security"), "move_to": ("after_fetch",)}


def find(categories: Mapping[str, Category]) -> dict[str, list[Finding]]:
    """Return what is wrong between categories, by the slug of each one that must not run."""
    found: dict[str, list[Finding]] = defaultdict(list)
    for crowd in _crowds(categories.values(), lambda one: one.address.lower()):
        text = f"{_named(crowd)} have the same address {crowd[0].address}; give each its own"
        for one in crowd:
            found[one.slug].append(Finding(("address",), text))
    for one in categories.values():
        if address_key(one.address) in map(address_key, one.posting.umbrellas):
            text = f"{one.address} is this list itself; name the list whose posts come from above"
            found[one.slug].append(Finding(("posting", "umbrellas"), text))
    polled = [one for one in categories.values() if one.active and one.incoming]
    for crowd in _crowds(polled, _place):
        for key in _differing(crowd):
            text = (
                f"{_named(crowd)} share the mailbox {_shown_place(crowd[0])}, so this must be the "
                "same in each of them; else give each its own mailbox or folder"
            )
            for one in crowd:
                found[one.slug].append(Finding(("incoming", key), text))
    _find_moves(polled, found)
    return found


def _differing(crowd: list[Category]) -> Iterator[str]:
    """Name the decisive keys of [incoming] that are not the same in all."""
    settings = [one.incoming for one in crowd if one.incoming is not None]
    named: set[str] = set()
    for key, value in _DECISIVE.items():
        if len(set(map(value, settings))) > 1 and named.isdisjoint(_FOLLOWS.get(key, ())):
            named.add(key)
            yield key


def _find_moves(polled: list[Category], found: dict[str, list[Finding]]) -> None:
    """Mail must never be moved to where it is fetched from again."""
    readers = {_place(one): one.slug for one in polled}
    for one in polled:
        settings = one.incoming
        if settings is None or settings.after_fetch != "move":
            continue
        reader = readers.get(settings.common_place(settings.target))
        if reader is not None:
            text = f"mail would be moved to the folder that category {reader!r} reads; name another"
            found[one.slug].append(Finding(("incoming", "move_to"), text))


def _crowds(categories: Iterable[Category], by: Callable[[Category], str]) -> list[list[Category]]:
    groups: dict[str, list[Category]] = defaultdict(list)
    for one in categories:
        groups[by(one)].append(one)
    return [group for group in groups.values() if len(group) > 1]


def _place(category: Category) -> str:
    return category.incoming.common_place() if category.incoming else ""


def _shown_place(category: Category) -> str:
    return category.incoming.place if category.incoming else ""


def _named(crowd: list[Category]) -> str:
    names = [repr(one.slug) for one in crowd]
    if len(names) > _MOST_NAMED:
        return f"categories {', '.join(names[:_MOST_NAMED])} and {len(names) - _MOST_NAMED} more"
    return f"categories {', '.join(names[:-1])} and {names[-1]}"
