"""A glance at a message that could not be read as a whole: who says he sent it, and about what."""

from dataclasses import dataclass

from listbridge.message import addresses, messageids, tokens
from listbridge.message.headers import split
from listbridge.message.identity import derived_message_id

# Only the beginning is looked at, whatever lies behind it.
_HEAD = 64 * 1024


@dataclass(frozen=True)
class Glance:
    """What the first lines of a message say; None where they say nothing usable."""

    sender: str | None
    subject: str | None


def glance(raw: bytes) -> Glance:
    """Read sender and subject, without tokens, from the beginning of the message; never raises."""
    head, _ = split(raw[:_HEAD])
    subject = tokens.blotted(head.text("Subject")[:500])
    return Glance(addresses.author(head).address, subject or None)


def glance_id(raw: bytes) -> str:
    """Return the Message-ID by which the message is known, or would be; never raises."""
    head, _ = split(raw[:_HEAD])
    return messageids.message_id(head) or derived_message_id(raw)
