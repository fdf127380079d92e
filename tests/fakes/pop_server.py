"""A small POP3 server in a thread, and a library of misbehaviours named after what it does.

`server.instead["QUIT"] = hangs_up` replaces the answer to a command; a behaviour takes the
session and the command's argument.
"""

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fakes.line_server import Conversation, Hangup, LineServer, Recording

PASSWORD = "correct horse ünd"


@dataclass
class Session:
    """One client's connection and what it has marked for deletion."""

    server: "PopServer"
    wire: Conversation
    marked: set[int] = field(default_factory=set)
    owed: bytes = b""  #: by a server whose answers come one command too late

    def send(self, line: bytes | str) -> None:
        self.wire.send((line.encode() if isinstance(line, str) else line) + b"\r\n")

    def send_text(self, text: bytes) -> None:
        """Send a message as RFC 1939 3 says, dots doubled behind CRLF only."""
        stuffed = re.sub(rb"(^|\r\n)\.", rb"\1..", text)
        self.wire.send(stuffed + (b"" if stuffed.endswith(b"\n") else b"\r\n") + b".\r\n")


Behaviour = Callable[[Session, str], None]


class PopServer(LineServer):
    """A maildrop; messages are numbered from 1, their UIDLs are `uid-1` and so on."""

    def __init__(
        self,
        *raws: bytes,
        greeting: str = "+OK ready",
        context: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
    ) -> None:
        super().__init__(context=context, implicit_tls=implicit_tls)
        self.greeting = greeting
        self.maildrop = list(raws)
        self.names = [f"uid-{number}" for number in range(1, len(raws) + 1)]
        #: Sizes that differ from the true ones, by message number.
        self.announced: dict[int, int] = {}
        self.instead: dict[str, Behaviour] = {}

    @property
    def commands(self) -> list[str]:
        """What clients have sent so far."""
        return [line.decode().strip() for line in self.log]

    def converse(self, conversation: Conversation) -> None:
        session = Session(self, conversation)
        session.send(self.greeting)
        while True:
            name, _, args = conversation.readline().decode().partition(" ")
            known: dict[str, Behaviour] = HONEST | self.instead
            known.get(name.upper(), answers("-ERR unknown"))(session, args)


# What a well-behaved server does.


def _stls(session: Session, _: str) -> None:
    if session.server.context is None:
        session.send("-ERR no TLS here")
        return
    session.send("+OK begin")
    session.wire.start_tls(session.server.context)


def _pass(session: Session, args: str) -> None:
    session.send("+OK logged in" if args == PASSWORD else "-ERR [AUTH] wrong password")


def _list(session: Session, _: str) -> None:
    session.send("+OK")
    for number, raw in enumerate(session.server.maildrop, start=1):
        session.send(f"{number} {session.server.announced.get(number, len(raw))}")
    session.send(".")


def _stat(session: Session, _: str) -> None:
    kept = [
        raw for number, raw in enumerate(session.server.maildrop, 1) if number not in session.marked
    ]
    session.send(f"+OK {len(kept)} {sum(map(len, kept))}")


def _uidl(session: Session, _: str) -> None:
    session.send("+OK")
    for number, name in enumerate(session.server.names, start=1):
        session.send(f"{number} {name}")
    session.send(".")


def _retr(session: Session, args: str) -> None:
    session.send("+OK")
    session.send_text(session.server.maildrop[int(args) - 1])


def _top(session: Session, args: str) -> None:
    number, lines = args.split()
    raw = session.server.maildrop[int(number) - 1]
    session.send("+OK")
    session.send_text(raw if int(lines) else raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")


def _dele(session: Session, args: str) -> None:
    session.marked.add(int(args))
    session.send("+OK marked")


def _quit(session: Session, _: str) -> None:
    server = session.server
    kept = [n for n in range(1, len(server.maildrop) + 1) if n not in session.marked]
    server.names = [server.names[n - 1] for n in kept]
    server.maildrop = [server.maildrop[n - 1] for n in kept]
    session.send("+OK bye")
    raise Hangup


# What others do.


def answers(line: str) -> Behaviour:
    """Answer the command with `line` and do nothing."""
    return lambda session, _: session.send(line)


def sends(octets: bytes) -> Behaviour:
    """Answer the command with exactly these octets."""
    return lambda session, _: session.wire.send(octets)


def says_again(server: PopServer, command: str) -> None:
    """Give the first answer to `command` twice; from then on each one comes a command too late."""
    owed: list[bytes] = []

    def obedient(name: str) -> Behaviour:
        def behaviour(session: Session, args: str) -> None:
            wire, session.wire = session.wire, Recording(session.wire)  # type: ignore[assignment]
            HONEST[name](session, args)
            answer, session.wire = session.wire.octets, wire  # type: ignore[attr-defined]
            repeats = name == command and not owed
            owed.extend([answer, answer] if repeats else [answer])
            wire.send(owed.pop(0))

        return behaviour

    server.instead = {name: obedient(name) for name in HONEST if name != "QUIT"}


def hangs_up(_session: Session, _args: str) -> None:
    """Close the connection in the place of an answer."""
    raise Hangup


def never_answers(session: Session, _args: str) -> None:
    """Keep the client waiting."""
    session.server.stopping.wait(30)
    raise Hangup


def drips(session: Session, _args: str) -> None:
    """Send one octet now and then, so that no single wait is long."""
    session.wire.send(b"+OK ")
    while not session.server.stopping.wait(0.2):
        session.wire.send(b".")
    raise Hangup


HONEST: dict[str, Behaviour] = {
    "STLS": _stls,
    "USER": answers("+OK name"),
    "PASS": _pass,
    "STAT": _stat,
    "LIST": _list,
    "UIDL": _uidl,
    "RETR": _retr,
    "TOP": _top,
    "DELE": _dele,
    "QUIT": _quit,
}
