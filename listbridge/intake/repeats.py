"""Answers that say the same over and over: a robot that does not show itself as one.

Some vacation programs answer whatever comes, lists included, and mark nothing (RFC 3834 asks for
both). Two of them on a list, or one that gets its own answers back, would never stop.
"""

from listbridge import message
from listbridge.message import ParsedMessage
from storage import posts, raw_messages
from storage.database import Tx

_MOST_COMPARED = 10


def same_answers(tx: Tx, category_id: int, parsed: ParsedMessage) -> int:
    """Count the author's latest posts that answer the same with the same words.

    What is no answer is never compared: to send a post again is everybody's right.
    """
    if parsed.author is None or not parsed.text.strip():
        return 0
    if not parsed.references and not message.is_answer(parsed.subject):
        return 0
    topic = message.topic(parsed.subject)
    latest = posts.lately_by(tx, category_id, parsed.author, _MOST_COMPARED)
    return sum(
        message.topic(subject) == topic
        and message.parse(raw_messages.read(tx, raw_id)).text == parsed.text
        for raw_id, subject in latest
    )
