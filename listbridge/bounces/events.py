"""What the log says of mail that came back; never the words of a report, which quote our mail."""

from collections.abc import Iterable

from listbridge import maillog
from listbridge.bounces.book import Recorded


def recorded(category: str, bounces: Iterable[Recorded]) -> None:
    """Tell what came back and what it led to, once it is committed."""
    for one in bounces:
        failure = one.failure
        maillog.info(
            "bounce.recorded",
            category=category,
            inbound=one.inbound_id,
            recipient=failure.recipient,
            subscriber=one.subscriber,
            kind=failure.class_.value,
            status=failure.status,
        )
        if one.suspended_at is not None:
            maillog.warning(
                "subscriber.suspended",
                category=category,
                subscriber=one.subscriber,
                score=round(one.suspended_at, 1),
            )
        if one.unsubscribed:
            maillog.warning("subscriber.complained", category=category, subscriber=one.subscriber)
        if one.tripped:
            maillog.warning("list.refused", category=category, status=failure.status)
