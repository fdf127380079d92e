"""The bytes of one SMTP connection after login: commands out, replies in, each wait limited.

It takes over the transport that aiosmtplib has opened. aiosmtplib's own commands would not do: its
`data` cannot tell a reply to DATA from one to the final dot, and it neither waits for a slow reader
nor keeps a reply that came just before the connection was closed.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Collection

from listbridge.guard import safe
from listbridge.submission.replies import Reply, may_come_unasked

# What a server may say before we take it for something else than a mail server.
_LONGEST_REPLY = 64 * 1024
_MOST_UNASKED_REPLIES = 16
# Octets that are not kept back for what is written next.
_ENOUGH_FOR_A_WRITE = 16 * 1024

_REPLY_LINE = re.compile(rb"([1-5]\d\d)(?:([ -])(.*))?", re.DOTALL)


class WireError(Exception):
    """The conversation cannot go on; the text completes "the server …"."""


class Silence(WireError):
    """The server has not reacted for as long as it may take."""


class OutOfStep(WireError):
    """The server answers something else than what it was asked.

    What it said before may have been meant for another command, too.
    """


class Wire(asyncio.Protocol):
    """The two directions of a connection; `limit` is the longest single wait in seconds.

    `hidden` is what no reply may repeat to anybody: the password in all its spellings.
    """

    def __init__(
        self, transport: asyncio.Transport, limit: float, hidden: Collection[str] = ()
    ) -> None:
        self._transport = transport
        self.limit = limit
        self._hidden = hidden
        self._unparsed = b""
        self._lines: list[bytes] = []  #: of the reply that is still incomplete
        self._octets = 0  #: of these lines
        self._replies: deque[Reply] = deque()
        self._owed = 0  #: replies to what was asked and has no answer yet
        self._lost: str | None = None
        self._paused = False
        self._unsent: list[bytes | memoryview] = []
        self._unsent_octets = 0
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        transport.set_protocol(self)

    @property
    def spoken(self) -> bool:
        """Say whether the server said something that nobody has read yet."""
        return bool(self._replies or self._lines or self._unparsed)

    @property
    def stands(self) -> bool:
        """Say whether the link stands, as far as is known."""
        return self._lost is None and not self._transport.is_closing()

    @property
    def usable(self) -> bool:
        """Say whether a new command may be sent: the link stands and both sides are in step."""
        return self.stands and not self.spoken

    async def command(self, line: str) -> Reply:
        """Send one command line and return its reply."""
        self.ask(line)
        return await self.reply()

    def ask(self, *commands: str) -> None:
        """Send command lines in one write; each gets a reply in its turn."""
        self.expect_silence()
        self.write(lines_of(*commands), asking=len(commands))

    def expect_silence(self) -> None:
        """Raise `WireError` if the server has said something that it was not asked for.

        Taken for the reply to the next command it would blame the wrong recipient.
        """
        more = list(self._replies)[self._owed :]
        if more or (self.spoken and not self._owed):
            kind = WireError if more and may_come_unasked(more[0]) else OutOfStep
            raise kind(f'said "{more[0].words if more else "something"}" unasked')

    async def reply(self) -> Reply:
        """Return the next reply; what had arrived before the connection broke still counts."""
        if not self._replies:
            await self._until(lambda: bool(self._replies))
        if self._replies:
            self._owed = max(0, self._owed - 1)
            return self._replies.popleft()
        raise WireError(self._lost or "closed the connection")

    async def room(self) -> None:
        """Wait until the server has read enough for us to write on, or has spoken."""
        await self._until(lambda: not self._paused or self.spoken)
        if self._lost is not None and not self.spoken:
            raise WireError(self._lost)

    async def free(self) -> None:
        """Wait until the server has read enough for us to write on, whatever it says meanwhile."""
        await self._until(lambda: not self._paused)
        if self._lost is not None:
            raise WireError(self._lost)

    async def ends(self) -> bool:
        """Wait until the server closes; say whether it did so without another word."""
        await self._until(lambda: self.spoken)
        return not self.spoken

    def write(self, data: bytes | memoryview, *, asking: int = 0) -> None:
        """Send bytes, which ask for so many replies.

        What follows without a wait leaves with them: a system call costs more than all the rest,
        and the far end answers both at once. A connection that is gone shows at the next wait.
        """
        self._owed += asking
        self._unsent.append(data)
        self._unsent_octets += len(data)
        if self._unsent_octets >= _ENOUGH_FOR_A_WRITE:
            self._send()
        elif len(self._unsent) == 1:
            # Whoever is woken now to write next does so one turn of the loop later, and comes
            # before what that turn puts at the end.
            self._loop.call_soon(self._loop.call_soon, self._send)

    def _send(self) -> None:
        """Hand to the transport what was written since the last time."""
        unsent, self._unsent, self._unsent_octets = self._unsent, [], 0
        if unsent and self._lost is None:
            self._transport.write(unsent[0] if len(unsent) == 1 else b"".join(unsent))

    def drop(self) -> None:
        """Close at once; what has not left yet never will, what is unread nobody will read."""
        self._lose("was no longer connected")
        self._replies.clear()
        self._transport.abort()

    async def _until(self, met: Callable[[], bool]) -> None:
        if met() or self._lost is not None:
            return
        late = False

        def stop_waiting() -> None:
            nonlocal late
            late = True
            self._news.set()

        # Several times on the way of each message, and so without what a timeout of asyncio costs.
        timer = self._loop.call_later(self.limit, stop_waiting)
        try:
            while not met() and self._lost is None:
                if late:
                    raise Silence(f"did not react within {self.limit:g} s")
                self._news.clear()
                await self._news.wait()
        finally:
            timer.cancel()

    def _lose(self, how: str) -> None:
        self._lost = self._lost or how
        self._news.set()

    # What the transport calls.

    def data_received(self, data: bytes) -> None:
        if self._lost is not None:
            return
        *lines, rest = (self._unparsed + data).split(b"\n")
        self._unparsed = rest
        for line in lines:
            if self._lost is None:
                self._take(line.rstrip(b"\r"))
        if len(rest) + self._octets > _LONGEST_REPLY:
            self._nonsense()
        self._news.set()

    def _take(self, line: bytes) -> None:
        found = _REPLY_LINE.fullmatch(line)
        if found is None or len(self._replies) >= self._owed + _MOST_UNASKED_REPLIES:
            self._nonsense()
            return
        self._lines.append(found[3] or b"")
        self._octets += len(line)
        if found[2] == b"-":
            return
        self._replies.append(Reply(int(found[1]), without(self._hidden, _joined(self._lines))))
        self._lines, self._octets = [], 0

    def _nonsense(self) -> None:
        self._lose("answered with something that is no SMTP reply")
        self._transport.abort()

    def eof_received(self) -> bool:
        self._lose("closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(
            f"broke the connection ({type(exc).__name__})" if exc else "closed the connection"
        )

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._news.set()


def lines_of(*commands: str) -> bytes:
    """Return command lines as they go over the wire."""
    return "".join(safe(line, "an SMTP command") + "\r\n" for line in commands).encode()


def without(hidden: Collection[str], text: str) -> str:
    """Take what is to be hidden out of what a server says."""
    # The longest first: one spelling may be a part of another.
    for form in sorted(hidden, key=len, reverse=True):
        text = text.replace(form, "…")
    return text


def _joined(lines: list[bytes]) -> str:
    """Join the lines of a reply; each repeats the status code (RFC 2034), we keep the first."""
    first, *more = [line.decode("utf-8", "replace").strip() for line in lines]
    if not more:
        return first
    status = first.partition(" ")[0]
    repeated = status + " " if re.fullmatch(r"[245]\.\d+\.\d+", status) else ""
    return " ".join([first, *(line.removeprefix(repeated) for line in more)])
