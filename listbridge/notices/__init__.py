"""Service mail to people: what it says, and the bytes it is made of. Knows no state of anything.

letter      the form that all such mail has
alert       what the operator is told about the service itself
catalogue   what people are told, in their languages
reasons     why a post is held, in their languages
notice      one such text, filled in, as a mail in plain text and HTML
"""

from listbridge.notices.alert import Condition, Ended, What, alert
from listbridge.notices.catalogue import Notice, word, word_in_all
from listbridge.notices.letter import letter
from listbridge.notices.notice import Writing, notice
from listbridge.notices.reasons import reason

__all__ = [
    "Condition",
    "Ended",
    "Notice",
    "What",
    "Writing",
    "alert",
    "letter",
    "notice",
    "reason",
    "word",
    "word_in_all",
]
