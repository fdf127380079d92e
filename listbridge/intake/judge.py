"""What would become of a message, decided without changing anything."""

from dataclasses import dataclass

from listbridge import message
from listbridge.category import Category
from listbridge.intake import repeats, thread
from listbridge.intake.classify import Finding, Kind, classify
from listbridge.membership import subscriptions
from listbridge.message import ParsedMessage
from listbridge.moderation.chain import Verdict, judge
from listbridge.moderation.rules import Submission
from storage.database import Tx


@dataclass(frozen=True)
class Understood:
    """A message read, before the store is asked about it."""

    raw: bytes
    parsed: ParsedMessage
    fingerprint: str
    message_id: str  #: its own, or one derived from its bytes


@dataclass(frozen=True)
class Judgement:
    """What a message is, what is decided about it if it is a post, and what it answers."""

    finding: Finding
    verdict: Verdict | None = None
    parent: tuple[int, int] | None = None  #: post id and rank among the references
    is_member: bool = False  #: whether the author is one


def understand(raw: bytes) -> Understood:
    """Read a message; raise `MessageError` if it cannot be read within the limits."""
    parsed = message.parse(raw)
    message_id = parsed.message_id or message.derived_message_id(raw)
    return Understood(raw, parsed, message.fingerprint(raw, parsed.root), message_id)


def consider(
    tx: Tx, category: Category, category_id: int, understood: Understood, *, approved: bool
) -> Judgement:
    """Say what the message is and, if it is a post, what the rules decide about it."""
    parsed = understood.parsed
    finding = classify(tx, category, category_id, parsed, understood.fingerprint)
    if finding.kind is not Kind.POST:
        return Judgement(finding)
    is_member = subscriptions.is_member(tx, category_id, parsed.author)
    repetitions = repeats.same_answers(tx, category_id, parsed)
    verdict = judge(Submission(parsed, category.posting, is_member, approved, repetitions))
    parent = thread.find_parent(tx, category_id, parsed.references)
    return Judgement(finding, verdict, parent, is_member)
