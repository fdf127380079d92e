"""What the store says about the demo's messages, posts and deliveries."""

from collections import Counter
from dataclasses import dataclass
from itertools import count

from listbridge import message
from storage import audit, deliveries, inbound, posts, raw_messages
from storage.audit import Problem
from storage.database import Database, Tx
from storage.deliveries import Delivery
from storage.inbound import Inbound
from storage.posts import Post
from storage.states import DeliveryState, PostState


@dataclass(frozen=True)
class Record:
    """One inbound message, and the post it became if it is one."""

    inbound: Inbound
    post: Post | None
    sender: str
    subject: str


@dataclass(frozen=True)
class Records:
    """Everything on record at one moment."""

    messages: tuple[Record, ...]
    deliveries: tuple[Delivery, ...]
    problems: tuple[Problem, ...]  #: what the audit finds

    def of(self, slug: str) -> list[Record]:
        """Return the messages of a category in the order they came."""
        return [one for one in self.messages if one.inbound.category == slug]

    def posts(self, slug: str, state: PostState) -> list[Post]:
        """Return the posts of a category in one state."""
        found = (one.post for one in self.of(slug))
        return [post for post in found if post is not None and post.state is state]

    def outcomes(self, slug: str, recipient: str) -> Counter[DeliveryState]:
        """Count what has become of the copies for one recipient."""
        return Counter(
            one.state
            for one in self.deliveries
            if (one.category, one.recipient) == (slug, recipient)
        )

    def last_words(self, recipient: str) -> str:
        """Return what the server last said of a recipient."""
        words = [one.last_reply for one in self.deliveries if one.recipient == recipient]
        return (words[-1] if words else None) or ""


def read(db: Database) -> Records:
    """Read everything; the audit reads every stored byte."""
    with db.reading() as tx:
        messages = []
        for inbound_id in count(1):  # in a database this young, without a gap
            one = inbound.find(tx, inbound_id)
            if one is None:
                break
            messages.append(_record(tx, one))
        return Records(
            tuple(messages),
            tuple(deliveries.listed(tx, tuple(DeliveryState))),
            tuple(audit.problems(tx)),
        )


def _record(tx: Tx, one: Inbound) -> Record:
    seen = message.glance(raw_messages.read(tx, one.raw_id))
    post = posts.of_inbound(tx, one.id)
    return Record(one, post, seen.sender or "", seen.subject or "")
