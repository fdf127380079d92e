"""Read a report: the standard forms first, then what old systems write, then plain words."""

from collections.abc import Iterable, Iterator

from listbridge.bounces import (
    complaint,
    delivery_status,
    known_formats,
    origin,
    plain_text,
    returned,
)
from listbridge.bounces.report import MOST_FAILURES, Failure, Report, usable
from listbridge.message import MessageError, ParsedMessage, parse
from listbridge.message.headers import Head
from storage.states import BounceClass

_MOST_ENTRIES = 20
_ENVELOPE = ("To", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")


def read(raw: bytes) -> Report | None:
    """Return what a message reports; None if it is no report, or none of a failure. Never raises.

    A vacation notice, an answer, a challenge, or a person who shows a report is none.
    """
    try:
        parsed = parse(raw)
    except MessageError:
        return None
    return read_parsed(raw, parsed) if origin.is_report(parsed) else None


def read_parsed(raw: bytes, parsed: ParsedMessage) -> Report | None:
    """As `read`, of a message that is known to be a report."""
    back = returned.head(raw, parsed.root)
    text = parsed.text[: plain_text.MOST]
    found = _failures(raw, parsed, back, text)
    if not found:
        return None
    ids = returned.message_ids(back, text)
    sent_to = tuple(_sent_to(parsed.head))
    return Report(tuple(_once_each(found)), ids, sent_to, parsed.tokens[:_MOST_ENTRIES])


def _once_each(found: list[Failure]) -> Iterable[Failure]:
    """Keep of each recipient the first that is final, as some servers repeat themselves."""
    final_first = sorted(found, key=lambda one: one.class_ is BounceClass.TEMPORARY)
    return list({one.recipient: one for one in reversed(final_first)}.values())[::-1]


def _failures(
    raw: bytes, parsed: ParsedMessage, back: Head | None, text: str
) -> list[Failure] | None:
    complaints = complaint.failures(raw, parsed.root, back)
    if complaints is not None:
        return complaints
    stated = delivery_status.failures(raw, parsed.root)
    if stated is not None:
        return stated
    return known_formats.failures(raw, text) or _named(parsed, text) or _in_words(parsed, text)


def _named(parsed: ParsedMessage, text: str) -> list[Failure]:
    """Whom Exim and Gmail name in the header."""
    given = ",".join(field.text for field in parsed.head.all("X-Failed-Recipients"))
    people = dict.fromkeys(one for one in map(usable, given.split(",")[:MOST_FAILURES]) if one)
    return [plain_text.failure(one, text, delayed=False) for one in people]


def _in_words(parsed: ParsedMessage, text: str) -> list[Failure]:
    own = {one.lower() for one in (*_sent_to(parsed.head), parsed.author or "")}
    return plain_text.failures(text, own)


def _sent_to(head: Head) -> Iterator[str]:
    """The addresses that a report was sent to, by its header and by what servers noted down."""
    for name in _ENVELOPE:
        for text in [field.text for field in head.all(name)][:_MOST_ENTRIES]:
            for one in text.split(",")[:_MOST_ENTRIES]:
                if address := usable(one.rpartition("<")[2].partition(">")[0]):
                    yield address
