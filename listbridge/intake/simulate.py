"""What would become of a message, found out without storing anything."""

from dataclasses import dataclass

from listbridge import clock, message
from listbridge.category import Category
from listbridge.delivery import fanout
from listbridge.dmarc import Policy
from listbridge.errors import ListbridgeError
from listbridge.intake import umbrella
from listbridge.intake.classify import Kind
from listbridge.intake.judge import Judgement, Understood, consider, understand
from listbridge.membership import requests
from listbridge.message import ListCopy, ParsedMessage
from listbridge.moderation.rules import Action
from storage import inbound, outbox, posts, raw_messages
from storage.database import Tx
from storage.errors import StoreError


@dataclass(frozen=True)
class Simulation:
    """The answer; `copy` is what subscribers would get, byte by byte."""

    kind: Kind
    verdict: Action | None
    reason: str | None
    message_id: str | None
    parent: str | None  #: Message-ID of the post it would answer
    parsed: ParsedMessage | None
    recipients: int
    copy: bytes | None
    trail: tuple[dict[str, str], ...]
    from_reason: str | None = None  #: why the copy is From whom it is


def simulate(
    tx: Tx, category: Category, category_id: int, raw: bytes, policy: Policy = Policy.UNKNOWN
) -> Simulation:
    """Say what the message is, what would be decided about it, and what would be sent to whom.

    `policy` is that of the author's domain, see `from_choice.policies`.
    """
    try:
        return _decide(tx, category, category_id, raw, policy)
    except ListbridgeError as err:
        return _without_verdict(Kind.SHUNTED, str(err))
    except StoreError:
        raise
    except Exception as err:
        # As in dispatch: whatever a library raises on these bytes sets the message aside.
        return _without_verdict(Kind.SHUNTED, f"handling it failed: {type(err).__name__}")


def _decide(tx: Tx, category: Category, category_id: int, raw: bytes, policy: Policy) -> Simulation:
    understood = understand(raw, category)
    raw_id = raw_messages.find(tx, message.raw_hash(raw))
    if raw_id is not None and inbound.came_before(tx, category_id, raw_id, None):
        return _without_verdict(Kind.DUPLICATE, "the same bytes came before", understood)
    understood = umbrella.seen_through_within(tx, category, category_id, understood)
    judgement = consider(tx, category, category_id, understood, approved=False)
    if judgement.verdict is None:
        finding = judgement.finding
        if finding.command is not None and (
            refusal := requests.refusal(category, finding.command, understood.parsed)
        ):
            return _without_verdict(Kind.SHUNTED, refusal, understood)
        return _without_verdict(finding.kind, finding.reason, understood)
    return _post(tx, category, category_id, understood, judgement, policy)


def _shown(copy: ListCopy, raw: bytes) -> bytes:
    """The copy; where each has his own, that of nobody, with a token that stands for nothing."""
    octets = message.rendered(copy, raw)
    if copy.stand_ins is None:
        return octets
    nobody = "subscriber@example.net"
    return message.template(octets, copy.stand_ins).copy(nobody, copy.stand_ins.secret)


def _without_verdict(
    kind: Kind, reason: str | None, understood: Understood | None = None
) -> Simulation:
    return Simulation(
        kind=kind,
        verdict=None,
        reason=reason,
        message_id=understood.message_id if understood else None,
        parent=None,
        parsed=understood.parsed if understood else None,
        recipients=0,
        copy=None,
        trail=(),
    )


def _post(
    tx: Tx,
    category: Category,
    category_id: int,
    understood: Understood,
    judgement: Judgement,
    policy: Policy,
) -> Simulation:
    verdict, parsed = judgement.verdict, understood.parsed
    assert verdict is not None
    parent = posts.find(tx, judgement.parent[0]) if judgement.parent else None
    copy, choice = fanout.copy_for(
        category,
        understood.raw,
        parsed,
        message_id=understood.message_id,
        date=parsed.date or clock.now(),
        is_member=judgement.is_member,
        policy=policy,
    )
    author = judgement.author_key or (parsed.author and message.key(parsed.author))
    without = None if category.posting.own_copy else author
    sent = verdict.action is Action.ACCEPT and category.outgoing is not None
    others = fanout.elsewhere(
        tx, category, category_id, parsed, understood.message_id, understood.fingerprint
    )
    return Simulation(
        kind=Kind.POST,
        verdict=verdict.action,
        reason=copy.refusal or verdict.reason,
        message_id=understood.message_id,
        parent=parent.message_id if parent else None,
        parsed=parsed,
        recipients=(
            outbox.count_recipients(
                tx,
                category_id,
                without,
                author,
                clock.now(),
                parent_id=parent.id if parent else None,
                others=others,
            )
            if sent
            else 0
        ),
        copy=None if copy.refusal else _shown(copy, understood.raw),
        trail=verdict.trail,
        from_reason=choice.reason,
    )
