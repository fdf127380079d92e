"""Received messages, read: all that deciding asks for before anything is locked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic

from listbridge import clock
from listbridge.category import Category
from listbridge.delivery import from_choice
from listbridge.dmarc import Policy
from listbridge.intake import umbrella
from listbridge.intake.judge import Understood, understand
from listbridge.moderation import answers
from storage import inbound, raw_messages
from storage.database import Database, Tx
from storage.inbound import Inbound
from storage.posts import Post
from storage.states import Source


@dataclass(frozen=True)
class Read:
    """A message as it is stored, and read where that is needed."""

    one: Inbound
    raw: bytes
    understood: Understood | None  #: None where the same bytes came before
    released: Post | None = None  #: the held post that it may let out
    #: Of the domains of those two, as far as they are asked for.
    policies: Mapping[str | None, Policy] = field(default_factory=dict)

    @property
    def is_history(self) -> bool:
        """Whether it comes from an archive, and is sent to nobody."""
        return self.one.source is Source.IMPORT

    @property
    def author(self) -> str | None:
        """Who wrote it, as far as that is known."""
        return self.understood.parsed.author if self.understood else None

    @property
    def released_author(self) -> str | None:
        """Who wrote the held post that it may let out."""
        return self.released.sender if self.released else None

    def policy(self, author: str | None) -> Policy:
        """Return the policy of an author's domain."""
        return self.policies.get(author, Policy.UNKNOWN)


def read_some(
    db: Database, category: Category, waiting: Sequence[Inbound], seconds: float
) -> list[Read]:
    """Read the first ones: as many as can be read in so long, or as there are before a bad one."""
    with db.reading() as tx:
        found = [stored(tx, one) for one in waiting]
    read: list[Read] = []
    begun = monotonic()
    for one, (raw, repeated) in zip(waiting, found, strict=True):
        try:
            read.append(_understood(db, category, one, raw, repeated=repeated))
        except Exception:
            break  # It is read again, alone, and what is wrong with it is seen to then.
        if monotonic() > begun + seconds:
            break
    return _with_policies(category, read)


def _understood(
    db: Database, category: Category, one: Inbound, raw: bytes, *, repeated: bool
) -> Read:
    """Read a message, and where it is another list's copy of a post, that post."""
    if repeated:
        return Read(one, raw, None)
    understood, released = understand(raw, category), None
    understood = umbrella.seen_through(db, category, one.category_id, understood)
    if understood.parsed.tokens:
        with db.reading() as tx:
            released = answers.post_in_question(
                tx, category, one.category_id, understood.parsed, clock.now()
            )
    return Read(one, raw, understood, released=released)


def _with_policies(category: Category, read: list[Read]) -> list[Read]:
    """Add the policies of the authors' domains, all asked for at the same time."""
    authors = [one.author for one in read if not one.is_history]
    authors += [one.released_author for one in read if one.released]
    found = from_choice.policies(category, authors)
    return [replace(one, policies=found) for one in read] if found else read


def read_one(db: Database, category: Category, one: Inbound, raw: bytes, *, repeated: bool) -> Read:
    """Read a message; raises whatever is wrong with it. The bytes are what is `stored`."""
    [read] = _with_policies(category, [_understood(db, category, one, raw, repeated=repeated)])
    return read


def stored(tx: Tx, one: Inbound) -> tuple[bytes, bool]:
    """Return the bytes of a message, and whether the same came before."""
    raw = raw_messages.read(tx, one.raw_id)
    return raw, inbound.came_before(tx, one.category_id, one.raw_id, one.id)
