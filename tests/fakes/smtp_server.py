"""An SMTP server that misbehaves as it is told to, and remembers every line and message it got.

    async with SmtpServer(refuses({"bob@example.org": "550 5.1.1 unknown user"})) as server:
        ... server.port ... server.messages ... server.lines

For synchronous code: `with in_thread(SmtpServer(...)) as server:`. The steps at which a server can
be told to do something are connect, ehlo, starttls, auth, mail, rcpt, data (not BDAT), body (some
of the message has been read), end (all of it has been read), rset, noop and quit.
"""

import asyncio
import base64
import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

_BODY_READ_BEFORE_MISBEHAVING = 1000


@dataclass(frozen=True)
class Script:
    """How the server behaves; the defaults are those of a well-behaved one without login."""

    greeting: str = "220 fake.example ESMTP"
    extensions: tuple[str, ...] = ("SIZE 10240000", "8BITMIME", "ENHANCEDSTATUSCODES")
    tls: ssl.SSLContext | None = None  #: TLS from the first byte
    starttls: ssl.SSLContext | None = None  #: STARTTLS is offered
    mechanisms: tuple[str, ...] = ()
    login: tuple[str, str] = ("user", "secret")
    #: Replies by step; of a tuple, each time the next one, "" being the usual reply.
    replies: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    recipients: Mapping[str, str] = field(default_factory=dict)  #: replies by recipient
    hang_at: str = ""  #: the step that gets no answer
    hang_up_at: str = ""  #: the step at which the connection is closed instead of an answer
    reset: bool = False  #: close with a TCP reset
    dribbles: bool = False  #: each reply comes in two pieces
    silent_once_at: str = ""  #: the step that once gets no answer, while the next ones do
    #: Steps that are answered only when the client has written this behind.
    held_until: Mapping[str, str] = field(default_factory=dict)
    append: Mapping[str, bytes] = field(default_factory=dict)  #: sent behind a reply, in one write
    late: Mapping[str, bytes] = field(
        default_factory=dict
    )  #: sent as the next reply; all are late then
    once: bool = False  #: `append` and `late` strike a connection once, not at each such step
    #: Connections that misbehave; the later ones are served well.
    misbehaving: int = 1_000_000


def well_behaved() -> Script:
    return Script()


def refuses(recipients: Mapping[str, str]) -> Script:
    """Answers chosen recipients with any reply; after a 421 it closes."""
    return Script(recipients=recipients)


def says(step: str, *replies: str) -> Script:
    """Answers a step in its own words; several: each time the next one, "" being the usual one."""
    return Script(replies={step: replies})


def hangs_at(step: str) -> Script:
    """Never answers at a step, and keeps the connection open."""
    return Script(hang_at=step)


def hangs_up_at(step: str, *, reset: bool = False) -> Script:
    """Closes the connection instead of answering a step."""
    return Script(hang_up_at=step, reset=reset)


def loses_the_final_reply() -> Script:
    """Takes the message, and closes before it says so."""
    return hangs_up_at("end")


def greets_with_554() -> Script:
    return Script(greeting="554 5.7.1 no service for you")


def without_starttls() -> Script:
    """Does not offer STARTTLS, as if somebody had stripped it."""
    return Script()


def injects_after_starttls(context: ssl.SSLContext, what: bytes = b"250 injected\r\n") -> Script:
    """Sends more in clear behind its reply to STARTTLS, in the same write."""
    return Script(starttls=context, append={"starttls": what})


def refuses_login(reply: str = "535 5.7.8 bad credentials", **changes: object) -> Script:
    script: dict[str, object] = {"mechanisms": ("CRAM-MD5", "LOGIN", "PLAIN")} | changes
    return Script(replies={"auth": reply}, **script)  # type: ignore[arg-type]


@dataclass
class Received:
    """One message that the server took, whether or not it said so."""

    sender: str
    recipients: tuple[str, ...]
    body: bytes  #: without the dots that were added on the way
    wire: bytes  #: as it came, with the final dot
    mail: str  #: the whole MAIL line
    answer: str = ""  #: what was said of it; "": nothing, though it was kept


class SmtpServer:
    """A server on a free port of 127.0.0.1, from `__aenter__` to `__aexit__`."""

    #: What every server announces beside its script, and keeps to.
    also_offers: tuple[str, ...] = ()

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.port = 0
        self.lines: list[str] = []  #: every command of all connections
        self.by_connection: list[list[str]] = []
        self.messages: list[Received] = []
        self.open = 0
        self.most_open = 0
        self.body_bytes_read = 0  #: by a server that hangs in the body
        self.reached = asyncio.Event()  #: the step of hang_at or hang_up_at was reached
        self.uses: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def connections(self) -> int:
        return len(self.by_connection)

    def commands(self, verb: str) -> list[str]:
        """Return every line that begins with `verb`."""
        return [line for line in self.lines if line.upper().startswith(verb)]

    def next_script(self) -> Script:
        """Return how the connection that has just come is treated."""
        misbehaves = len(self.by_connection) <= self.script.misbehaving
        return self.script if misbehaves else _reformed(self.script)

    def hang_up(self) -> None:
        """Close every open connection now, as a server that restarts does."""
        for writer in self._writers:
            writer.transport.abort()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self.script.tls, limit=2**16
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.hang_up()
        # One turn of the loop for the sockets to be closed, and one for TLS above them.
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # asyncio would log what a task of its own raises; ours are looked after in __aexit__.
        task = asyncio.ensure_future(self._converse(reader, writer))
        self._tasks.add(task)
        self._writers.add(writer)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await asyncio.wait([task])
        finally:
            self.open -= 1
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines: list[str] = []
        self.by_connection.append(lines)
        script = self.next_script()
        # The client left, or the script said so.
        with suppress(_Over, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await _Dialog(self, script, lines, reader, writer).run()


def _reformed(script: Script) -> Script:
    return Script(
        tls=script.tls,
        starttls=script.starttls,
        extensions=script.extensions,
        mechanisms=script.mechanisms,
        login=script.login,
    )


class _Over(Exception):
    """This conversation has ended."""


class _Dialog:
    """One connection's conversation."""

    def __init__(
        self,
        server: SmtpServer,
        script: Script,
        lines: list[str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.server = server
        self.script = script
        self.lines = lines
        self.reader = reader
        self.writer = writer
        self.encrypted = script.tls is not None
        self.mail: str | None = None
        self.recipients: list[str] = []
        self.kept: Received | None = None
        self.owed: list[bytes] = []
        self.struck = False  #: a reply too many has been said
        self.pushed_back = b""  #: a line that was read before its time

    async def run(self) -> None:
        await self._misbehave("connect")
        await self._send("connect", self.script.greeting)
        if not self.script.greeting.startswith("220"):
            raise _Over
        while line := self.pushed_back or await self.reader.readline():
            self.pushed_back = b""
            await self._obey(self._note(line))

    async def _obey(self, line: str) -> None:
        verb = line.split(" ")[0].upper()
        actions = {
            "EHLO": self._ehlo,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "BDAT": self._bdat,
            "RSET": self._rset,
        }
        if verb in actions:
            await actions[verb](line)
            return
        if verb == "QUIT":
            await self._reply("quit", "221 2.0.0 bye")
            raise _Over
        await self._reply(verb.lower(), "250 2.0.0 ok" if verb == "NOOP" else "500 5.5.2 what?")

    def _forget(self) -> None:
        self.mail, self.recipients, self.kept = None, [], None

    async def _ehlo(self, line: str) -> None:
        self._forget()
        offers = ["fake.example", *self.script.extensions, *self.server.also_offers]
        if self.script.starttls and not self.encrypted:
            offers.append("STARTTLS")
        if self.script.mechanisms:
            offers.append("AUTH " + " ".join(self.script.mechanisms))
        head = "".join(f"250-{offer}\r\n" for offer in offers[:-1])
        await self._reply("ehlo", head + f"250 {offers[-1]}")

    async def _starttls(self, line: str) -> None:
        if self.script.starttls is None:
            await self._reply("starttls", "502 5.5.1 not offered")
            return
        if (await self._reply("starttls", "220 2.0.0 go ahead")).startswith("220"):
            await self.writer.start_tls(self.script.starttls)
            self.encrypted = True

    async def _auth(self, line: str) -> None:
        _, mechanism, *initial = line.split(" ")
        if mechanism.upper() in ("XOAUTH2", "OAUTHBEARER"):
            await self._token(initial)
            return
        if mechanism.upper() == "PLAIN":
            given = base64.b64decode(initial[0]).decode().split("\0")[1:]
        elif mechanism.upper() == "LOGIN":
            await self._send("", "334 UGFzc3dvcmQ6")
            password = self._note(await self.reader.readline())
            given = [base64.b64decode(text).decode() for text in (initial[0], password)]
        else:
            await self._send("", "334 " + base64.b64encode(b"<1@fake.example>").decode())
            self._note(await self.reader.readline())
            given = list(self.script.login)
        right = given == list(self.script.login)
        await self._reply("auth", "235 2.7.0 welcome" if right else "535 5.7.8 bad credentials")

    async def _token(self, initial: list[str]) -> None:
        """Ask for the token if it did not come at once; what it is worth, the script says."""
        if not initial:
            await self._send("", "334 ")
            self._note(await self.reader.readline())
        await self._reply("auth", "535 5.7.8 bad credentials")

    async def _mail(self, line: str) -> None:
        usual = "250 2.1.0 ok" if self.mail is None else "503 5.5.1 nested MAIL"
        if (await self._reply("mail", usual)).startswith("2"):
            self.mail, self.recipients, self.kept = line, [], None

    async def _rcpt(self, line: str) -> None:
        recipient = line.partition("<")[2].partition(">")[0]
        usual = self.script.recipients.get(recipient, "250 2.1.5 ok")
        said = await self._reply("rcpt", usual if self.mail is not None else "503 5.5.1 MAIL first")
        if said.startswith("2"):
            self.recipients.append(recipient)

    async def _rset(self, line: str) -> None:
        self._forget()
        await self._reply("rset", "250 2.0.0 ok")

    async def _data(self, line: str) -> None:
        usual = "354 go ahead" if self.recipients else "503 5.5.1 no valid recipients"
        if not (await self._reply("data", usual)).startswith("354"):
            return
        if "body" in (self.script.hang_at, self.script.hang_up_at) or "body" in self.script.replies:
            read = await self.reader.readexactly(_BODY_READ_BEFORE_MISBEHAVING)
            self.server.body_bytes_read += len(read)
            await self._reply("body", "552 5.3.4 too big")
            raise _Over
        wire = await self._until_dot()
        await self._take(_without_added_dots(wire.removesuffix(b".\r\n")), wire)

    async def _bdat(self, line: str) -> None:
        size = int(line.split(" ")[1])
        if "body" in (self.script.hang_at, self.script.hang_up_at) or "body" in self.script.replies:
            read = await self.reader.readexactly(min(size, _BODY_READ_BEFORE_MISBEHAVING))
            self.server.body_bytes_read += len(read)
            await self._reply("body", "552 5.3.4 too big")
            raise _Over
        wire = await self.reader.readexactly(size)
        if self.recipients and self.mail is not None:
            await self._take(wire, wire)
        else:
            await self._reply("end", "503 5.5.1 no valid recipients")

    async def _take(self, body: bytes, wire: bytes) -> None:
        self.kept = Received(
            sender=self.mail.partition("<")[2].partition(">")[0] if self.mail else "",
            recipients=tuple(self.recipients),
            body=body,
            wire=wire,
            mail=self.mail or "",
        )
        self.server.messages.append(self.kept)
        self.mail, self.recipients = None, []
        await self._reply("end", "250 2.0.0 queued as 42")

    async def _until_dot(self) -> bytes:
        wire = bytearray()
        while wire != b".\r\n" and not wire.endswith(b"\r\n.\r\n"):
            more = await self.reader.readline()
            if not more:
                raise _Over
            wire += more
        return bytes(wire)

    def _note(self, line: bytes) -> str:
        text = line.decode("utf-8", "backslashreplace").removesuffix("\n").removesuffix("\r")
        self.lines.append(text)
        self.server.lines.append(text)
        return text

    async def _reply(self, step: str, usual: str) -> str:
        """Misbehave at `step`, or answer it; return what was said."""
        await self._misbehave(step)
        said = self._scripted(step) or usual
        await self._send_in_time(step, said)
        if said.startswith("421"):
            raise _Over
        return said

    def _scripted(self, step: str) -> str:
        replies = self.script.replies.get(step, "")
        if isinstance(replies, str):
            return replies
        use = self.server.uses.get(step, 0)
        self.server.uses[step] = use + 1
        return replies[use] if use < len(replies) else (replies[0] if len(replies) == 1 else "")

    async def _send_in_time(self, step: str, said: str) -> None:
        uses = self.server.uses
        if step == self.script.silent_once_at and "silent" not in uses:
            uses["silent"] = 1
            return
        if step in self.script.held_until and "held" not in uses:
            uses["held"] = 1
            self.pushed_back = await self.reader.readline()
            assert self.pushed_back.decode().startswith(self.script.held_until[step])
        await self._send(step, said)

    async def _send(self, step: str, text: str) -> None:
        if step == "end" and self.kept is not None:
            self.kept.answer = text
        struck = step in (*self.script.append, *self.script.late)
        spared, self.struck = self.script.once and self.struck, self.struck or struck
        self.owed.append(text.encode() + b"\r\n")
        if step in self.script.append and not spared:
            self.owed[-1] += self.script.append[step]
        octets = self.owed.pop(0)
        if step in self.script.late and not spared:
            self.owed.append(self.script.late[step])
        if self.script.dribbles:
            self.writer.write(octets[:5])
            await asyncio.sleep(0.001)
            octets = octets[5:]
        self.writer.write(octets)
        await self.writer.drain()

    async def _misbehave(self, step: str) -> None:
        if step == self.script.hang_at:
            self.server.reached.set()
            await asyncio.Event().wait()
        if step == self.script.hang_up_at:
            self.server.reached.set()
            await self._hang_up()

    async def _hang_up(self) -> None:
        sock = self.writer.get_extra_info("socket")
        if self.script.reset and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        raise _Over


def _without_added_dots(wire: bytes) -> bytes:
    return b"\r\n".join(line.removeprefix(b".") for line in wire.split(b"\r\n"))


@contextmanager
def in_thread(server: SmtpServer) -> Iterator[SmtpServer]:
    """Run `server` in a loop and thread of its own, for tests of synchronous code."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
