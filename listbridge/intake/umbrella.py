"""What a category is sent by one of its umbrellas: another category of this installation.

The copy that arrives only says which post it is. What is decided about, stored and sent is the
post itself, as the umbrella accepted it, so that a forged copy can change nothing of it.
"""

from dataclasses import replace

from listbridge import message
from listbridge.category import Category
from listbridge.delivery import wires
from listbridge.intake.judge import Understood, understand
from listbridge.message import Head, ParsedMessage, messageids, subaddress
from listbridge.message.robots import LOOP_HEADER
from storage import cross_posts, outbox, posts, raw_messages
from storage.cross_posts import SentOn
from storage.database import Database, Tx


def seen_through(
    db: Database, category: Category, category_id: int, understood: Understood
) -> Understood:
    """Return the post that an umbrella's copy stands for; every other message as it is."""
    if not _may_be_a_copy(category, understood.parsed):
        return understood
    with db.reading() as tx:
        return seen_through_within(tx, category, category_id, understood)


def seen_through_within(
    tx: Tx, category: Category, category_id: int, understood: Understood
) -> Understood:
    """As `seen_through`, within a transaction."""
    if not _may_be_a_copy(category, understood.parsed):
        return understood
    names = (understood.message_id, *understood.parsed.aliases)
    found = _sent_on(tx, category, understood.parsed.head, names)
    if not found:
        return understood
    # Two posts may have the same Message-ID; each copy is taken for the next that is not here yet.
    new = (
        one
        for one in found
        if posts.same_content(tx, category_id, one.message_id, one.fingerprint) is None
    )
    post = next(new, found[-1])
    meant = understand(_original(tx, category, post), category)
    return replace(meant, fingerprint=post.fingerprint, umbrella=post.address)


def was_sent_to(tx: Tx, category: Category, head: Head) -> bool:
    """Say whether a message with this head is a copy that an umbrella sent to the category."""
    if not category.posting.umbrella_of(message.passed(head)):
        return False
    message_id = messageids.message_id(head)
    names = (*(() if message_id is None else (message_id,)), *messageids.aliases(head))
    return bool(_sent_on(tx, category, head, names))


def _may_be_a_copy(category: Category, parsed: ParsedMessage) -> bool:
    """Say whether it is worth asking; what has been here before is a loop, whoever sent it."""
    passed = message.passed(parsed.head)
    return (
        category.posting.umbrella_of(passed)
        and message.key(category.address) not in passed
        and message.bounce_reason(parsed) is None
    )


def _sent_on(tx: Tx, category: Category, head: Head, names: tuple[str, ...]) -> list[SentOn]:
    passed = {*message.passed(head)}.intersection(map(message.key, category.posting.umbrellas))
    return cross_posts.sent_on(tx, to=message.key(category.address), by=passed, message_ids=names)


def _original(tx: Tx, category: Category, post: SentOn) -> bytes:
    """The post as it came to the umbrella, and on top the lists that its copies have passed.

    Where the umbrella's posting password may stand in it, it is the copy that went out, without.
    """
    sent = outbox.find(tx, post.outgoing_id)
    raw = raw_messages.read(tx, post.raw_id)
    if subaddress.mentions(raw, post.address):
        raw = wires.for_several(tx, sent, category.address)
    head, _ = message.split(raw)
    known = message.passed(head)
    on_the_way = (f for f in message.split(sent.head)[0].all(LOOP_HEADER))
    marks = [one for one in on_the_way if message.key(one.text) not in known]
    top = b"".join(one.to_bytes() for one in marks)
    if messageids.message_id(head) is None:
        top += f"Message-ID: {post.message_id}\r\n".encode()
    return top + raw
