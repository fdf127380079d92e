"""What of a mailbox's listing is new, and what we have stored already and may delete."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from listbridge.mailbox import Listed
from storage import arrivals
from storage.arrivals import Arrival
from storage.database import Tx

# A message that is there again although it was deleted is deleted again at once the first times;
# after that only ever more rarely, up to once a day.
_FREE_RETURNS = 2
_LONGEST_WAIT = timedelta(days=1)


@dataclass
class Recognised:
    """A listing, sorted by what is to be done with each entry."""

    wanted: list[Listed] = field(default_factory=list)  #: its bytes must be read
    known: dict[Listed, Arrival] = field(default_factory=dict)  #: committed; may be deleted
    elsewhere: list[Arrival] = field(default_factory=list)  #: not seen to be gone, nor listed
    returned: int = 0  #: how many were deleted before, and are there again or still


def recognise(
    tx: Tx, mailbox_id: int, listing: list[Listed], *, deletes_unread: bool, now: datetime
) -> Recognised:
    """Compare a listing with the arrivals on record.

    Over IMAP a message is known without reading it only if UIDVALIDITY, UID, size and INTERNALDATE
    all match an arrival whose bytes are committed. Over POP3 nothing is: the bytes decide.
    """
    found = Recognised()
    places = _arrivals_at(tx, mailbox_id, listing)
    for listed in listing:
        logged = places.get((listed.uidvalidity, listed.uid), [])
        arrival = next((x for x in logged if _same(x, listed)), None)
        if arrival is not None and _is_put_off(arrival, now):
            found.returned += 1
        elif arrival is not None and deletes_unread:
            found.known[listed] = arrival
            found.returned += arrival.gone_at is not None
        elif not listed.deleted:
            # One that another client has marked as deleted is none of our business.
            found.wanted.append(listed)
    listed_places = {(x.uidvalidity, x.uid) for x in listing if x.uid is not None}
    for arrival in arrivals.present(tx, mailbox_id):
        if (arrival.uidvalidity, arrival.uid) not in listed_places:
            found.elsewhere.append(arrival)
    return found


def _arrivals_at(
    tx: Tx, mailbox_id: int, listing: list[Listed]
) -> dict[tuple[int | None, str | None], list[Arrival]]:
    by_validity: dict[int | None, list[str]] = {}
    for listed in listing:
        if listed.uid is not None:
            by_validity.setdefault(listed.uidvalidity, []).append(listed.uid)
    return {
        (uidvalidity, uid): logged
        for uidvalidity, uids in by_validity.items()
        for uid, logged in arrivals.at(tx, mailbox_id, uidvalidity, uids).items()
    }


def _same(arrival: Arrival, listed: Listed) -> bool:
    return (arrival.size, arrival.internal_date) == (listed.size, listed.internal_date)


def _is_put_off(arrival: Arrival, now: datetime) -> bool:
    """Say whether a message that keeps coming back is to be left alone for now."""
    if arrival.returned <= _FREE_RETURNS:
        return False
    wait = min(timedelta(minutes=2 ** min(arrival.returned, 20)), _LONGEST_WAIT)
    # One that was seen in the future was seen before the clock was set back.
    return arrival.seen_at <= now < arrival.seen_at + wait
