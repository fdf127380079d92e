"""Archived messages into the store: by the door of all mail, as history that is sent to nobody.

What is there already is not stored again, so that an archive can be taken in any number of times;
what was stored and not decided when the program ended is decided by the next run, or a service.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from listbridge import clock
from listbridge.archives.archived import Archived
from listbridge.intake import events
from listbridge.intake.dispatch import dispatch_several
from listbridge.intake.readers import Reader
from storage import categories, inbound, raw_messages
from storage.database import Database
from storage.states import Source

# They lie in memory beside each other, and others who want to write wait for them.
_MOST = 50
_MOST_OCTETS = 1_000_000


@dataclass
class TakenIn:
    """What taking in an archive came to; what became posts the reader's tally counts."""

    messages: int = 0  #: in the archive
    known: int = 0  #: the same bytes were there before
    unread: list[Archived] = field(default_factory=list)  #: why says their `problem`


def take_in(db: Database, reader: Reader, messages: Iterable[Archived]) -> TakenIn:
    """Take in archived messages, a few at a time; raises what reading them raises."""
    result = TakenIn()
    with db.reading() as tx:
        left = inbound.waiting(tx, reader.id, Source.IMPORT)
    for start in range(0, len(left), _MOST):
        dispatch_several(db, reader, left[start : start + _MOST])
    for group in _groups(messages):
        result.messages += len(group)
        result.unread += [one for one in group if one.problem]
        readable = [one for one in group if not one.problem]
        new = _store(db, reader, readable)
        result.known += len(readable) - len(new)
        dispatch_several(db, reader, new)
    return result


def _store(db: Database, reader: Reader, group: Sequence[Archived]) -> list[int]:
    """Store what is not there yet; return the inbound ids."""
    now = clock.now()
    new: list[tuple[int, bytes]] = []
    with db.transaction() as tx:
        kept = raw_messages.keep_several(tx, [one.raw for one in group])
        categories.lock(tx, reader.id)
        for one, raw in zip(group, kept, strict=True):
            if inbound.came_before(tx, reader.id, raw.id, None):
                continue
            came = min(one.at or now, now)
            made = inbound.keep_stored(tx, reader.id, raw.id, source=Source.IMPORT, now=came)
            new.append((made, one.raw))
    for inbound_id, octets in new:
        events.received(reader.category.slug, inbound_id, octets)
    return [inbound_id for inbound_id, _ in new]


def _groups(messages: Iterable[Archived]) -> Iterator[list[Archived]]:
    group: list[Archived] = []
    octets = 0
    for one in messages:
        if group and (len(group) >= _MOST or octets + len(one.raw) > _MOST_OCTETS):
            yield group
            group, octets = [], 0
        group.append(one)
        octets += len(one.raw)
    if group:
        yield group
