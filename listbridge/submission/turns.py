"""Who writes and who reads on a connection with several transactions under way."""

import asyncio
from typing import Self

from listbridge.submission import replies
from listbridge.submission.wire import OutOfStep, Wire, WireError


class Turns:
    """In which order the transactions of one connection write, and in the same order read.

    `hello` is the EHLO command that this connection began with.
    """

    def __init__(self, wire: Wire, hello: str) -> None:
        self.writing = asyncio.Lock()
        self.reading = asyncio.Lock()
        #: The server has said 421 and closed: it does nothing that stands behind what it answered.
        self.leaving = False
        self._wire = wire
        self._hello = hello
        self._proof: asyncio.Task[WireError | None] | None = None

    @property
    def proving(self) -> bool:
        """Say whether somebody is waiting to be told that the replies are in their places."""
        return self._proof is not None and not self._proof.done()

    async def prove(self) -> None:
        """Raise `WireError` unless all replies read so far were those to what had been asked.

        For one who has had his turn. Several share a proof: whoever asks before it is read has
        read his own replies before it.
        """
        if self._proof is None or not self.proving:
            self._proof = asyncio.create_task(self._ask())
        # Whoever is told to stop waiting must not take it from the others.
        error = await asyncio.shield(self._proof)
        if error is not None:
            raise error

    async def _ask(self) -> WireError | None:
        try:
            async with Turn(self) as turn:
                # To be the last command of a group (RFC 2920 3.1): nobody writes until it is read.
                self._wire.ask(self._hello)
                await turn.read()
                await self._answer()
        except WireError as err:
            return err
        return None

    async def prove_at_once(self) -> None:
        """The same, for one who has the turn and owes nobody a reply."""
        self._wire.ask(self._hello)
        await self._answer()

    async def _answer(self) -> None:
        # All other replies look alike, so that one too many would shift them unnoticed. EHLO may
        # come at any time, and closes an envelope as RSET does (RFC 5321 4.1.4).
        reply = await self._wire.reply()
        if not replies.answers_hello(reply):
            raise OutOfStep(f'answered "{reply.words}" to EHLO')


class Turn:
    """One transaction's turn; whatever it still holds is free again when the block ends."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._writing = False
        self._reading = False

    async def __aenter__(self) -> Self:
        await self._turns.writing.acquire()
        self._writing = True
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.end()

    def written(self) -> None:
        """Let the next one write; `read` is to follow at once, so that the order stays."""
        if self._writing:
            self._writing = False
            self._turns.writing.release()

    async def read(self) -> None:
        """Wait until all earlier ones have read their replies."""
        await self._turns.reading.acquire()
        self._reading = True

    def end(self) -> None:
        """Let the next one write, and read."""
        self.written()
        if self._reading:
            self._reading = False
            self._turns.reading.release()
