"""What the log says of a pass over a category, and of its subscriber file."""

from dataclasses import fields

from listbridge import maillog
from listbridge.intake.tally import Tally
from listbridge.membership.subscriptions import FileChange


def polled(tally: Tally) -> None:
    """Tell what a pass came to; one that found nothing is only a step on the way."""
    counted = {x.name: getattr(tally, x.name) for x in fields(tally) if x.type is int}
    numbers = {name: number for name, number in counted.items() if number}
    if numbers:
        maillog.info("poll.done", category=tally.category, **numbers)
    else:
        maillog.debug("poll.done", category=tally.category)
    if tally.error:
        maillog.warning(
            "poll.failed", category=tally.category, trouble=tally.trouble, error=tally.error
        )


def followed(category: str, change: FileChange) -> None:
    """Tell that a subscriber file has changed who is subscribed."""
    if change.added or change.removed:
        maillog.info(
            "subscribers.changed",
            category=category,
            by="file",
            added=change.added,
            removed=change.removed,
        )
