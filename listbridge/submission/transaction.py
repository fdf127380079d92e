"""One SMTP transaction: what each reply decides, and what it means where none comes any more.

How commands and replies travel is not known here: `lock_step` and `pipeline` have the ways.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field

from listbridge.submission import replies
from listbridge.submission.courier import AccountTrouble, Outcome, Result, SenderRefused
from listbridge.submission.replies import Meaning, Reply, Rule, Step
from listbridge.submission.wire import OutOfStep, Wire, WireError

CHUNK = 64 * 1024  #: of a message, written at once
# The whole message may take this many of the longest single waits, so that a server which reads a
# little now and then cannot hold a connection for ever.
_WAITS_PER_MESSAGE = 5

_RESULTS = {
    Meaning.TEMPORARY: Result.DEFERRED,
    Meaning.CROWDED: Result.DEFERRED,
    Meaning.CLOSING: Result.DEFERRED,
    Meaning.PERMANENT: Result.FAILED,
}


@dataclass
class Transaction:
    """A transaction under way. What the server has decided stays decided, however it ends."""

    wire: Wire
    place: str  #: the server, for sentences
    fresh: bool  #: this is the connection's first transaction
    sender: str  #: for sentences; the one on the wire is in `mail`
    mail: str  #: the whole MAIL command
    paths: dict[str, str]  #: each recipient as asked for, and as written into RCPT
    message: bytes  #: ends with CRLF
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    accepted: list[str] = field(default_factory=list)
    in_step: bool = False  #: the server waits for a new MAIL
    orderly: bool = True  #: nothing has to be asked again because replies may be mistaken
    _asked: str | None = None  #: the recipient whose RCPT has no reply yet
    _begun: bool = False  #: a byte of the message may have left
    _ended: bool = False  #: the last byte of the message may have left

    async def run(self) -> None:
        """Fill `outcomes` for every recipient, or raise `AccountTrouble` with those known."""
        raise NotImplementedError

    def _introduced(self, reply: Reply) -> bool:
        """Record what the reply to MAIL decides; say whether it is accepted."""
        rule = replies.rule_for(Step.MAIL, reply)
        if rule.meaning is Meaning.ACCEPTED:
            return True
        if rule.meaning is Meaning.PERMANENT:
            self._settle(list(self.paths), Result.FAILED, reply.words)
            return False
        if rule.meaning in (Meaning.CLOSING, Meaning.DISORDER) and not self.fresh:
            # Connections end for many reasons after a while; a new one will show what is wrong.
            self._settle(list(self.paths), Result.UNTRIED, reply.words)
            return False
        raise self._trouble(rule, reply)

    def _recipient_answered(self, recipient: str, reply: Reply) -> bool:
        """Record what a reply to RCPT decides; say whether the recipient is accepted."""
        rule = replies.rule_for(Step.RCPT, reply)
        if rule.meaning is Meaning.ACCEPTED:
            self.accepted.append(recipient)
            return True
        if rule.meaning is Meaning.ACCOUNT:
            raise self._trouble(rule, reply)
        if rule.meaning is Meaning.DISORDER:
            raise OutOfStep(answered(reply))
        crowded_out = rule.meaning is Meaning.CROWDED and self.accepted
        result = Result.UNTRIED if crowded_out else _RESULTS[rule.meaning]
        self.outcomes[recipient] = _of_recipient(recipient, result, reply)
        if rule.meaning is Meaning.CLOSING:
            raise WireError(answered(reply))
        return False

    def _see_whom_they_refuse(self, refusals: list[Reply]) -> None:
        """Where all recipients were refused: raise `SenderRefused` if it was for the sender."""
        if all(replies.speaks_of_sender(reply) for reply in refusals):
            self.outcomes.clear()
            raise self._sender_trouble(refusals[0])

    def _asked_for_message(self, reply: Reply) -> bool:
        """Say whether the reply to DATA asks for the message; record what it decides if not."""
        rule = replies.rule_for(Step.DATA, reply)
        if rule.meaning is Meaning.ACCEPTED:
            return True
        if rule.meaning in (Meaning.CLOSING, Meaning.DISORDER):
            raise (WireError if rule.meaning is Meaning.CLOSING else OutOfStep)(answered(reply))
        self._not_taken(rule, reply)
        return False

    async def _send_message(self) -> None:
        """Write the message, no faster than it is read; stop early if the server speaks."""
        self.wire.expect_silence()
        async with self._in_time():
            for octets, is_last in _stuffed(self.message):
                await self.wire.room()
                if self.wire.spoken:
                    return
                self._begun = True
                self._ended = is_last
                self.wire.write(octets, asking=int(is_last))

    def _in_time(self) -> AbstractAsyncContextManager[None]:
        """Raise `WireError` where writing the whole message takes too long."""
        # The only wait of what goes in one piece has a limit of its own.
        return self._limited() if len(self.message) > CHUNK else nullcontext()

    @asynccontextmanager
    async def _limited(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(_WAITS_PER_MESSAGE * self.wire.limit):
                yield
        except TimeoutError:
            raise WireError("read the message too slowly") from None

    def _message_answered(self, reply: Reply) -> None:
        rule = replies.rule_for(Step.END, reply)
        yes = rule.meaning is Meaning.ACCEPTED
        if rule.meaning is Meaning.DISORDER or (yes and not self._ended):
            raise WireError(answered(reply))
        if yes:
            self._settle(self.accepted, Result.SENT, reply.words)
        else:
            self._not_taken(rule, reply)
        self.in_step = self._ended and rule.meaning is not Meaning.CLOSING

    def _not_taken(self, rule: Rule, reply: Reply) -> None:
        """Record that the message was refused, for everybody who had been accepted."""
        if rule.meaning in (Meaning.ACCOUNT, Meaning.SENDER):
            raise self._trouble(rule, reply)
        self._settle(self.accepted, _RESULTS[rule.meaning], reply.words)

    def _trouble(self, rule: Rule, reply: Reply) -> AccountTrouble:
        if rule.meaning is Meaning.SENDER:
            return self._sender_trouble(reply)
        return AccountTrouble(
            f'the SMTP server {self.place} will not take our mail: "{reply.words}";'
            f" {rule.cure or 'try again later'}",
            outcomes=self.outcomes,
        )

    def _sender_trouble(self, reply: Reply) -> SenderRefused:
        return SenderRefused(
            f'the SMTP server {self.place} refuses the sender <{self.sender}>: "{reply.words}";'
            " check that this account may send from it",
            outcomes=self.outcomes,
        )

    def _interrupted(self, how: str) -> None:
        """Record what a broken conversation means for everybody not yet decided."""
        undecided = [recipient for recipient in self.paths if recipient not in self.outcomes]
        if self._ended:
            sentence = f"{self.place} got the whole message and then {how}: it may have arrived"
            self._settle(undecided, Result.UNCERTAIN, sentence)
            return
        if self._begun:
            sentence = f"{self.place} {how} in the middle of the message"
            self._settle(undecided, Result.DEFERRED, sentence)
            return
        if self._asked is not None:
            # Counted as an attempt, so that an address over which the server breaks each time
            # backs off and the others get through.
            undecided.remove(self._asked)
            sentence = f"{self.place} {how} when asked for this recipient"
            self._settle([self._asked], Result.DEFERRED, sentence)
        self._settle(undecided, Result.UNTRIED, f"{self.place} {how} before the message")

    def _settle(self, recipients: list[str], result: Result, reply: str) -> None:
        self.outcomes.update(dict.fromkeys(recipients, Outcome(result, reply)))


def _of_recipient(recipient: str, result: Result, reply: Reply) -> Outcome:
    if result is not Result.DEFERRED or not replies.slows_domain(reply):
        return Outcome(result, reply.words)
    return Outcome(
        result,
        reply.words,
        slow_domain=recipient.rpartition("@")[2],
        # Nobody who only wants to see us again ends the connection.
        perhaps_greylisted=not replies.may_come_unasked(reply),
    )


def answered(reply: Reply) -> str:
    """Complete "the server …" with its words."""
    return f'answered "{reply.words}"'


def _stuffed(message: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yield what goes over the wire, and whether it is the last piece, with the final dot.

    The dot at the start of a line is doubled (RFC 5321 4.5.2); piece by piece, since a copy of the
    whole is as large as the message.
    """
    before = b"\r\n"
    for start in range(0, len(message), CHUNK):
        piece = message[start : start + CHUNK]
        octets = (before + piece).replace(b"\r\n.", b"\r\n..")[len(before) :]
        before = piece[-2:]
        is_last = start + CHUNK >= len(message)
        yield octets + b".\r\n" if is_last else octets, is_last
