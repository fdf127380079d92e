"""What moderators answer, and what comes of it: the first answer to each held post counts.

The code in an answer says who decides, and about which post; From says nothing. An answer that is
not understood changes nothing, and its code stays good.
"""

from datetime import datetime

from listbridge import message
from listbridge.category import Category
from listbridge.dmarc import Policy
from listbridge.membership import subscriptions
from listbridge.membership.request import Done, Request
from listbridge.message import Command, ParsedMessage, Word
from listbridge.message.decisions import Decision, read
from listbridge.moderation import actions, codes
from listbridge.moderation.codes import Code
from listbridge.moderation.letters import Letters, answered
from storage import posts
from storage.database import Tx
from storage.posts import Post
from storage.states import PostState


def known(tx: Tx, category: Category, category_id: int, parsed: ParsedMessage) -> Command | None:
    """Return an answer to a moderator's mail that is known as one only by what it answers.

    Nothing of it is ever posted, whatever became of its subject.
    """
    if answered(tx, category, category_id, parsed) is None:
        return None
    return Command(Word.MODERATE, _only(parsed))


def _only(parsed: ParsedMessage) -> str:
    """Return the one secret that a message shows; empty where it shows several."""
    return parsed.tokens[0] if len(parsed.tokens) == 1 else ""


def post_in_question(
    tx: Tx, category: Category, category_id: int, parsed: ParsedMessage, now: datetime
) -> Post | None:
    """Return the held post that a message may let out, or None."""
    command = message.command(parsed, category.address)
    secret = command.argument if command and command.word is Word.CONFIRM else _only(parsed)
    code = codes.look(tx, category_id, secret, now)
    return posts.find(tx, code.post_id) if code else None


def carry_out(request: Request, policy: Policy) -> Done | None:
    """See to an answer; None if it is none to a moderator's mail.

    `policy` is that of the domain of the post's author, see `from_choice.policies`.
    """
    if request.command.word not in (Word.CONFIRM, Word.MODERATE):
        return None
    tx, category, category_id = request.tx, request.category, request.category_id
    secret = request.command.argument
    code = codes.look(tx, category_id, secret, request.now)
    moderator = code.moderator if code else answered(tx, category, category_id, request.parsed)
    if moderator is None:
        return None
    if reason := message.unanswerable_reason(request.parsed):
        return Done(f"a moderator's answer, which decides nothing: {reason}")
    if not codes.is_moderator(category, moderator):
        return Done("an answer of somebody who is no moderator any more, which decides nothing")
    letters = Letters(tx, category, category_id, request.now)
    if code is None:
        if not _is_by(request, moderator):
            # Nobody is told: neither him, who has not written it, nor whom a robot writes for.
            return Done("somebody else's answer to a moderator's mail, which decides nothing")
        told = letters.no_code(moderator, request.parsed.message_id)
        return Done("a moderator's answer without a valid code", told)
    return _with_code(request, letters, code, policy)


def _is_by(request: Request, moderator: str) -> bool:
    """Say whether an answer names a moderator as its author, be it by a further address of his."""
    author = request.parsed.author
    if author is None:
        return False
    one = subscriptions.of_author(request.tx, request.category_id, author)
    return message.key(moderator) in (message.key(author), one.key if one else None)


def _with_code(request: Request, letters: Letters, code: Code, policy: Policy) -> Done:
    post = posts.find(request.tx, code.post_id)
    assert post is not None, "a code is made for a post, and no post is ever deleted"
    answers_to = request.parsed.message_id
    about = f"{code.moderator} about post {post.id}"
    if post.state is not PostState.HELD:
        told = letters.too_late(post, code.moderator, answers_to)
        return Done(f"{about}: it was {post.state} before", told)
    answer = read(request.parsed, codes.words(request.category))
    if answer is None or (answer.decision is Decision.LET_IN and post.sender is None):
        told = letters.unclear(post, code, answers_to)
        return Done(f"{about}: the answer was not understood", told)
    made = actions.decide(
        request.tx, request.category, post, answer, policy=policy, by=code.moderator
    )
    return Done(f"{about}: {answer.decision}", made or 0, posts.find(request.tx, post.id))
