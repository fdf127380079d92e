"""A request by mail, with everything that is needed to see to it and to answer it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from listbridge import message
from listbridge.category import Category
from listbridge.errors import ListbridgeError
from listbridge.membership import options
from listbridge.membership.telling import may_answer, tell
from listbridge.message import Command, ParsedMessage
from listbridge.message import tokens as written_tokens
from listbridge.notices import Notice, Writing
from storage import subscriptions as store
from storage import tokens
from storage.database import Tx
from storage.posts import Post
from storage.states import Purpose
from storage.subscriptions import Subscription
from storage.tokens import Token

#: A subscriber may want several things changed; there is no need to ask the same twice a day.
CHANGES_A_DAY = 5
_LASTING = timedelta(days=3)
_ASKED_BY = {
    Purpose.SUBSCRIBE: Notice.CONFIRM_SUBSCRIBE,
    Purpose.UNSUBSCRIBE: Notice.CONFIRM_UNSUBSCRIBE,
    Purpose.OPTIONS: Notice.CONFIRM_OPTIONS,
    Purpose.RESUME: Notice.CONFIRM_RESUME,
    Purpose.ADD_ADDRESS: Notice.CONFIRM_OPTIONS,
    Purpose.REMOVE_ADDRESS: Notice.CONFIRM_OPTIONS,
    Purpose.OWN_ADDRESS: Notice.CONFIRM_ADDRESS,
}


class NotUnderstood(ListbridgeError):
    """A command that nobody can be answered about; a person has to look at it."""


@dataclass(frozen=True)
class Done:
    """What came of a request."""

    reason: str  #: for the record; it holds no secret
    told: int = 0  #: notices written, and deliveries made
    decided: Post | None = None  #: the held post that a moderator has decided about, as it is now


@dataclass(frozen=True)
class Request:
    """A request, and everything that is needed to see to it; the category is locked."""

    tx: Tx
    category: Category
    category_id: int
    command: Command
    parsed: ParsedMessage
    now: datetime

    @property
    def author(self) -> str:
        """Who says that he wrote it; raise `NotUnderstood` if that cannot be said."""
        if self.parsed.author is None:
            raise NotUnderstood(f"a token that is not valid, and {self.parsed.author_problem}")
        return self.parsed.author

    def subscription(self, key: str) -> Subscription | None:
        """Return the subscription of an address, or of whose further one it is, by its key.

        One that has ended is none.
        """
        return store.of_person(self.tx, self.category_id, key)

    def answer(self, what: Notice, *, to: str, **values: str) -> Done:
        """Write the notice that nobody but the owner of a token can have caused."""
        self._write(what, to, values)
        return self._done(f"“{what}” was sent to {to}", 1)

    def answer_author(self, what: Notice, *, each: int = 1, **values: str) -> Done:
        """Write the notice to the author, unless he, or the list, had enough of them today."""
        return self.answer_sparingly(what, to=self.author, each=each, **values)

    def answer_options(self, key: str, *, to: str) -> Done:
        """Tell somebody how the subscription with that key stands after a change."""
        one = self.subscription(key)
        assert one is not None
        shown = options.shown(self.tx, self.category, one, self.now)
        return self.answer(Notice.OPTIONS, to=to, **shown)

    def answer_sparingly(self, what: Notice, *, to: str, each: int = 1, **values: str) -> Done:
        """Write the notice to somebody, unless he, or the list, had enough of them today."""
        if not may_answer(self.tx, self.category, self.category_id, what, to, self.now, each):
            return self._done(f"enough answers for one day: “{what}” was not sent to {to}", 0)
        self._write(what, to, values)
        return self._done(f"“{what}” was sent to {to}", 1)

    def ask(
        self,
        purpose: Purpose,
        detail: str,
        *,
        to: str | None = None,
        each: int = 1,
        **values: str,
    ) -> Done:
        """Ask the author, or whoever reads the address `to`, to confirm what was asked for."""
        to, until = to or self.author, self.now + _LASTING
        secret = written_tokens.new_secret()
        done = self.answer_sparingly(
            _ASKED_BY[purpose],
            to=to,
            each=each,
            code=written_tokens.written(secret),
            until=f"{until:%Y-%m-%d %H:%M} UTC",
            **values,
        )
        if done.told:
            token = Token(purpose, to, message.key(to), detail)
            tokens.keep(self.tx, self.category_id, secret, token, expires_at=until, now=self.now)
        return done

    def _write(self, what: Notice, to: str, values: dict[str, str]) -> None:
        to_key = message.key(to)
        # Who has just left is still told so in his language.
        one = store.find(self.tx, self.category_id, to_key) or self.subscription(to_key)
        writing = Writing(
            to,
            language=one.language if one else None,
            values=values,
            answers=self.parsed.message_id,
        )
        tell(self.tx, self.category, self.category_id, what, writing, self.now)

    def _done(self, what: str, told: int) -> Done:
        return Done(f"the command {self.command.word.value!r}: {what}", told)
