"""A POP3 server that tells lies, over a maildrop of which the truth is known."""

import re

from tests.dialogues.mood import RETOLD, Mood, retell
from tests.dialogues.truth import Truth
from tests.fakes.line_server import Hangup, Recording
from tests.fakes.pop_server import HONEST, PopServer, Session

#: How the server names its messages: RFC 1939 7 wants the first.
NAMING = ("lasting", "none", "all the same", "new at each login", "by place", "some")
_REFUSALS = ("[IN-USE] locked", "[LOGIN-DELAY] wait", "[SYS/TEMP] later", "[SYS/PERM] no", "no")
_SIZES = (b"99999999999", b"7", b"1", b"-3", b"4294967296", b"what")
# Lies at the login end the pass there, so they are told less often.
_OFTEN = {"USER": 0.2, "PASS": 0.3, "DELE": 1.5, "QUIT": 3.0}
_ANY = (*RETOLD, "refuses", "hangs", "only ok")


class LyingPopServer(PopServer):
    """Misbehaves as its mood says."""

    def __init__(self, mood: Mood, truth: Truth, naming: str) -> None:
        super().__init__()
        self.mood, self.truth, self.naming = mood, truth, naming
        self.forgets = False  #: says that it deletes at QUIT, and does not
        self.instead = {name: self._obey(name) for name in HONEST}
        self._made = self._logins = 0

    def deliver(self, raw: bytes) -> None:
        """Put a new message in."""
        self._made += 1
        self.maildrop.append(raw)
        self.names.append(f"uid-{self._made}")
        self.truth.delivered.append(raw)

    def another_client(self) -> None:
        """Let somebody take a message away."""
        if self.maildrop:
            place = self.mood.chance.randrange(len(self.maildrop))
            self.truth.taken_away.add(self.maildrop.pop(place))
            del self.names[place]

    def renumber(self) -> None:
        """Name everything anew, as after a restore."""
        self._made += 1000
        self.names = [f"uid-{self._made + n}" for n in range(len(self.maildrop))][::-1]

    def between_passes(self) -> None:
        """Nothing comes back: what was not deleted is there."""

    def _obey(self, name: str):  # type: ignore[no-untyped-def]
        def behaviour(session: Session, args: str) -> None:
            self._answer(session, name, args)

        return behaviour

    def _answer(self, session: Session, name: str, args: str) -> None:
        special = {"LIST": ("sizes", "leaves out", "invents") * 3, "RETR": ("empty",) * 2}
        ways = (*_ANY, *special.get(name, ()))
        way = self.mood.draws(*ways, often=_OFTEN.get(name, 1.0))
        if way == "refuses":
            session.send(f"-ERR {self.mood.chance.choice(_REFUSALS)}")
        elif way == "hangs":
            self.stopping.wait(1)
            raise Hangup
        elif way == "only ok":
            session.send("+OK")  # and nothing was done
        elif way == "empty":
            session.send("+OK")
            session.send(".")
        else:
            octets = self._told(self._honestly(session, name, args), way)
            if name == "UIDL":
                octets = self._named(octets)
            self._say(session, octets, way)
        if name == "QUIT":
            raise Hangup

    def _say(self, session: Session, octets: bytes, way: str) -> None:
        if session.owed:
            # From now on each answer comes one command too late.
            session.owed, octets, way = octets, session.owed, ""
        session.owed = retell(session.wire, octets, way, self.mood.chance) or session.owed

    def _honestly(self, session: Session, name: str, args: str) -> bytes:
        before = list(zip(self.names, self.maildrop, strict=True))
        if self.forgets and name == "QUIT":
            session.marked.clear()
        if name in ("RETR", "TOP", "DELE") and not 0 < int(args.split()[0]) <= len(self.maildrop):
            return b"-ERR no such message\r\n"
        recording = Recording(session.wire)
        session.wire, wire = recording, session.wire  # type: ignore[assignment]
        try:
            HONEST[name](session, args)
        except Hangup:
            pass
        finally:
            session.wire = wire
        self.truth.deleted(raw for uid, raw in before if uid not in self.names)
        return recording.octets

    def _told(self, octets: bytes, way: str) -> bytes:
        chance = self.mood.chance
        first, *lines = octets.splitlines(keepends=True)
        if way == "sizes":
            lines = [re.sub(rb" .*", b" " + chance.choice(_SIZES), line) for line in lines]
        elif way == "leaves out" and len(lines) > 1:
            del lines[chance.randrange(len(lines) - 1)]
        elif way == "invents":
            lines.insert(0, b"%d 77\r\n" % chance.choice([999, 0, -1, 2]))
        else:
            return octets
        return b"".join([first, *lines])

    def _named(self, octets: bytes) -> bytes:
        self._logins += 1
        if self.naming == "none":
            return b"-ERR what?\r\n"
        changes = {
            "all the same": (rb" uid-\d+", b" same"),
            "new at each login": (rb" uid-", b" %d-" % self._logins),
            "by place": (rb"(?m)^(\d+) uid-\d+", rb"\1 \1"),
            "some": (rb"(?m)^\d*[13579] .*\r\n", b""),
        }
        return re.sub(*changes[self.naming], octets) if self.naming in changes else octets
