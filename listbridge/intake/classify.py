"""What an inbound message is: a post, or something that must never be posted."""

from dataclasses import dataclass
from enum import StrEnum

from listbridge import message
from listbridge.category import Category
from listbridge.message import Command, ParsedMessage
from listbridge.moderation import answers
from storage import outbox, posts
from storage.database import Tx


class Kind(StrEnum):
    """What an inbound message can be."""

    POST = "post"
    BOUNCE = "bounce"
    COMMAND = "command"
    ROBOT = "robot"
    DUPLICATE = "duplicate"
    SHUNTED = "shunted"


@dataclass(frozen=True)
class Finding:
    """What a message is, and what says so."""

    kind: Kind
    reason: str | None = None
    command: Command | None = None  #: of a command


def classify(
    tx: Tx, category: Category, category_id: int, parsed: ParsedMessage, fingerprint: str
) -> Finding:
    """Say what the message is; the order of the questions matters.

    Bounces come first, because they often carry the mail of a robot; loops come before duplicates,
    because a post that has come back is both.
    """
    if reason := message.bounce_reason(parsed):
        return Finding(Kind.BOUNCE, reason)
    if reason := _loop(tx, category, category_id, parsed) or _robot(category, parsed):
        return Finding(Kind.ROBOT, reason)
    if reason := duplicate(tx, category_id, parsed, fingerprint):
        return Finding(Kind.DUPLICATE, reason)
    if command := message.command(parsed, category.address):
        return Finding(Kind.COMMAND, f"the command {command.word.value!r}", command)
    if command := answers.known(tx, category, category_id, parsed):
        return Finding(Kind.COMMAND, "an answer to a moderator's mail", command)
    return Finding(Kind.POST)


def _robot(category: Category, parsed: ParsedMessage) -> str | None:
    reason = message.robot_reason(parsed)
    # Programs send for people what a button to unsubscribe stands for, and may well say so.
    return None if reason and message.leaves(parsed, category.address) else reason


def _loop(tx: Tx, category: Category, category_id: int, parsed: ParsedMessage) -> str | None:
    # By the ids on record, never by their domain: members' mail may well bear our domain. And by
    # this category's: it may be subscribed to another one of ours.
    if parsed.message_id and outbox.made_by_us(tx, category_id, parsed.message_id):
        return "we sent it ourselves: its Message-ID is one that we made"
    own_id = message.list_id(category.address)
    return message.loop_reason(parsed, category.address, own_id) or _own_copy(
        tx, category, category_id, parsed
    )


def _own_copy(tx: Tx, category: Category, category_id: int, parsed: ParsedMessage) -> str | None:
    """Know a copy, written in the list's name, from which a forwarder took all marks but the date.

    Somebody may write with the list's own address; that is dated like no post before.
    """
    if parsed.author is None or parsed.date is None:
        return None
    if message.key(parsed.author) != message.key(category.address):
        return None
    known = posts.sent_at(tx, category_id, parsed.date)
    if known is None or known == parsed.message_id:
        return None
    return "we sent it ourselves: it comes from the list's own address and is dated like a post"


def duplicate(tx: Tx, category_id: int, parsed: ParsedMessage, fingerprint: str) -> str | None:
    """Say which post a message says again; None if it says something new."""
    if parsed.message_id is None:
        return None  # then only equal bytes make a duplicate
    known = posts.same_content(tx, category_id, parsed.message_id, fingerprint)
    return f"same Message-ID and content as post {known}" if known else None
