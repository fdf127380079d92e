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
_MOST_UNREAD_REPLIES = 16

_REPLY_LINE = re.compile(rb"([1-5]\d\d)(?:([ -])(.*))?", re.DOTALL)


class WireError(Exception):
    """The conversation cannot go on; the text completes "the server …"."""


class OutOfStep(WireError):
    """The server answers something else than what it was asked.

    What it said before may have been meant for another command, too.
    """


class Wire(asyncio.Protocol):
    """A conversation in lock step; `limit` is the longest single wait in seconds.

    `hidden` is what no reply may repeat to anybody: the password in all its spellings.
    """

    def __init__(
        self, transport: asyncio.Transport, limit: float, hidden: Collection[str] = ()
    ) -> None:
        self._transport = transport
        self.limit = limit
        self._hidden = hidden
        self._unparsed = bytearray()
        self._lines: list[bytes] = []  #: of the reply that is still incomplete
        self._octets = 0  #: of these lines
        self._replies: deque[Reply] = deque()
        self._lost: str | None = None
        self._paused = False
        self._news = asyncio.Event()
        transport.set_protocol(self)

    @property
    def spoken(self) -> bool:
        """Say whether the server said something that nobody has read yet."""
        return bool(self._replies or self._lines or self._unparsed)

    @property
    def usable(self) -> bool:
        """Say whether a new command may be sent: the link stands and both sides are in step."""
        return self._lost is None and not self.spoken and not self._transport.is_closing()

    async def command(self, line: str) -> Reply:
        """Send one command line and return its reply."""
        if self.spoken:
            # Taken for the reply to this command it would blame the wrong recipient.
            said = self._replies[0] if self._replies else None
            kind = WireError if said and may_come_unasked(said) else OutOfStep
            raise kind(f'said "{said.words if said else "something"}" unasked')
        self.write(safe(line, "an SMTP command").encode() + b"\r\n")
        return await self.reply()

    async def reply(self) -> Reply:
        """Return the next reply; what had arrived before the connection broke still counts."""
        await self._until(lambda: bool(self._replies))
        if self._replies:
            return self._replies.popleft()
        raise WireError(self._lost or "closed the connection")

    async def room(self) -> None:
        """Wait until the server has read enough for us to write on, or has spoken."""
        await self._until(lambda: not self._paused or self.spoken)
        if self._lost is not None and not self.spoken:
            raise WireError(self._lost)

    def write(self, data: bytes | memoryview) -> None:
        """Hand bytes to the transport; a connection that is gone shows at the next wait."""
        if self._lost is None:
            self._transport.write(data)

    def drop(self) -> None:
        """Close at once; what has not left yet never will."""
        self._lose("was no longer connected")
        self._transport.abort()

    async def _until(self, met: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(self.limit):
                while not met() and self._lost is None:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise WireError(f"did not react within {self.limit:g} s") from None

    def _lose(self, how: str) -> None:
        self._lost = self._lost or how
        self._news.set()

    # What the transport calls.

    def data_received(self, data: bytes) -> None:
        if self._lost is not None:
            return
        self._unparsed += data
        *lines, rest = self._unparsed.split(b"\n")
        self._unparsed = rest
        for line in lines:
            if self._lost is None:
                self._take(bytes(line).rstrip(b"\r"))
        if len(rest) + self._octets > _LONGEST_REPLY:
            self._nonsense()
        self._news.set()

    def _take(self, line: bytes) -> None:
        found = _REPLY_LINE.fullmatch(line)
        if found is None or len(self._replies) >= _MOST_UNREAD_REPLIES:
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


def without(hidden: Collection[str], text: str) -> str:
    """Take what is to be hidden out of what a server says."""
    # The longest first: one spelling may be a part of another.
    for form in sorted(hidden, key=len, reverse=True):
        text = text.replace(form, "…")
    return text


def _joined(lines: list[bytes]) -> str:
    """Join the lines of a reply; each repeats the status code (RFC 2034), we keep the first."""
    first, *more = [line.decode("utf-8", "replace").strip() for line in lines]
    status = first.partition(" ")[0]
    repeated = status + " " if re.fullmatch(r"[245]\.\d+\.\d+", status) else ""
    return " ".join([first, *(line.removeprefix(repeated) for line in more)])
