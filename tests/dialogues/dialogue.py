"""One seeded dialogue: passes over lying servers, then honest ones, then the judgement."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Literal

from listbridge import clock
from listbridge.category import Category, Posting
from listbridge.delivery.worker import Account, send_due
from listbridge.intake.readers import Reader, Readers
from listbridge.intake.tally import Tally
from listbridge.mailbox import IncomingSettings, open_mailbox
from listbridge.membership import subscriptions
from listbridge.secret import Secret
from listbridge.service.intake_round import whole_round
from listbridge.submission import OutgoingSettings, SmtpCourier
from storage import audit, categories
from storage.database import Database
from storage.opening import open_database
from storage.states import Origin, Trouble
from tests.dialogues.imap import CAPABILITIES, LyingImapServer
from tests.dialogues.mood import Mood
from tests.dialogues.pop import NAMING, LyingPopServer
from tests.dialogues.relay import WAYS, LyingRelay
from tests.dialogues.truth import Truth, digest, subject
from tests.fakes.imap_server import PASSWORD

SUBSCRIBERS = ["ann@example.org", "bob@example.org", "cyd@example.net"]
#: The longest single wait while servers lie; none of them is slow for another reason.
_IMPATIENT = timedelta(seconds=0.15)
_PATIENT = timedelta(seconds=20)
_LYING_PASSES = (2, 4)
_HONEST_PASSES = 12
_TAILS = (
    b"",
    b")\r\n",
    b"* 1 FETCH (UID 101 BODY[] {3}\r\n",
    b".\r\n..\r\n",
    b"A1 OK done\r\n",
    b"x\r\n",
)
# Without a line end, so that a literal that is cut short could go on like an IMAP answer.
_OPEN_TAILS = (b"FLAGS NIL", b"foo bar", b"x", b"(a b) c d")

MailServer = LyingImapServer | LyingPopServer


@dataclass
class Result:
    """What came out of one dialogue; `faults` is empty if every promise was kept."""

    seed: int
    faults: list[str] = field(default_factory=list)
    messages: int = 0
    deletions: int = 0
    copies: int = 0
    doubts: int = 0
    repeats: int = 0
    told: Counter[str] = field(default_factory=Counter)


class Stage:
    """A database file in a folder, emptied for each dialogue."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "listbridge.db"
        self.db = open_database(f"sqlite:///{self.file}")
        self.db.close()
        self._empty = self.file.read_bytes()

    @contextmanager
    def fresh(self) -> Iterator[Database]:
        for one in self.file.parent.glob("listbridge.db*"):
            one.unlink()
        self.file.write_bytes(self._empty)
        try:
            yield self.db
        finally:
            self.db.close()


def run(stage: Stage, seed: int) -> Result:
    """Play the dialogue of this seed and judge it."""
    usual = clock.now
    try:
        with stage.fresh() as db:
            return asyncio.run(_Dialogue(stage.file, db, seed).play())
    finally:
        clock.now = usual


class _Dialogue:
    def __init__(self, file: Path, db: Database, seed: int) -> None:
        self.db, self.seed = db, seed
        self.chance = Random(seed)
        self.mood = Mood(self.chance)
        self.truth = Truth(file)
        self.is_imap = self.chance.random() < 0.5
        self.server: MailServer = (
            LyingImapServer(self.mood, self.truth, self.chance.choice(CAPABILITIES))
            if self.is_imap
            else LyingPopServer(self.mood, self.truth, self.chance.choice(NAMING))
        )
        self.after_fetch = self._choose_after_fetch() if self.is_imap else "delete"
        self.relay = LyingRelay(self.mood, SUBSCRIBERS, self.chance.choice(WAYS))
        # With one of each, many transactions are under way on one connection.
        self.connections, self.recipients = self.chance.choice([(4, 2), (1, 2), (1, 1)])
        self.faults: list[str] = []
        self.time = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
        clock.now = lambda: self.time
        with db.transaction() as tx:
            self.category_id = categories.keep(tx, "general", "general@example.org").id
            for address in SUBSCRIBERS:
                subscriptions.subscribe(tx, self.category_id, address, "", Origin.ADMIN)

    def _choose_after_fetch(self) -> Literal["delete", "move", "trash"]:
        number = self.chance.random()
        return "move" if number < 0.2 else "trash" if number < 0.35 else "delete"

    async def play(self) -> Result:
        with self.server:
            async with self.relay:
                for _ in range(self.chance.randint(*_LYING_PASSES)):
                    self._live_on()
                    self.mood.lies = self.chance.choice([0.03, 0.1, 0.2, 0.4])
                    await self._pass(_IMPATIENT)
                await self._end_honestly()
        return self._result()

    def _live_on(self) -> None:
        """Let happen what happens between two passes."""
        server, chance = self.server, self.chance
        self.time += timedelta(minutes=chance.choice([1, 10, 300]))
        server.between_passes()
        server.forgets = chance.random() < 0.2
        if isinstance(server, LyingImapServer):
            server.archives = chance.random() < 0.1
        if chance.random() < 0.15:
            server.renumber()
        for _ in range(chance.choice([0, 1, 2, 4])):
            server.deliver(self._letter())
        if chance.random() < 0.15:
            server.another_client()

    def _letter(self) -> bytes:
        number = len(self.truth.delivered)
        tail = self.chance.choice(_TAILS)
        if self.is_imap and self.chance.random() < 0.3:
            tail = self.chance.choice(_OPEN_TAILS)
        return (
            b"From: Ann <ann@example.org>\r\nTo: general@example.org\r\n"
            b"Subject: %d\r\nDate: Sat, 31 Oct 2026 10:00:00 +0000\r\n"
            b"Message-ID: <%d@example.net>\r\n\r\nThis is letter %d.\r\n%s\r\n%s"
        ) % (number, number, number, b"so long " * self.chance.choice([1, 200]), tail)

    async def _end_honestly(self) -> None:
        self.mood.lies = 0.0
        self.server.forgets = False
        if isinstance(self.server, LyingImapServer):
            self.server.archives = False
            self.server.between_passes()
        for _ in range(_HONEST_PASSES):
            self.time += timedelta(days=2)
            await self._pass(_PATIENT)
            if self._is_settled():
                return
        self.faults.append("not settled after many honest passes")

    def _is_settled(self) -> bool:
        stored = {sha for [sha] in self._rows("SELECT sha256 FROM raw_messages")}
        waits = "('pending', 'sending', 'deferred', 'uncertain')"
        [[open_deliveries]] = self._rows(f"SELECT count(*) FROM deliveries WHERE state IN {waits}")
        return not open_deliveries and stored >= {*map(digest, self.truth.answered_for())}

    async def _pass(self, wait: timedelta) -> None:
        """Poll, decide and send, as one round of the program does."""
        incoming = IncomingSettings(
            protocol="imap" if self.is_imap else "pop3",
            host="localhost",
            port=self.server.port,
            security="none",
            username="general@example.org",
            password=Secret.model_validate(PASSWORD),
            after_fetch=self.after_fetch,
        ).model_copy(update={"timeout": wait})
        outgoing = OutgoingSettings(
            host="127.0.0.1",
            port=self.relay.port,
            security="none",
            timeout=wait,
            give_up_after=timedelta(days=3650),
            max_connections=self.connections,
            max_recipients=self.recipients,
        )
        category = Category(
            slug="general",
            address="general@example.org",
            posting=Posting(non_members="accept"),
            incoming=incoming,
            outgoing=outgoing,
        )
        tally = Tally("general")
        whole_round(self.db, Readers([Reader(category, self.category_id, tally)]), open_mailbox)
        if tally.trouble is Trouble.OURS:
            self.faults.append(f"a defect of ours: {tally.error}")
        account = Account(SmtpCourier(outgoing))
        await send_due(self.db, self.category_id, outgoing, account)
        await account.courier.close()

    def _result(self) -> Result:
        with self.db.reading() as tx:
            self.faults += [str(one) for one in audit.problems(tx)]
        self.faults += self.truth.crimes
        self._judge_intake()
        copies = self.relay.copies()
        doubts = self._judge_sending(copies)
        return Result(
            self.seed,
            self.faults,
            len(self.truth.delivered),
            self.truth.deletions,
            copies.total(),
            doubts,
            copies.total() - len(copies),
            Counter(self.mood.told),
        )

    def _judge_intake(self) -> None:
        known = {digest(raw): subject(raw) for raw in self.truth.delivered}
        query = "SELECT sha256 FROM raw_messages JOIN inbound ON inbound.raw_id = raw_messages.id"
        # One that has no bytes, and of which the server says so twice, is an empty message.
        stored = {sha for [sha] in self._rows(query)} - {digest(b"")}
        self.faults += [
            f"lost: {subject(raw)}"
            for raw in self.truth.answered_for()
            if digest(raw) not in stored
        ]
        self.faults += ["stored what nobody wrote" for sha in stored if sha not in known]
        query = (
            "SELECT r.sha256 FROM posts p JOIN inbound i ON i.id = p.inbound_id "
            "JOIN raw_messages r ON r.id = i.raw_id"
        )
        posted = Counter(known.get(sha, "?") for [sha] in self._rows(query))
        self.faults += [
            f"{posted[known[sha]]} posts of {known[sha]}"
            for sha in stored & known.keys()
            if posted[known[sha]] != 1
        ]

    def _judge_sending(self, copies: Counter[tuple[str, str]]) -> int:
        query = (
            "SELECT d.id, p.subject, d.recipient, d.state, d.last_reply FROM deliveries d "
            "JOIN outgoing o ON o.id = d.outgoing_id JOIN posts p ON p.id = o.post_id"
        )
        all_doubts = 0
        for delivery, name, recipient, state, reply in self._rows(query):
            doubts = self._rows(
                f"SELECT 1 FROM attempts WHERE outcome = 'uncertain' AND delivery_id = {delivery}"
            )
            all_doubts += len(doubts)
            made = copies[name, recipient]
            what = (
                f"{name} to {recipient} is {state} ({reply}): {made} copies, {len(doubts)} doubts"
            )
            refused = state == "failed" and reply.startswith("5") and made <= len(doubts)
            of_another = " of " in (reply or "") and recipient not in reply
            sent = state == "sent" and 1 <= made <= 1 + len(doubts)
            if not (sent or refused) or of_another:
                self.faults.append(what)
        return all_doubts

    def _rows(self, query: str) -> list[tuple]:  # type: ignore[type-arg]
        connection = sqlite3.connect(self.truth.database)
        rows = connection.execute(query).fetchall()
        connection.close()
        return rows
