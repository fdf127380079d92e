"""A small complete POP3 server (RFC 1939, with CAPA of RFC 2449) whose maildrops are in memory."""

import asyncio
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable

from listbridge.demo.maildrop import Maildrop, Stored

# RFC 1939 3: the server may hang up on a client that is silent for ten minutes.
_PATIENCE_SECONDS = 600
# RFC 2449 4: a command is no longer than this, line end included.
_LONGEST_COMMAND = 255
_CAPABILITIES = b"USER\r\nTOP\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n"


class PopServer:
    """Maildrops by user name, and the sessions on them."""

    def __init__(self) -> None:
        self.maildrops: dict[str, Maildrop] = {}

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve one connection until QUIT; one that ends otherwise deletes nothing."""
        session = Session(self.maildrops)
        try:
            writer.write(b"+OK POP3 ready\r\n")
            while not session.ended and (line := await _line(reader)):
                writer.write(session.answer(line))
                await writer.drain()
        finally:
            session.abandon()


async def _line(reader: StreamReader) -> bytes:
    """Return the next command line, or nothing when the client has gone or should go."""
    try:
        line = await asyncio.wait_for(reader.readline(), _PATIENCE_SECONDS)
    except (TimeoutError, ValueError):
        return b""  # silent for too long, or a line that never ends
    return line if line.endswith(b"\n") else b""


class _Refused(Exception):
    """The command is answered with -ERR and these words."""


class Session:
    """What one client may do and has done; takes a command line, gives the whole answer."""

    def __init__(self, maildrops: dict[str, Maildrop]) -> None:
        self.ended = False
        self._maildrops = maildrops
        self._user: str | None = None
        self._drop: Maildrop | None = None
        self._messages: list[Stored] = []
        self._deleted: set[str] = set()

    def answer(self, line: bytes) -> bytes:
        """Carry out one command line and return what goes back, line ends included."""
        try:
            if len(line) > _LONGEST_COMMAND:
                raise _Refused("this command is too long")
            words = line.decode("utf-8", "replace").rstrip("\r\n")
            name, _, argument = words.partition(" ")
            command = self._commands().get(name.upper())
            if command is None:
                raise _Refused("unknown here, or not at this point")
            return command(argument if name.upper() == "PASS" else argument.strip())
        except _Refused as refused:
            return f"-ERR {refused}\r\n".encode()

    def abandon(self) -> None:
        """End without QUIT: everything stays (RFC 1939 6)."""
        if self._drop is not None:
            self._drop.close(deleted=())
            self._drop = None

    def _commands(self) -> dict[str, Callable[[str], bytes]]:
        always = {"CAPA": self._capa, "QUIT": self._quit}
        if self._drop is None:
            return {**always, "USER": self._user_name, "PASS": self._password}
        return {
            **always,
            "STAT": self._stat,
            "LIST": self._list,
            "UIDL": self._uidl,
            "RETR": self._retr,
            "TOP": self._top,
            "DELE": self._dele,
            "RSET": self._rset,
            "NOOP": lambda _: b"+OK\r\n",
        }

    def _capa(self, _: str) -> bytes:
        return b"+OK\r\n" + _CAPABILITIES + b".\r\n"

    def _user_name(self, name: str) -> bytes:
        self._user = name
        return b"+OK\r\n"  # whether or not there is such a user (RFC 1939 13)

    def _password(self, password: str) -> bytes:
        if self._user is None:
            raise _Refused("say USER first")
        drop, self._user = self._maildrops.get(self._user), None
        if drop is None or drop.password != password:
            raise _Refused("[AUTH] wrong user name or password")
        messages = drop.open()
        if messages is None:
            raise _Refused("[IN-USE] another session has this maildrop")
        self._drop, self._messages = drop, messages
        return f"+OK {len(messages)} messages\r\n".encode()

    def _stat(self, _: str) -> bytes:
        left = self._left()
        return f"+OK {len(left)} {sum(len(one.raw) for _, one in left)}\r\n".encode()

    def _list(self, argument: str) -> bytes:
        return self._listing(argument, lambda one: str(len(one.raw)))

    def _uidl(self, argument: str) -> bytes:
        return self._listing(argument, lambda one: one.uid)

    def _listing(self, argument: str, shown: Callable[[Stored], str]) -> bytes:
        if argument:
            return f"+OK {int(argument)} {shown(self._message(argument))}\r\n".encode()
        lines = "".join(f"{number} {shown(one)}\r\n" for number, one in self._left())
        return f"+OK\r\n{lines}.\r\n".encode()

    def _retr(self, argument: str) -> bytes:
        return _multi_line(self._message(argument).raw)

    def _top(self, argument: str) -> bytes:
        number, _, lines = argument.partition(" ")
        if not _is_number(lines):
            raise _Refused("say TOP, a message number, and how many lines")
        head, blank, body = self._message(number).raw.partition(b"\r\n\r\n")
        wanted = body.splitlines(keepends=True)[: int(lines)]
        return _multi_line(head + blank + b"".join(wanted))

    def _dele(self, argument: str) -> bytes:
        self._deleted.add(self._message(argument).uid)
        return b"+OK\r\n"

    def _rset(self, _: str) -> bytes:
        self._deleted.clear()
        return b"+OK\r\n"

    def _quit(self, _: str) -> bytes:
        if self._drop is not None:
            self._drop.close(self._deleted)
            self._drop = None
        self.ended = True
        return b"+OK\r\n"

    def _left(self) -> list[tuple[int, Stored]]:
        numbered = enumerate(self._messages, start=1)
        return [(number, one) for number, one in numbered if one.uid not in self._deleted]

    def _message(self, argument: str) -> Stored:
        number = int(argument) if _is_number(argument) else 0
        if not 1 <= number <= len(self._messages):
            raise _Refused("no such message")
        message = self._messages[number - 1]
        if message.uid in self._deleted:
            raise _Refused("this message is deleted")
        return message


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _multi_line(content: bytes) -> bytes:
    """Make a multi-line answer: lines beginning with a dot get another (RFC 1939 3)."""
    if content and not content.endswith(b"\r\n"):
        content += b"\r\n"
    return b"+OK\r\n" + re.sub(rb"(?m)^\.", b"..", content) + b".\r\n"
