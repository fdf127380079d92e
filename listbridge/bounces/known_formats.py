"""The formats of old mail systems, as flufl.bounce knows them."""

import logging
from email import message_from_bytes

from flufl.bounce import all_failures

from listbridge.bounces import plain_text
from listbridge.bounces.report import MOST_FAILURES, Failure, usable

# It looks at each line with some eighty expressions, a few of them quadratic in the line's length.
_MOST_OCTETS = 64 * 1024
_LONGEST_LINE = 400

# What it raises it also logs, with the message's own words in it.
logging.getLogger("flufl.bounce").disabled = True


def failures(raw: bytes, text: str) -> list[Failure]:
    """Return who was not reached by a message that is known to be a report; may be empty."""
    lines = raw[:_MOST_OCTETS].splitlines()
    cut = b"\n".join(line[:_LONGEST_LINE] for line in lines)
    try:
        delayed, failed = all_failures(message_from_bytes(cut))
    except Exception:  # its detectors are written for what mail systems send
        return []
    found = [*_each(failed, text, delayed=False), *_each(delayed - failed, text, delayed=True)]
    return found[:MOST_FAILURES]


def _each(addresses: frozenset[bytes], text: str, *, delayed: bool) -> list[Failure]:
    people = (usable(address.decode("ascii", "replace")) for address in sorted(addresses))
    return [plain_text.failure(one, text, delayed=delayed) for one in people if one]
