"""What would become of a message, decided without changing anything."""

from dataclasses import dataclass

from listbridge import bounces, message
from listbridge.bounces import Report
from listbridge.category import Category
from listbridge.intake import repeats, thread
from listbridge.intake.classify import Finding, Kind, classify, duplicate
from listbridge.intake.history import history
from listbridge.membership import subscriptions
from listbridge.message import ParsedMessage, key
from listbridge.moderation.chain import Verdict, judge
from listbridge.moderation.doubts import doubt
from listbridge.moderation.password import Opened, opened
from listbridge.moderation.rules import Action, Submission
from storage import allowed
from storage.database import Tx
from storage.subscriptions import Subscription

_IMPORTED = Verdict(
    Action.ACCEPT,
    "imported from an archive",
    ({"rule": "imported", "verdict": "accept", "reason": "imported from an archive"},),
)


@dataclass(frozen=True)
class Understood:
    """A message read, before the store is asked about it."""

    raw: bytes  #: without the posting password
    parsed: ParsedMessage
    fingerprint: str
    message_id: str  #: its own, or one derived from its bytes
    password: Opened  #: what became of the posting password
    report: Report | None = None  #: what a bounce says, if it names anybody
    umbrella: str | None = None  #: the address of the list whose post this is, see `umbrella`


@dataclass(frozen=True)
class Judgement:
    """What a message is, what is decided about it if it is a post, and what it answers."""

    finding: Finding
    verdict: Verdict | None = None
    parent: tuple[int, int] | None = None  #: post id and rank among the references
    is_member: bool = False  #: whether the author is one
    author_key: str | None = None  #: then of the address at which he is
    is_doubted: bool = False  #: whether the author may be somebody else, where that is asked


def understand(raw: bytes, category: Category) -> Understood:
    """Read a message; raise `MessageError` if it cannot be read within the limits."""
    read = opened(category, raw)
    parsed = read.parsed
    message_id = parsed.message_id or message.derived_message_id(raw)
    # With its tokens a post is the same as without, as which it is exported.
    shown = message.blotted_bytes(read.raw, parsed.root) if parsed.tokens else read.raw
    fingerprint = message.fingerprint(shown, parsed.root)
    report = bounces.read_parsed(read.raw, parsed) if message.bounce_reason(parsed) else None
    return Understood(read.raw, parsed, fingerprint, message_id, read, report)


def consider(
    tx: Tx, category: Category, category_id: int, understood: Understood, *, approved: bool
) -> Judgement:
    """Say what the message is and, if it is a post, what the rules decide about it."""
    parsed = understood.parsed
    finding = classify(tx, category, category_id, parsed, understood.fingerprint)
    if finding.kind is Kind.COMMAND and understood.umbrella is not None:
        finding = Finding(Kind.POST)  # it was written to another list, where it was none
    if finding.kind is not Kind.POST:
        return Judgement(finding)
    parent = thread.find_parent(tx, category_id, parsed.references)
    member = subscriptions.of_author(tx, category_id, parsed.author)
    post = _submission(tx, category, category_id, understood, parent, member, approved=approved)
    author_key = member.key if member else None
    return Judgement(
        finding, judge(post), parent, post.is_member, author_key, post.doubt is not None
    )


def as_history(tx: Tx, category_id: int, understood: Understood) -> Judgement:
    """Say what a message of an archive is: a post that was accepted once, or a duplicate.

    It bears the marks of the list that it went through, and what it asks for was done then or never
    will be; so nothing else is looked at.
    """
    if reason := duplicate(tx, category_id, understood.parsed, understood.fingerprint):
        return Judgement(Finding(Kind.DUPLICATE, reason))
    parent = thread.find_parent(tx, category_id, understood.parsed.references)
    return Judgement(Finding(Kind.POST), _IMPORTED, parent)


def _submission(
    tx: Tx,
    category: Category,
    category_id: int,
    understood: Understood,
    parent: tuple[int, int] | None,
    member: Subscription | None,
    *,
    approved: bool,
) -> Submission:
    """Put together what the rules look at."""
    parsed, posting = understood.parsed, category.posting
    author = parsed.author
    before = history(tx, posting, category_id, author, parent[0] if parent else None, member)
    return Submission(
        message=parsed,
        posting=posting,
        is_member=member is not None,
        approved=approved,
        repetitions=repeats.same_answers(tx, category_id, parsed),
        kind=category.kind,
        is_staff=author is not None and key(author) in category.staff,
        is_let_in=lambda: author is not None and allowed.is_allowed(tx, category_id, key(author)),
        doubt=doubt(posting, parsed),
        accepted_before=before.accepted_before,
        by_author=before.by_author,
        in_thread=before.in_thread,
        gave_password=understood.password.given,
        shows_password=understood.password.remains,
        umbrella=understood.umbrella,
    )
