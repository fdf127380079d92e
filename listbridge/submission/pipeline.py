"""Transactions that do not wait for each reply: commands in one write, their replies by count.

Round trips a transaction: two with PIPELINING (RFC 2920), one where the next is already waiting to
be written behind the message, and less than one with CHUNKING (RFC 3030), where several are on
their way. A server may say one reply too many, and then each is taken for that of the next command.
So nothing is decided before something has shown that the replies stand in their places: with
PIPELINING the 354 that only DATA gets, with CHUNKING that all is accepted up to the RSET behind the
message, and wherever anything was refused, EHLO.
"""

from dataclasses import dataclass
from itertools import islice

from listbridge.submission import replies
from listbridge.submission.courier import Result
from listbridge.submission.replies import Meaning, Reply, Step
from listbridge.submission.transaction import CHUNK, Transaction, answered
from listbridge.submission.turns import Turn, Turns
from listbridge.submission.wire import OutOfStep, Silence, WireError, lines_of


@dataclass(kw_only=True)
class Pipelined(Transaction):
    """MAIL, all RCPT and DATA in one write; then the message, and the next one right behind it."""

    turns: Turns

    async def run(self) -> None:
        """Fill `outcomes` for every recipient, or raise `AccountTrouble` with those known."""
        try:
            async with Turn(self.turns) as turn:
                await self._converse(turn)
        except WireError as err:
            self.in_step = False
            self.orderly &= not isinstance(err, OutOfStep | Silence)
            self._interrupted(str(err))

    async def _converse(self, turn: Turn) -> None:
        self.wire.ask(*self._envelope(), "DATA")
        await turn.read()
        *envelope, data = await self._collect(len(self.paths) + 2)
        self.wire.expect_silence()
        if replies.rule_for(Step.DATA, data).meaning is not Meaning.ACCEPTED:
            await self.turns.prove_at_once()
            if self._envelope_answered(envelope):
                self._asked_for_message(data)
            self.in_step = True
        elif self._envelope_answered(envelope):
            await self._send_message()
            if self._ended:
                turn.written()
            self._message_answered(await self.wire.reply())
        else:
            # RFC 2920 3.1: the server waits for a message all the same, and gets none.
            self.wire.write(b".\r\n", asking=1)
            await self.wire.reply()
            await self.turns.prove_at_once()
            self.in_step = True

    def _envelope(self) -> list[str]:
        return [self.mail, *(f"RCPT TO:<{path}>" for path in self.paths.values())]

    async def _collect(self, number: int) -> list[Reply]:
        """Read so many replies; raise `WireError` where the server closes or falls silent."""
        answers: list[Reply] = []
        try:
            while len(answers) < number:
                answers.append(await self.wire.reply())
                if replies.may_come_unasked(answers[-1]):
                    raise WireError(answered(answers[-1]))
        except WireError:
            await self._cut(answers)
            raise
        return answers

    async def _cut(self, answers: list[Reply]) -> None:
        """Note how far it got; what was refused is asked again, as nothing proves it any more."""
        before = [reply for reply in answers if not replies.may_come_unasked(reply)]
        self.orderly = all(map(replies.says_yes, before))
        if self._begun:
            return  # then it does not matter who was asked for
        if answers and not before:
            self._introduced(answers[0])
        if not before or not replies.says_yes(before[-1]):
            return  # Postfix says 421 for too many errors right behind the last of them
        asked = next(islice(self.paths, len(before) - 1, None), None)
        if asked is not None and len(answers) > len(before):
            self._recipient_answered(asked, answers[-1])
        self._asked = asked

    def _envelope_answered(self, answers: list[Reply]) -> bool:
        """Record what the replies to MAIL and each RCPT decide; say whether anybody is accepted."""
        # Where MAIL is refused, the refusals behind it say nothing of the recipients.
        if not self._introduced(answers[0]):
            return False
        refusals = [
            reply
            for recipient, reply in zip(self.paths, answers[1:], strict=True)
            if not self._recipient_answered(recipient, reply)
        ]
        if not self.accepted:
            self._see_whom_they_refuse(refusals)
        return bool(self.accepted)


@dataclass(kw_only=True)
class Chunked(Pipelined):
    """Envelope and message in one write by BDAT, while others before it are still on their way."""

    async def _converse(self, turn: Turn) -> None:
        await self._write_all()
        turn.written()
        await turn.read()
        *envelope, end, _reset = answers = await self._collect(len(self.paths) + 3)
        in_place = all(map(replies.says_yes, answers)) and not replies.speaks_of_address(end)
        if not in_place or self.turns.proving:
            turn.end()
            await self.turns.prove()
        if replies.says_yes(end):
            # Whatever the judgement of the envelope comes to, the message is gone.
            self._taken(envelope, end)
        if self._envelope_answered(envelope):
            self._message_answered(end)
        self.in_step = True

    def _taken(self, envelope: list[Reply], end: Reply) -> None:
        mail, *others = map(replies.says_yes, envelope)
        taken = [one for one, yes in zip(self.paths, others, strict=True) if mail and yes]
        if not taken:
            # It went to somebody: an earlier envelope was still open.
            raise OutOfStep(answered(end))
        self._settle(taken, Result.SENT, end.words)

    async def _write_all(self) -> None:
        # RSET last: where all recipients are refused the envelope stays open, and the next message
        # would go out under this sender. Its answer shows, too, that this is the message's own.
        head, tail = lines_of(*self._envelope(), f"BDAT {len(self.message)} LAST"), b"RSET\r\n"
        octets = memoryview(self.message)
        self.wire.expect_silence()
        try:
            async with self._in_time():
                for start in range(0, len(octets), CHUNK):
                    await self.wire.free()
                    self._begun = True
                    self._ended = start + CHUNK >= len(octets)
                    piece = octets[start : start + CHUNK]
                    parts: list[bytes | memoryview] = [piece]
                    if not start:
                        parts.insert(0, head)
                    if self._ended:
                        parts.append(tail)
                    asking = (0 if start else len(self.paths) + 2) + self._ended
                    self.wire.write(b"".join(parts), asking=asking)
        except Silence:
            raise
        except WireError:
            pass  # what the server had said by then still counts

    async def _cut(self, answers: list[Reply]) -> None:
        if answers and replies.may_come_unasked(answers[-1]):
            self.turns.leaving = await self.wire.ends()
        if self.turns.leaving:
            # It does nothing that stands behind its 421 (RFC 5321 3.8).
            self._begun &= len(answers) >= len(self.paths) + 2
            self._ended &= len(answers) > len(self.paths) + 2
        await super()._cut(answers)
