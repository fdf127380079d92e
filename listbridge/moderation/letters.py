"""What moderators are written about held posts, and about what became of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from listbridge import message
from listbridge.category import Category
from listbridge.membership.telling import tell
from listbridge.message import ParsedMessage, tokens
from listbridge.moderation import codes
from listbridge.moderation.codes import Code
from listbridge.moderation.excerpts import attachable, excerpt
from listbridge.moderation.password import Opened
from listbridge.notices import Notice, Writing, reason, word
from storage import answers, duties, outbox, subscriptions
from storage.database import Tx
from storage.posts import Post
from storage.states import Duty, PostState

_DAY = timedelta(days=1)
# Mails of a kind to one moderator in a day: what is beyond comes with the summary. Of those that
# his own mail leads to there are fewer, as his robot may write it.
_MOST = {Notice.HELD_POST: 50, Notice.DECIDED: 50}
_MOST_OTHERS = 10
_LONGEST = 100  #: characters of a subject or name; there must be room for a code
# What the Message-ID of each of these begins with: an answer to it is none to the list.
_MARK = "held-"
_MOST_REFERENCES = 20
_DECIDED = {
    PostState.ACCEPTED: "is-accepted",
    PostState.REJECTED: "is-rejected",
    PostState.DISCARDED: "is-discarded",
}


def answered(tx: Tx, category: Category, category_id: int, parsed: ParsedMessage) -> str | None:
    """Return whom we had written what a message answers, if it was a mail to a moderator.

    The store is asked only about Message-IDs that look like those of such mail.
    """
    domain = category.address.rpartition("@")[2]
    for one in islice(parsed.references, _MOST_REFERENCES):
        if one.startswith(f"<{_MARK}") and one.endswith(f"@{domain}>"):
            found = outbox.recipient_of(tx, category_id, one)
            if found is not None:
                return found
    return None


@dataclass(frozen=True)
class Letters:
    """Writes to the moderators of one category, which is locked; says how many were written to."""

    tx: Tx
    category: Category
    category_id: int
    now: datetime

    def held(self, post: Post, read: Opened) -> int:
        """Ask each moderator about a post that the rules hold, or leave it to the summary."""
        asked = codes.moderators(self.category)
        if not asked:
            return 0
        duties.owe(self.tx, self.category_id, Duty.SUMMARY, self.now + _DAY)
        if self.category.moderation.mail != "each":
            return 0
        left = {one: self._left(one, Notice.HELD_POST) for one in asked}
        attached = attachable(read) if any(x is not None for x in left.values()) else None
        for moderator, number in left.items():
            if number is not None:
                self._ask(moderator, post, read.parsed.text, attached, is_last=number == 0)
        return sum(number is not None for number in left.values())

    def decided(self, post: Post) -> int:
        """Tell the others who were asked about a post what was decided; it is as it is by now."""
        present = {message.key(one) for one in codes.moderators(self.category)}
        if post.decided_by is not None:
            present.discard(message.key(post.decided_by))
        told = 0
        for moderator in codes.asked(self.tx, self.category_id, post.id):
            if message.key(moderator) in present:
                values = self._what_was_decided(post, self.language(moderator))
                told += self._if_not_enough(Notice.DECIDED, moderator, values)
        return told

    def too_late(self, post: Post, moderator: str, answers_to: str | None) -> int:
        """Tell a moderator that his answer came after the decision."""
        values = self._what_was_decided(post, self.language(moderator))
        return self._if_not_enough(Notice.TOO_LATE, moderator, values, answers_to)

    def unclear(self, post: Post, code: Code, answers_to: str | None) -> int:
        """Tell a moderator what can be said, and the code that he has."""
        values = self._choices(post, code, self.language(code.moderator))
        return self._if_not_enough(Notice.UNCLEAR, code.moderator, values, answers_to)

    def no_code(self, moderator: str, answers_to: str | None) -> int:
        """Tell a moderator that his answer does not hold one valid code."""
        return self._if_not_enough(Notice.NO_CODE, moderator, {}, answers_to)

    def summary(self, moderator: str, values: Mapping[str, str]) -> None:
        """Write a moderator what waits."""
        self._write(Notice.HELD_POSTS, moderator, values)

    def language(self, moderator: str) -> str:
        """Return his own language, if he is a subscriber who has chosen one, else the list's."""
        one = subscriptions.find(self.tx, self.category_id, message.key(moderator))
        return (one.language if one else None) or self.category.language

    def said(self, name: str, language: str) -> str:
        """Return a word of the catalogue."""
        return word(name, language, self.category.texts) or name

    def why(self, post: Post, language: str) -> str:
        """Return why a post is held."""
        return reason(post.reason or "", language, self.category.texts)

    def about(self, post: Post, language: str) -> dict[str, str]:
        """Return what each of these mails says of a post."""
        author = post.sender or self.said("no-author", language)
        name = _short(tokens.blotted(post.sender_name.strip()))
        return {
            "subject": _short(post.subject),
            "author": f"{name} ({author})" if name else author,
        }

    def _ask(
        self, moderator: str, post: Post, text: str, attached: bytes | None, *, is_last: bool
    ) -> None:
        language = self.language(moderator)
        code = codes.make(self.tx, self.category_id, moderator, post.id, self.now)
        passed = [step for step in post.trail if step["verdict"] == "pass"]
        values = {
            **self._choices(post, code, language),
            "reason": self.why(post, language),
            "rule": post.trail[-1]["rule"],
            "passed": str(len(passed)),
            "text": excerpt(text),
            "post": str(post.id),
            "attachment": self.said("not-attached" if attached is None else "attached", language),
            "remark": self.said("last-today", language) if is_last else "",
        }
        self._write(Notice.HELD_POST, moderator, values, attached=attached)

    def _choices(self, post: Post, code: Code, language: str) -> dict[str, str]:
        return {
            **self.about(post, language),
            **codes.choices(self.category, language, code),
            "code": code.written,
            "until": shown(code.until),
        }

    def _what_was_decided(self, post: Post, language: str) -> dict[str, str]:
        assert post.decided_at is not None
        return {
            **self.about(post, language),
            "decision": self.said(_DECIDED[post.state], language),
            "by": post.decided_by or self.said("command-line", language),
            "at": shown(post.decided_at),
        }

    def _if_not_enough(
        self,
        what: Notice,
        moderator: str,
        values: Mapping[str, str],
        answers_to: str | None = None,
    ) -> int:
        if self._left(moderator, what) is None:
            return 0
        self._write(what, moderator, values, answers_to=answers_to)
        return 1

    def _left(self, moderator: str, what: Notice) -> int | None:
        """Count one more of the kind to him; return how many more there may be, None if enough."""
        return answers.count_apart(
            self.tx,
            self.category_id,
            message.key(moderator),
            what,
            each=_MOST.get(what, _MOST_OTHERS),
            now=self.now,
        )

    def _write(
        self,
        what: Notice,
        moderator: str,
        values: Mapping[str, str],
        *,
        answers_to: str | None = None,
        attached: bytes | None = None,
    ) -> None:
        writing = Writing(
            moderator,
            language=self.language(moderator),
            values=values,
            answers=answers_to,
            mark=_MARK,
            attached=attached,
        )
        tell(self.tx, self.category, self.category_id, what, writing, self.now)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def shown(moment: datetime) -> str:
    """Write a time as people read it."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
