"""Mail that came back: read it, put it on record, and do what it means for a member.

report          what a report says: failures, and what links them to a message of ours
reading         how it is read: RFC 3464, RFC 5965, old formats, plain words
origin          whether a message is a report at all
delivery_status, complaint, known_formats, plain_text
                the four sources, in their order
returned        the message that came back
classes         permanent, temporary or policy, by status and words
verp            envelope senders that name the recipient
weekly          when the owners are told of it
score           how much speaks against an address
book            where it is recorded, whom it is about, and what follows
events          what the log says of it
"""

from listbridge.bounces.book import MANY, WITHIN, Book, Recorded
from listbridge.bounces.reading import read, read_parsed
from listbridge.bounces.report import Failure, Report

__all__ = [
    "MANY",
    "WITHIN",
    "Book",
    "Failure",
    "Recorded",
    "Report",
    "read",
    "read_parsed",
]
