"""What the log says of deliveries: a line for all that were sent together, else one for each."""

from collections.abc import Iterable

from listbridge import maillog
from listbridge.bounces import events as bounce_events
from listbridge.delivery.settle import Settled
from storage.claims import Doubted
from storage.outbox import Names
from storage.states import DeliveryState, Kind


def settled(names: Names, ends: Iterable[Settled]) -> None:
    """Tell how the attempts at a group of deliveries ended."""
    for end in ends:
        if end.state is DeliveryState.SENT:
            _sent(names, end)
        else:
            _not_sent(names, end)
            bounce_events.recorded(names.category, end.bounces)


def doubted(deliveries: Iterable[Doubted]) -> None:
    """Tell which deliveries a process was sending when it died."""
    for one in deliveries:
        maillog.warning(
            "delivery.uncertain",
            category=one.names.category,
            post=one.names.post_id,
            kind=_kind(one.names),
            message_id=one.names.message_id,
            recipient=one.recipient,
            reply=one.reply,
        )


def _kind(names: Names) -> Kind | None:
    """Return what it is, if it is no post."""
    return None if names.kind is Kind.POST else names.kind


def _sent(names: Names, end: Settled) -> None:
    # One line for each of 10,000 recipients would cost as much as sending to them.
    maillog.info(
        "delivery.sent",
        category=names.category,
        post=names.post_id,
        kind=_kind(names),
        message_id=names.message_id,
        count=len(end.recipients),
        recipients=end.recipients,
        reply=end.reply,
    )


_NOT_SENT = {
    DeliveryState.DEFERRED: "delivery.deferred",
    DeliveryState.FAILED: "delivery.failed",
    DeliveryState.UNCERTAIN: "delivery.uncertain",
}


def _not_sent(names: Names, end: Settled) -> None:
    for recipient in end.recipients:
        maillog.warning(
            _NOT_SENT[end.state],
            category=names.category,
            post=names.post_id,
            kind=_kind(names),
            message_id=names.message_id,
            recipient=recipient,
            reply=end.reply,
            next_attempt=end.next_attempt,
        )
