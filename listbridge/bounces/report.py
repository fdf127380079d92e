"""What a message that came back says: who could not be reached, why, and of which message."""

from dataclasses import dataclass, field

from listbridge.message import AddressError, normalise, words
from storage.states import BounceClass

#: Of one report; whoever sends more means something else than a delivery.
MOST_FAILURES = 100
_LONGEST_REASON = 300


@dataclass(frozen=True)
class Failure:
    """One recipient who could not be reached, or who complained."""

    #: Normalised; None only in a complaint that does not say who complained.
    recipient: str | None
    class_: BounceClass
    status: str | None  #: RFC 3463; None where nobody gave one
    reason: str  #: the words of the server, in one line and of bounded length; may be empty
    also: tuple[str, ...] = ()  #: other addresses of the same person, after a forwarding


@dataclass(frozen=True)
class Report:
    """All that one message reports; of at least one failure."""

    failures: tuple[Failure, ...]
    #: Message-IDs by which the message that came back may be known to us.
    message_ids: tuple[str, ...] = ()
    #: Where the report was sent to: one of them may be a VERP address of ours.
    sent_to: tuple[str, ...] = field(default=(), repr=False)
    #: The secrets that it shows: that of a personal copy stands in its head.
    secrets: tuple[str, ...] = field(default=(), repr=False)


def usable(text: str) -> str | None:
    """Return the normalised address, with or without angle brackets; None if it is none."""
    try:
        return normalise(text.strip().strip("<>").strip())
    except AddressError:
        return None


def shown(text: str) -> str:
    """Make a server's words fit for people: one line, no controls, not too long."""
    return words.tidy(text)[:_LONGEST_REASON].strip()
