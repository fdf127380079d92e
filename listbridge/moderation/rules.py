"""The rules: each looks at one message and has an opinion about it, or none."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from listbridge.category import Kind, Posting
from listbridge.message import ParsedMessage
from listbridge.moderation import attached, fields, senders


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
    kind: Kind = "discussion"
    is_staff: bool = False  #: its author is an owner or a moderator
    is_let_in: Callable[[], bool] = bool  #: asks whether a moderator has let its author in
    doubt: str | None = None  #: why its author may be somebody else, where that is asked
    accepted_before: int = 0  #: posts of its author, where that is asked
    by_author: int = 0  #: its author's posts within the time of `max_by_author`
    in_thread: int = 0  #: posts to its thread within the time of `max_in_thread`
    gave_password: bool = False  #: it was sent to the address with the posting password
    shows_password: bool = False  #: that stands in its text, where it cannot be cut out
    umbrella: str | None = None  #: the list that has accepted it, and of which this one is a part

    @property
    def treatment(self) -> Action:
        """What the category says of people like its author."""
        return Action(self.posting.members if self.is_member else self.posting.non_members)

    @property
    def is_trusted(self) -> bool:
        """Whether somebody gains by writing in its author's name."""
        named = senders.named(self.author, self.posting.allow) is not None
        return named or self.is_staff or self.is_member or self.is_let_in()

    @property
    def author(self) -> str:
        """The author's address; empty where there is none."""
        return self.message.author or ""


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


def blocked(post: Submission) -> Opinion | None:
    """Keep out whom the category's block list names, members and all."""
    if entry := senders.named(post.author, post.posting.block):
        return Opinion(Action(post.posting.blocked), f"the author is on the block list ({entry})")
    return None


def all_held(post: Submission) -> Opinion | None:
    """Hold everything in an emergency."""
    if post.posting.hold_all:
        return Opinion(Action.HOLD, "all posts are held for now (hold_all)")
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


def header_fields(post: Submission) -> Opinion | None:
    """Ask what the category asks about header fields, such as those of a spam filter."""
    for one in post.posting.headers:
        if reason := fields.objection(post.message.head, one):
            return Opinion(Action(one.action), reason)
    return None


def too_many_attachments(post: Submission) -> Opinion | None:
    """Refuse more attachments than the category allows."""
    most, found = post.posting.max_attachments, len(post.message.attachments)
    if most is not None and found > most:
        reason = f"{found} attachments, more than the {most} allowed"
        return Opinion(Action(post.posting.attachments), reason)
    return None


def unwanted_attachment(post: Submission) -> Opinion | None:
    """Refuse kinds of attachments that the category blocks, or does not allow."""
    if reason := attached.objection(post.message, post.posting):
        return Opinion(Action(post.posting.attachments), reason)
    return None


def too_many_by_author(post: Submission) -> Opinion | None:
    """Hold what goes beyond the author's share within a time: a breaker for runaway programs."""
    rate = post.posting.max_by_author
    if rate is not None and post.by_author >= rate.posts:
        reason = f"the author has posted {post.by_author} times within {rate.written}"
        return Opinion(Action.HOLD, reason)
    return None


def too_many_in_thread(post: Submission) -> Opinion | None:
    """Hold what goes beyond a thread's share within a time: a breaker for heated debates."""
    rate = post.posting.max_in_thread
    if rate is not None and post.in_thread >= rate.posts:
        reason = f"its thread has had {post.in_thread} posts within {rate.written}"
        return Opinion(Action.HOLD, reason)
    return None


def shown_password(post: Submission) -> Opinion | None:
    """Hold what would show the posting password to everybody."""
    if post.shows_password:
        reason = "it holds the posting password in a form that cannot be cut out: change it first"
        return Opinion(Action.HOLD, reason)
    return None


def password(post: Submission) -> Opinion | None:
    """Accept what was sent to the address with the posting password."""
    if post.gave_password:
        return Opinion(Action.ACCEPT, "it came with the posting password")
    return None


def umbrella(post: Submission) -> Opinion | None:
    """Accept what one of the category's umbrellas has accepted, by our own records."""
    if post.umbrella is not None:
        return Opinion(Action.ACCEPT, f"the umbrella list {post.umbrella} has accepted it")
    return None


def in_doubt(post: Submission) -> Opinion | None:
    """See to it that nobody gets by what is trusted in another's name (RFC 8601)."""
    if post.doubt is None or not post.is_trusted:
        return None
    if post.posting.authenticate == "hold":
        return Opinion(Action.HOLD, f"it may not be the author's own: {post.doubt}")
    reason = f"treated as a non-member's, for it may not be the author's own: {post.doubt}"
    return Opinion(Action(post.posting.non_members), reason)


def staff(post: Submission) -> Opinion | None:
    """Accept what owners and moderators write to a list that others only read."""
    if post.is_staff and post.kind != "discussion":
        return Opinion(Action.ACCEPT, "the author is an owner or a moderator")
    return None


def allowed(post: Submission) -> Opinion | None:
    """Accept what people write whom the category's allow list names."""
    if entry := senders.named(post.author, post.posting.allow):
        return Opinion(Action.ACCEPT, f"the author is on the allow list ({entry})")
    return None


def let_in(post: Submission) -> Opinion | None:
    """Accept what people write whom a moderator has let in for good."""
    waits = post.treatment is not Action.ACCEPT or post.accepted_before < post.posting.first_posts
    if waits and post.is_let_in():
        return Opinion(Action.ACCEPT, "a moderator has let the author in for good")
    return None


def announce_only(post: Submission) -> Opinion | None:
    """Keep announce lists and newsletters to those who run them."""
    if post.kind != "discussion" and post.treatment is not Action.ACCEPT:
        return Opinion(post.treatment, f"only owners and moderators post here ({post.kind})")
    return None


def first_posts(post: Submission) -> Opinion | None:
    """Hold the first posts of everybody who would get through from then on."""
    most = post.posting.first_posts
    if post.treatment is Action.ACCEPT and post.accepted_before < most:
        said = "the author's first post here" if most == 1 else f"one of the first {most} posts"
        return Opinion(Action.HOLD, f"{said}; {post.accepted_before} were accepted so far")
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
