"""An IMAP server that tells lies, over a folder of which the truth is known."""

import re

from tests.dialogues.mood import RETOLD, Mood, retell
from tests.dialogues.truth import Truth
from tests.fakes.imap_server import HONEST, ImapServer, Session, Stored
from tests.fakes.line_server import Hangup, Recording

CAPABILITIES = (
    "IMAP4rev1 AUTH=PLAIN UIDPLUS MOVE SPECIAL-USE NAMESPACE",
    "IMAP4rev1 AUTH=PLAIN UIDPLUS",
    "IMAP4rev1 IMAP4rev2 AUTH=PLAIN",
    "IMAP4rev1 AUTH=PLAIN MOVE SPECIAL-USE",
    "IMAP4rev1 AUTH=PLAIN",
)
_UNASKED = (
    "* 3 EXISTS",
    "* 0 EXISTS",
    "* 99999999999 EXISTS",
    "* 1 EXPUNGE",
    "* 1 RECENT",
    r"* 1 FETCH (FLAGS (\Deleted))",
    r"* 2 FETCH (UID 102 FLAGS (\Seen))",
    "* 1 FETCH (UID 101)",
    "* SEARCH 4711",
    "* OK [ALERT] the disk is nearly full",
    "* OK [UIDNEXT 5] next",
    "* CAPABILITY IMAP4rev1 AUTH=PLAIN",
    "* BYE for now",
)
_SIZES = (b"99999999999", b"7", b"1", b"-3", b"4294967296", b"NIL")
_DATES = (b"NIL", b'"yesterday"', b'"31-Feb-2026 12:00:00 +0000"', b'"01-Jan-0001 00:00:00 +1400"')
_BODIES = ("nil", "missing", "empty", "without uid", "short", "long", "giant", "quoted", "twice")
# Lies before the folder is open end the pass there, so they are told less often.
_OFTEN = {"CAPABILITY": 0.1, "SELECT": 0.5, "UID FETCH": 2.0, "UID EXPUNGE": 2.0}
_ANY = (*RETOLD, "refuses", "bad", "hangs", "goodbye", "unasked", "answers first", "only ok")


class LyingImapServer(ImapServer):
    """Misbehaves as its mood says; a folder that was renumbered closes the sessions in it."""

    def __init__(self, mood: Mood, truth: Truth, capabilities: str) -> None:
        super().__init__(capabilities=capabilities)
        self.mood, self.truth = mood, truth
        self.forgets = False  #: what was deleted is there again in the next pass
        self.archives = False  #: confirms each deletion and does nothing
        self.folders["Trash"] = {}
        self.special["Trash"] = r"\Trash"
        self.instead = {name: self._obey(name) for name in HONEST}
        self._next_uid = 101
        self._made = 0
        self._forgotten: list[tuple[int, Stored]] = []

    def deliver(self, raw: bytes) -> None:
        """Put a new message in."""
        self._made += 1
        date = f"{1 + self._made // 1440:02}-Nov-2026 {self._made // 60 % 24:02}:"
        stored = Stored(raw, internal_date=f"{date}{self._made % 60:02}:00 +0000")
        self.inbox[self._next_uid] = stored
        self._next_uid += 1
        self.truth.delivered.append(raw)

    def renumber(self) -> None:
        """Give the folder another UIDVALIDITY, and old UIDs to other messages."""
        self.uidvalidity = str(int(self.uidvalidity) + 1)
        messages = list(self.inbox.values())[::-1]
        self.inbox.clear()
        self.inbox.update(enumerate(messages, start=101))
        self._next_uid = 101 + len(messages)
        self._forgotten.clear()

    def another_client(self) -> None:
        """Let somebody delete a message, or only mark it."""
        if self.inbox:
            uid = self.mood.chance.choice(list(self.inbox))
            self.truth.taken_away.add(self.inbox[uid].raw)
            if self.mood.chance.random() < 0.5:
                del self.inbox[uid]
            else:
                self.inbox[uid].flags.add(r"\Deleted")

    def between_passes(self) -> None:
        """Bring back what is only seemingly deleted."""
        self.inbox.update(self._forgotten)
        for _, stored in self._forgotten:
            stored.flags.clear()
        self._forgotten.clear()

    def _obey(self, name: str):  # type: ignore[no-untyped-def]
        def behaviour(session: Session, tag: str, args: str) -> None:
            if name == "AUTHENTICATE":  # a dialogue within the dialogue
                self._authenticate(session, tag, args)
                return
            if session.opened not in ("", self.uidvalidity):
                session.send("* BYE the folder was replaced")
                raise Hangup
            if name.startswith("UID") and not session.folder:
                session.send(f"{tag} BAD no folder is open")
                return
            self._answer(session, name, tag, args)

        return behaviour

    def _authenticate(self, session: Session, tag: str, args: str) -> None:
        if self.mood.draws("goodbye", often=0.2) == "":
            HONEST["AUTHENTICATE"](session, tag, args)
        else:
            session.send("* BYE [UNAVAILABLE] later")
            raise Hangup

    def _answer(self, session: Session, name: str, tag: str, args: str) -> None:
        special = {"SELECT": ("renumbered", "no validity"), "UID FETCH": ("body",) * 16}
        if name == "UID FETCH" and "BODY" not in args:
            special = {name: ("listing",) * 16}
        ways = (*_ANY, "renumbers", *special.get(name, ()))
        way = self.mood.draws(*ways, often=_OFTEN.get(name, 1.0))
        if way == "refuses":
            session.send(f"{tag} NO [SERVERBUG] cannot")
        elif way == "bad":
            session.send(f"{tag} BAD what?")
        elif way == "hangs":
            self.stopping.wait(1)
            raise Hangup
        elif way == "goodbye":
            session.send("* BYE [UNAVAILABLE] going down")
            raise Hangup
        elif way == "only ok" or (self.archives and name in ("UID EXPUNGE", "EXPUNGE")):
            session.send(f"{tag} OK done")  # and nothing was done
        elif way == "renumbers":
            self._renumber_after(session, name, tag, args)
        elif way == "renumbered":
            self.renumber()
            self._say(session, self._honestly(session, name, tag, args), "")
        elif way == "body":
            self._say(session, self._bodies(session, tag, args), "")
        else:
            self._say(session, self._told(session, name, tag, args, way), way)
        if name == "SELECT":
            session.opened = self.uidvalidity

    def _say(self, session: Session, octets: bytes, way: str) -> None:
        if session.owed:
            # From now on each answer comes one command too late.
            session.owed, octets, way = octets, session.owed, ""
        session.owed = retell(session.wire, octets, way, self.mood.chance) or session.owed

    def _told(self, session: Session, name: str, tag: str, args: str, way: str) -> bytes:
        octets = self._honestly(session, name, tag, args)
        chance = self.mood.chance
        if way == "unasked":
            lines = [chance.choice(_UNASKED) for _ in range(chance.randint(1, 3))]
            octets = "".join(f"{line}\r\n" for line in lines).encode() + octets
        elif way == "answers first":
            end = octets.rfind(f"{tag} ".encode())
            octets = octets[end:] + octets[:end]
        elif way == "no validity":
            octets = re.sub(rb"\* OK \[UIDVALIDITY \d+\] valid\r\n", b"", octets)
        elif way == "listing":
            # Zero is left out: an empty answer to a message of size 0 is a message.
            octets = re.sub(rb"SIZE \d+", lambda m: b"SIZE " + chance.choice(_SIZES), octets)
            octets = re.sub(
                rb'DATE "[^"]*"',
                lambda m: chance.choice([m[0], b"DATE " + chance.choice(_DATES)]),
                octets,
            )
        return octets

    def _renumber_after(self, session: Session, name: str, tag: str, args: str) -> None:
        """Replace the folder while the command is carried out, and announce it in the answer."""
        octets = self._honestly(session, name, tag, args)
        self.renumber()
        announced = f"* OK [UIDVALIDITY {self.uidvalidity}] replaced\r\n".encode()
        session.wire.send(announced + octets)

    def _honestly(self, session: Session, name: str, tag: str, args: str) -> bytes:
        before = dict(self.inbox)
        recording = Recording(session.wire)
        session.wire, wire = recording, session.wire  # type: ignore[assignment]
        try:
            HONEST[name](session, tag, args)
        except Hangup:
            pass
        finally:
            session.wire = wire
        gone = {uid: one for uid, one in before.items() if self.inbox.get(uid) is not one}
        self.truth.deleted(one.raw for one in gone.values())
        if self.forgets:
            self._forgotten += gone.items()
        return recording.octets

    def _bodies(self, session: Session, tag: str, args: str) -> bytes:
        told = b""
        for number, uid in enumerate(session.named(args.split()[0]), start=1):
            raw = session.messages[uid].raw
            told += self._body(f"* {number} FETCH (".encode(), f"UID {uid}".encode(), raw)
        return told + f"{tag} OK done\r\n".encode()

    def _body(self, head: bytes, uid: bytes, raw: bytes) -> bytes:
        chance = self.mood.chance
        way = self.mood.draws(*_BODIES) or chance.choice(("honest", *_BODIES))
        count = len(raw)
        if way == "short":  # announces more than there is
            count += chance.choice([1, 2, 3, 10, 40])
        if way == "long":  # announces less
            count -= chance.choice([1, 2, 3, 7, 10, 40])
        if way == "giant":
            count = 99_999_999_999
        literal = b" BODY[] {%d}\r\n%s" % (count, raw)
        if way in ("nil", "missing", "empty", "quoted"):
            literal = {
                "nil": b" BODY[] NIL",
                "missing": b"",
                "empty": b" BODY[] {0}\r\n",
                "quoted": b' BODY[] ""',
            }[way]
        if way == "without uid":
            return head + literal.lstrip() + b")\r\n"
        line = head + uid + literal + b")\r\n"
        return line * 2 if way == "twice" else line
