"""Joining and leaving a category, and keeping its subscriber file and the store in step."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from listbridge import clock
from listbridge.errors import ListbridgeError
from listbridge.membership import subscriber_file
from listbridge.message import key, normalise
from storage import categories, erased, muted, outbox, subscriptions
from storage.database import Tx
from storage.states import Origin, Receives, SubscriptionState
from storage.subscriptions import Standing, Subscriber, Subscription

#: Why somebody is subscribed no more, by who has ended it.
GONE = {
    Origin.PERSON: "has unsubscribed himself",
    Origin.COMPLAINT: "has complained about mail of the list",
    Origin.BOUNCES: "was removed because his mail came back",
    Origin.ADMIN: "was removed by hand",
}


#: Why a list is not subscribed to itself.
IS_OWN = "is the list's own address"


class SubscriberFileError(ListbridgeError):
    """The subscriber file cannot be trusted; nobody was added or removed."""


@dataclass(frozen=True)
class FileChange:
    """What following the subscriber file came to."""

    added: int
    removed: int
    warnings: tuple[str, ...]
    problem: str | None = None  #: lines that name nobody; then nobody was removed
    #: Whom the file names and who is not added again, with the reason.
    kept_out: tuple[tuple[str, str], ...] = ()


def subscribe(tx: Tx, category_id: int, address: str, name: str, origin: Origin) -> None:
    """Make an address an active subscriber; raise `AddressError` if it is none."""
    address = normalise(address)
    erased.lift(tx, [key(address)])
    subscriptions.put(
        tx,
        category_id,
        address=address,
        key=key(address),
        name=name,
        origin=origin,
        now=clock.now(),
    )


def join(tx: Tx, category_id: int, address: str, name: str) -> None:
    """Make somebody a subscriber by his own wish, with no other wishes left from before."""
    now = clock.now()
    one = Subscriber(address, key(address), name, Receives.EACH)
    erased.lift(tx, [one.key])
    subscriptions.put_several(tx, category_id, [one], origin=Origin.PERSON, now=now)
    wishes = {"holiday_until": None, "own_posts": None, "acknowledge": False}
    subscriptions.change(tx, category_id, one.key, now, **wishes)
    joined = subscriptions.find(tx, category_id, one.key)
    assert joined is not None
    muted.forget(tx, joined.id)


def unsubscribe(tx: Tx, category_id: int, address: str, by: Origin) -> bool:
    """End a subscription and cancel what is still unsent to it; False if there was none."""
    address_key = key(normalise(address))
    removed = subscriptions.remove(tx, category_id, address_key, by=by, now=clock.now())
    if removed:
        outbox.cancel_for(tx, category_id, address_key)
    return removed


def of_author(tx: Tx, category_id: int, author: str | None) -> Subscription | None:
    """Return the subscription of the author of a message, be it suspended.

    It is his also where he writes from a further address of his.
    """
    return None if author is None else subscriptions.of_person(tx, category_id, key(author))


def follow_file(tx: Tx, category_id: int, path: Path, own: str) -> FileChange:
    """Add and remove memberships as the file says; raise `SubscriberFileError` if it looks wrong.

    Only memberships that came from the file are removed with it. Whoever was removed otherwise, by
    his own wish, by an administrator or because his mail came back, is not added again, nor is who
    was erased, nor the list's `own` address, to which all posts would come back. A line that names
    nobody may be a member's, mistyped, so then the others are added and nobody is removed.
    """
    listed, problem = read_file(path, subscriptions.addresses(tx, category_id))
    warnings, kept_out = [], []
    categories.lock(tx, category_id)
    present = subscriptions.standings(tx, category_id)
    ours = [k for k, x in present.items() if x.origin is Origin.FILE and not _is_removed(x)]
    _refuse_shrunken(path, len(listed), len(ours))
    joining = []
    for address_key, (address, name) in listed.items():
        one = present.get(address_key)
        if address_key == key(own):
            warnings.append(f"{path}: {address} {IS_OWN} and is not added; remove that line")
            kept_out.append((address, IS_OWN))
        elif one is None or (_is_removed(one) and one.removed_by is Origin.FILE):
            joining.append(Subscriber(address, address_key, name))
        elif _is_removed(one):
            why = GONE.get(one.removed_by or Origin.FILE, "is removed")
            warnings.append(f"{path}: {address} {why} and is not added again")
            kept_out.append((address, why))
    gone = erased.among(tx, [one.key for one in joining])
    for each in joining:
        if each.key in gone:
            warnings.append(f"{path}: {each.address} was erased and is not added again")
            kept_out.append((each.address, "was erased"))
    joining = [one for one in joining if one.key not in gone]
    subscriptions.put_several(tx, category_id, joining, origin=Origin.FILE, now=clock.now())
    leaving = [k for k in ours if k == key(own) or (k not in listed and not problem)]
    for address_key in leaving:
        unsubscribe(tx, category_id, address_key, Origin.FILE)
    return FileChange(len(joining), len(leaving), tuple(warnings), problem, tuple(kept_out))


def read_file(
    path: Path, known: Container[str] = ()
) -> tuple[Mapping[str, tuple[str, str]], str | None]:
    """Return address and name by the address's key, and which lines name nobody.

    `known` are normalised addresses, which need not be checked again. Raises
    `SubscriberFileError` if the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as err:
        raise SubscriberFileError(
            f"the subscriber file {path} cannot be read ({err.strerror}); nobody was removed"
        ) from None
    except UnicodeDecodeError:
        raise SubscriberFileError(
            f"the subscriber file {path} is not UTF-8 text; nobody was removed"
        ) from None
    entries, bad = subscriber_file.parse(text, known)
    problem = None
    if bad:
        lines = subscriber_file.told(bad)
        problem = f"the subscriber file {path}: {lines}; nobody was removed"
    return {key(one.address): (one.address, one.name) for one in entries}, problem


def _refuse_shrunken(path: Path, listed: int, ours: int) -> None:
    """A file cut short by a full disk or a failed copy must not empty a list."""
    if listed * 2 < ours:
        raise SubscriberFileError(
            f"the subscriber file {path} names {listed} addresses, less than half of the {ours} "
            "it gave before; nobody was removed",
            cure="if that is meant, remove some of them with `listbridge subscribers remove` first",
        )


def _is_removed(one: Standing) -> bool:
    return one.state is SubscriptionState.REMOVED
