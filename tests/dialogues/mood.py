"""How truthful a server is at the moment, and the ways of telling an answer that all share."""

from dataclasses import dataclass, field
from random import Random

from tests.fakes.line_server import Conversation, Hangup


@dataclass
class Mood:
    """Draws when a server lies, and how; `lies` is the share of answers that are no honest ones."""

    chance: Random
    lies: float = 0.0
    told: dict[str, int] = field(default_factory=dict)  #: how often each lie was told

    def draws(self, *ways: str, often: float = 1.0) -> str:
        """Return "" for an honest answer, or one of the ways to lie."""
        if self.chance.random() >= self.lies * often:
            return ""
        way = self.chance.choice(ways)
        self.told[way] = self.told.get(way, 0) + 1
        return way


#: Ways to tell any answer of any line protocol.
RETOLD = ("cut", "doubled", "doubled late", "with garbage", "lost")


def retell(wire: Conversation, octets: bytes, way: str, chance: Random) -> bytes:
    """Send an answer in this way; return what is to be sent in place of the next."""
    if way == "lost":
        raise Hangup
    if way == "cut":
        wire.send(octets[: chance.randrange(len(octets) + 1)])
        raise Hangup
    if way == "with garbage":
        octets = chance.choice([b"\xff\x00 what?\r\n", b"\r\n", b"* \r\n", b"-\r\n"]) + octets
    if way == "doubled":
        octets += octets
    wire.send(octets)
    return octets if way == "doubled late" else b""
