"""An SMTP server that tells lies, each connection in its own way, and knows what it kept."""

from collections import Counter

from tests.dialogues.mood import Mood
from tests.dialogues.truth import subject
from tests.fakes.smtp_server import Script, SmtpServer

#: What such a server announces beside the usual, which decides how it is talked to.
WAYS: tuple[tuple[str, ...], ...] = ((), ("PIPELINING",), ("PIPELINING", "CHUNKING"))
_STEPS = ("connect", "ehlo", "mail", "rcpt", "data", "body", "end", "rset", "quit")
_WAYS = (
    "hangs up",
    "resets",
    "hangs",
    "refuses",
    "closes",
    "postpones",
    "babbles",
    "early",
    "doubled late",
)


class LyingRelay(SmtpServer):
    """Draws a script for every connection."""

    def __init__(self, mood: Mood, subscribers: list[str], also_offers: tuple[str, ...]) -> None:
        super().__init__()
        self.mood, self.subscribers = mood, subscribers
        self.also_offers = also_offers

    def next_script(self) -> Script:
        """Return an honest script, or one with a single lie at a single step."""
        if not self.mood.draws("relay", often=3.0):
            return Script()
        chance, number = self.mood.chance, len(self.by_connection)
        step, way = chance.choice(_STEPS), chance.choice(_WAYS)
        recipient = chance.choice(self.subscribers)
        self.mood.told[f"{step} {way}"] = self.mood.told.get(f"{step} {way}", 0) + 1
        if way in ("hangs up", "resets"):
            return Script(hang_up_at=step, reset=way == "resets")
        if way == "hangs":
            return Script(hang_at=step)
        if way == "early":
            # More than was asked for, in one piece: whatever it is.
            reply = chance.choice(["250 2.0.0 ok", "354 go on", "550 5.0.0 no", "421 4.0.0 bye"])
            return Script(append={step: reply.encode() + b"\r\n"})
        if way == "doubled late":
            # From then on each reply comes one command too late. Only replies that say yes: a
            # refusal that is repeated too late cannot be told from one of the next recipient.
            return Script(late={step: b"354 go on\r\n" if step == "data" else b"250 ok\r\n"})
        if step == "rcpt" and chance.random() < 0.7:
            code = {"refuses": "550 5.1.1", "postpones": "450 4.2.0", "closes": "421 4.3.2"}
            reply = f"{code.get(way, '250 2.1.5')} of {recipient} ({number})"
            # Beside it, an earlier reply may come twice.
            late = {chance.choice(["ehlo", "mail"]): b"250 2.0.0 ok\r\n"}
            return Script(recipients={recipient: reply}, late=chance.choice([{}, {}, late]))
        replies = {
            "refuses": f"550-5.3.0 no\r\n550 5.3.0 not at {step} ({number})",
            "postpones": f"451-4.3.0 not now\r\n451 4.3.0 ({number})",
            "closes": f"421 4.3.2 leaving ({number})",
            "babbles": chance.choice(["so be it", "999 what", "2", "250-and then", "\0", "354 go"]),
        }
        if step == "connect":
            return Script(greeting=replies[way])
        return Script(replies={step: replies[way]})

    def copies(self) -> Counter[tuple[str, str]]:
        """Count what was kept, by subject and recipient; what was refused in the end was not."""
        return Counter(
            (subject(one.body), recipient)
            for one in self.messages
            if one.answer[:1] not in ("4", "5")
            for recipient in one.recipients
        )
