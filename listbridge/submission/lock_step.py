"""A transaction in lock step: each command waits for its reply. For servers without PIPELINING."""

from dataclasses import dataclass

from listbridge.submission import replies
from listbridge.submission.courier import Outcome, Result
from listbridge.submission.transaction import Transaction
from listbridge.submission.wire import OutOfStep, WireError


@dataclass
class LockStep(Transaction):
    """MAIL, RCPT by RCPT, DATA, the message."""

    async def run(self) -> None:
        """Fill `outcomes` for every recipient, or raise `AccountTrouble` with those known."""
        try:
            await self._converse()
        except WireError as err:
            if isinstance(err, OutOfStep):
                self._doubt_refusals()
            self._interrupted(str(err))

    async def _converse(self) -> None:
        reply = await self.wire.command(self.mail)
        if not self._introduced(reply):
            if not replies.may_come_unasked(reply):
                await self._reset()
        elif await self._name_recipients():
            await self._hand_over()

    async def _name_recipients(self) -> bool:
        refusals = []
        for recipient, path in self.paths.items():
            # Postfix says its 421 for too many errors right behind the last refusal; the next
            # recipient is then not asked for at all.
            self._asked = recipient if self.wire.usable else None
            reply = await self.wire.command(f"RCPT TO:<{path}>")
            self._asked = None
            if not self._recipient_answered(recipient, reply):
                refusals.append(reply)
        if self.accepted:
            return True
        self._see_whom_they_refuse(refusals)
        await self._reset()
        return False

    async def _hand_over(self) -> None:
        if self._asked_for_message(await self.wire.command("DATA")):
            await self._send_message()
            self._message_answered(await self.wire.reply())
        else:
            await self._reset()

    async def _reset(self) -> None:
        # Without it the envelope stays open, and the next message goes out under this sender.
        try:
            reply = await self.wire.command("RSET")
        except WireError as err:
            # Who refuses and closes means it. Who is still there may have read RSET as the
            # beginning of the message, or has said "354" by now.
            if isinstance(err, OutOfStep) or self.wire.usable or self.wire.spoken:
                self._doubt_refusals()
            return
        self.in_step = replies.says_yes(reply)
        if not self.in_step and not replies.may_come_unasked(reply):
            self._doubt_refusals()

    def _doubt_refusals(self) -> None:
        """Have everybody who was refused for good asked again: it may have been somebody else.

        An earlier reply came twice, and each one since was taken for that of the next command.
        """
        for recipient, outcome in self.outcomes.items():
            if outcome.result is Result.FAILED:
                words = f"{outcome.reply} (but {self.place} was out of step, so it is asked again)"
                self.outcomes[recipient] = Outcome(Result.DEFERRED, words)
