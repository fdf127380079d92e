"""Categories that are right by themselves but get in each other's way."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from listbridge.category import Category
from listbridge.config.problems import Finding
from listbridge.mailbox.settings import IncomingSettings

# Of a whole crowd, naming a few is enough to find the rest.
_MOST_NAMED = 5


def find(categories: Mapping[str, Category]) -> dict[str, list[Finding]]:
    """Return what is wrong between categories, by the slug of each one that must not run."""
    found: dict[str, list[Finding]] = defaultdict(list)
    for crowd in _crowds(categories.values(), lambda one: one.address.lower()):
        text = f"{_named(crowd)} have the same address {crowd[0].address}; give each its own"
        for one in crowd:
            found[one.slug].append(Finding(("address",), text))
    polled = [one for one in categories.values() if one.active and one.incoming]
    for crowd in _crowds(polled, _place):
        text = (
            f"{_named(crowd)} read the same folder {_shown_place(crowd[0])}; "
            "give each its own mailbox or folder"
        )
        for one in crowd:
            found[one.slug].append(Finding(("incoming", "folder"), text))
    _find_moves(polled, found)
    return found


def _find_moves(polled: list[Category], found: dict[str, list[Finding]]) -> None:
    """Mail must never be moved to where it is fetched from again."""
    readers = {_place(one): one.slug for one in polled}
    for one in polled:
        settings = one.incoming
        if settings is None or settings.after_fetch != "move":
            continue
        reader = readers.get(_comparable(settings, settings.target))
        if reader is not None:
            text = f"mail would be moved to the folder that category {reader!r} reads; name another"
            found[one.slug].append(Finding(("incoming", "move_to"), text))


def _crowds(categories: Iterable[Category], by: Callable[[Category], str]) -> list[list[Category]]:
    groups: dict[str, list[Category]] = defaultdict(list)
    for one in categories:
        groups[by(one)].append(one)
    return [group for group in groups.values() if len(group) > 1]


def _place(category: Category) -> str:
    settings = category.incoming
    return _comparable(settings, settings.folder) if settings else ""


def _comparable(settings: IncomingSettings, folder: str) -> str:
    # Servers differ in whether Alice and alice are one login; none gives them to two people.
    changed = {"folder": folder, "username": settings.username.lower()}
    return settings.model_copy(update=changed).place


def _shown_place(category: Category) -> str:
    return category.incoming.place if category.incoming else ""


def _named(crowd: list[Category]) -> str:
    names = [repr(one.slug) for one in crowd]
    if len(names) > _MOST_NAMED:
        return f"categories {', '.join(names[:_MOST_NAMED])} and {len(names) - _MOST_NAMED} more"
    return f"categories {', '.join(names[:-1])} and {names[-1]}"
