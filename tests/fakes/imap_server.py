"""A small IMAP server in a thread, and a library of misbehaviours named after what it does.

`server.instead["UID FETCH"] = hangs_up` replaces the answer to a command; a behaviour takes
the session, the tag and the rest of the command line.
"""

import base64
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fakes.line_server import Conversation, Hangup, LineServer

PASSWORD = "correct horse ünd"
ALL_CAPABILITIES = "IMAP4rev1 AUTH=PLAIN UIDPLUS MOVE SPECIAL-USE NAMESPACE"


@dataclass
class Stored:
    """A message in a folder."""

    raw: bytes
    flags: set[str] = field(default_factory=set)
    internal_date: str = "20-Nov-2026 12:00:00 +0000"
    #: RFC822.SIZE as it is announced; None: the true one.
    announced: int | None = None

    @property
    def size(self) -> int:
        return len(self.raw) if self.announced is None else self.announced


@dataclass
class Session:
    """One client's connection and what it has selected."""

    server: "ImapServer"
    wire: Conversation
    folder: str = ""
    owed: bytes = b""  #: by a server whose answers come one command too late
    opened: str = ""  #: the UIDVALIDITY under which the folder was opened

    def send(self, line: bytes | str) -> None:
        self.wire.send((line.encode() if isinstance(line, str) else line) + b"\r\n")

    @property
    def messages(self) -> dict[int, Stored]:
        return self.server.folders[self.folder]

    def named(self, numbers: str) -> list[int]:
        return [uid for uid in map(int, numbers.split(",")) if uid in self.messages]


Behaviour = Callable[[Session, str, str], None]


class ImapServer(LineServer):
    """Folders of messages by UID; knows the commands that a mailbox needs."""

    def __init__(
        self,
        *raws: bytes,
        capabilities: str = ALL_CAPABILITIES,
        greeting: str = "* OK ready",
        context: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
    ) -> None:
        super().__init__(context=context, implicit_tls=implicit_tls)
        self.capabilities = capabilities
        self.greeting = greeting
        self.uidvalidity = "7"
        self.prefix = ""
        self.inbox = {uid: Stored(raw) for uid, raw in enumerate(raws, start=101)}
        self.folders: dict[str, dict[int, Stored]] = {"INBOX": self.inbox}
        self.special: dict[str, str] = {}
        self.instead: dict[str, Behaviour] = {}

    @property
    def commands(self) -> list[str]:
        """What clients have sent so far, without tags."""
        return [line.decode().strip().partition(" ")[2] for line in self.log]

    def converse(self, conversation: Conversation) -> None:
        session = Session(self, conversation)
        session.send(self.greeting)
        while True:
            tag, _, rest = conversation.readline().decode().partition(" ")
            uid, _, after = rest.partition(" ")
            name, _, args = (after if uid.upper() == "UID" else rest).partition(" ")
            name = f"UID {name}".upper() if uid.upper() == "UID" else name.upper()
            known: dict[str, Behaviour] = HONEST | self.instead
            known.get(name, answers("BAD", "unknown"))(session, tag, args)


# What a well-behaved server does.


def _capability(session: Session, tag: str, _: str) -> None:
    session.send(f"* CAPABILITY {session.server.capabilities}")
    session.send(f"{tag} OK done")


def _starttls(session: Session, tag: str, _: str) -> None:
    assert session.server.context
    session.send(f"{tag} OK begin")
    session.wire.start_tls(session.server.context)


def _authenticate(session: Session, tag: str, _: str) -> None:
    session.send("+ ")
    password = base64.b64decode(session.wire.readline()).decode().split("\0")[2]
    session.send(f"{tag} OK hello" if password == PASSWORD else f"{tag} NO [AUTHENTICATIONFAILED]")


def _login(session: Session, tag: str, _: str) -> None:
    session.send(f"{tag} OK hello")


def _select(session: Session, tag: str, args: str) -> None:
    name = args.strip('"')
    if name not in session.server.folders:
        session.send(f"{tag} NO [NONEXISTENT] no such folder")
        return
    session.folder = name
    session.send(f"* {len(session.messages)} EXISTS")
    session.send(r"* FLAGS (\Deleted \Seen)")
    if session.server.uidvalidity:
        session.send(f"* OK [UIDVALIDITY {session.server.uidvalidity}] valid")
    session.send(f"{tag} OK [READ-WRITE] selected")


def _search(session: Session, tag: str, args: str) -> None:
    found = sorted(session.messages)
    if args.startswith("UID "):
        found = session.named(args[4:])
    if args == "DELETED":
        found = [uid for uid in found if r"\Deleted" in session.messages[uid].flags]
    session.send(f"* SEARCH {' '.join(map(str, found))}".rstrip())
    session.send(f"{tag} OK done")


def _fetch(session: Session, tag: str, args: str) -> None:
    for number, uid in enumerate(session.named(args.split()[0]), start=1):
        stored = session.messages[uid]
        if "BODY.PEEK[]" in args:
            head = f"* {number} FETCH (UID {uid} BODY[] {{{len(stored.raw)}}}\r\n".encode()
            session.send(head + stored.raw + b")")
        else:
            session.send(
                f"* {number} FETCH (UID {uid} RFC822.SIZE {stored.size} "
                f'INTERNALDATE "{stored.internal_date}" FLAGS ({" ".join(stored.flags)}))'
            )
    session.send(f"{tag} OK done")


def _store(session: Session, tag: str, args: str) -> None:
    numbers, _, flags = args.partition(" ")
    for uid in session.named(numbers):
        session.messages[uid].flags |= set(re.findall(r"\\\w+", flags))
    session.send(f"{tag} OK done")


def _expunge(session: Session, tag: str, args: str) -> None:
    named = session.named(args) if args else list(session.messages)
    for uid in named:
        if r"\Deleted" in session.messages[uid].flags:
            del session.messages[uid]
    session.send(f"{tag} OK done")


def _transfer(session: Session, tag: str, args: str, *, keep: bool) -> None:
    numbers, _, target = args.partition(" ")
    folder = session.server.folders.get(target.strip('"'))
    if folder is None:
        session.send(f"{tag} NO [TRYCREATE] no such folder")
        return
    for uid in session.named(numbers):
        folder[uid] = session.messages[uid]
        if not keep:
            del session.messages[uid]
    session.send(f"{tag} OK done")


def _copy(session: Session, tag: str, args: str) -> None:
    _transfer(session, tag, args, keep=True)


def _move(session: Session, tag: str, args: str) -> None:
    _transfer(session, tag, args, keep=False)


def _list(session: Session, tag: str, args: str) -> None:
    # RFC 6154 3: LIST (SPECIAL-USE) "" "*" RETURN (SPECIAL-USE)
    only_special = args.startswith("(SPECIAL-USE) ")
    known = session.server.capabilities.upper().split()
    if only_special and not {"LIST-EXTENDED", "IMAP4REV2"} & set(known):
        session.send(f"{tag} BAD what is that in front of the name?")
        return
    pattern = args.removeprefix("(SPECIAL-USE) ").partition(" ")[2].partition(" RETURN")[0]
    for name in session.server.folders:
        if only_special and name not in session.server.special:
            continue
        if pattern.strip('"') in ("*", name):
            session.send(f'* LIST ({session.server.special.get(name, "")}) "." "{name}"')
    session.send(f"{tag} OK done")


def _create(session: Session, tag: str, args: str) -> None:
    name = args.strip('"')
    if not name.startswith(session.server.prefix):
        session.send(f"{tag} NO outside of the personal namespace")
        return
    session.server.folders[name] = {}
    session.send(f"{tag} OK done")


def _namespace(session: Session, tag: str, _: str) -> None:
    session.send(f'* NAMESPACE (("{session.server.prefix}" ".")) NIL NIL')
    session.send(f"{tag} OK done")


def _logout(session: Session, tag: str, _: str) -> None:
    session.send("* BYE")
    session.send(f"{tag} OK bye")
    raise Hangup


HONEST: dict[str, Behaviour] = {
    "CAPABILITY": _capability,
    "STARTTLS": _starttls,
    "AUTHENTICATE": _authenticate,
    "LOGIN": _login,
    "SELECT": _select,
    "EXAMINE": _select,
    "UID SEARCH": _search,
    "UID FETCH": _fetch,
    "UID STORE": _store,
    "UID EXPUNGE": _expunge,
    "EXPUNGE": _expunge,
    "UID COPY": _copy,
    "UID MOVE": _move,
    "LIST": _list,
    "CREATE": _create,
    "NAMESPACE": _namespace,
    "LOGOUT": _logout,
}


# What others do.


def answers(status: str, words: str) -> Behaviour:
    """Answer the command with `status` (OK, NO, BAD) and do nothing."""
    return lambda session, tag, _: session.send(f"{tag} {status} {words}")


def says(*lines: str, then: str = "") -> Behaviour:
    """Say `lines` first, then do what is usual for the command `then`, or answer OK."""

    def behaviour(session: Session, tag: str, args: str) -> None:
        for line in lines:
            session.send(line)
        HONEST.get(then, answers("OK", "done"))(session, tag, args)

    return behaviour


def hangs_up(session: Session, _tag: str, _args: str) -> None:
    """Close the connection in the place of an answer."""
    raise Hangup


def never_answers(session: Session, _tag: str, _args: str) -> None:
    """Keep the client waiting."""
    session.server.stopping.wait(30)
    raise Hangup


def archives(session: Session, tag: str, args: str) -> None:
    """Take what is expunged out of the folder and keep it elsewhere, as Gmail does by default."""
    kept = session.server.folders.setdefault("All Mail", {})
    before = dict(session.messages)
    _expunge(session, tag, args)
    kept.update((uid, one) for uid, one in before.items() if uid not in session.messages)


def says_goodbye(session: Session, _tag: str, _args: str) -> None:
    """Send BYE and close."""
    session.send("* BYE [UNAVAILABLE] going down for maintenance")
    raise Hangup


def hangs_up_in_a_literal(session: Session, _tag: str, args: str) -> None:
    """Announce 1,000 octets of a message, send ten and close."""
    session.wire.send(f"* 1 FETCH (UID {args.split()[0]} BODY[] {{1000}}\r\nFrom: a@ex".encode())
    raise Hangup


def announces_a_giant_literal(session: Session, _tag: str, args: str) -> None:
    """Announce 99,999,999,999 octets."""
    session.send(f"* 1 FETCH (UID {args.split()[0]} BODY[] {{99999999999}}")
    session.server.stopping.wait(30)
    raise Hangup


def drips(session: Session, _tag: str, _args: str) -> None:
    """Send one octet now and then, so that no single wait is long."""
    session.wire.send(b"* OK ")
    while not session.server.stopping.wait(0.2):
        session.wire.send(b".")
    raise Hangup
