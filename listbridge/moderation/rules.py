"""The rules: each looks at one message and has an opinion about it, or none."""

from dataclasses import dataclass
from enum import StrEnum

from listbridge.category import Posting
from listbridge.message import ParsedMessage


class Action(StrEnum):
    """What can be decided about a post."""

    ACCEPT = "accept"
    HOLD = "hold"
    REJECT = "reject"
    DISCARD = "discard"


# A person says "Thanks!" more than once; a robot that answers itself, or another, never stops.
_MOST_REPETITIONS = 3


@dataclass(frozen=True)
class Opinion:
    """What a rule would do, with the reason in words a moderator understands."""

    action: Action
    reason: str


@dataclass(frozen=True)
class Submission:
    """What the rules look at."""

    message: ParsedMessage
    posting: Posting
    is_member: bool
    approved: bool  #: a person vouched for it when it was handed in
    repetitions: int = 0  #: how often its author has given this very answer lately


def approved(post: Submission) -> Opinion | None:
    """Accept what an administrator handed in as approved."""
    if post.approved:
        return Opinion(Action.ACCEPT, "approved when it was handed in")
    return None


def no_usable_author(post: Submission) -> Opinion | None:
    """Hold what does not say clearly who wrote it (RFC 5322 3.6.2; CVE-2023-27043)."""
    if post.message.author is None:
        return Opinion(Action.HOLD, f"no usable From: {post.message.author_problem}")
    return None


def too_large(post: Submission) -> Opinion | None:
    """Hold what is larger than the category allows."""
    limit = post.posting.max_size
    if post.message.size > limit:
        return Opinion(Action.HOLD, f"{post.message.size} bytes, more than the {limit} allowed")
    return None


def empty(post: Submission) -> Opinion | None:
    """Hold what has neither text nor attachments."""
    if post.message.empty:
        return Opinion(Action.HOLD, "there is nothing in it")
    return None


def repeated(post: Submission) -> Opinion | None:
    """Hold what a robot says over and over that does not show itself as one (RFC 3834 2)."""
    if post.repetitions > _MOST_REPETITIONS:
        said = f"its author has given this very answer {post.repetitions} times, as robots do"
        return Opinion(Action.HOLD, said)
    return None


def member(post: Submission) -> Opinion | None:
    """Treat members as the category says."""
    if post.is_member:
        return Opinion(Action(post.posting.members), "the author is a member")
    return None


def non_member(post: Submission) -> Opinion | None:
    """Treat everybody else as the category says."""
    if not post.is_member:
        return Opinion(Action(post.posting.non_members), "the author is not a member")
    return None
