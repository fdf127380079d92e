"""An SQLite driver that fails at chosen writes, and a category that has to live with it."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from listbridge import message
from listbridge.bootstrap import Accounts, Installation
from listbridge.config import Configuration
from listbridge.config.models import Service
from listbridge.delivery import ledger
from listbridge.delivery.worker import Account
from listbridge.intake import in_hand
from listbridge.intake.tally import Tally
from listbridge.service import once
from listbridge.submission import OutgoingSettings
from storage import audit, categories, deliveries, inbound, subscriptions
from storage.database import Database
from storage.opening import connect
from storage.states import DeliveryState, Origin
from tests.conftest import NOW
from tests.fakes.courier import RecordingCourier
from tests.fakes.mailbox import FakeServer
from tests.fakes.office import general, letter

#: What SQLite says, word for word.
ERRORS = {
    "full": "database or disk is full",
    "readonly": "attempt to write a readonly database",
    "ioerr": "disk I/O error",
    "busy": "database is locked",
}
READERS = ("ann@example.net", "bob@example.net", "cid@example.net")
LETTERS = 2


@dataclass
class Breakdown:
    """Which writes of a round fail, and how; each statement that writes and each commit is one."""

    first: int
    number: int  #: so many in a row
    error: str = "full"
    answer_lost: bool = False  #: the commit is done, and only its answer is an error
    mended: bool = False
    seen: int = 0  #: writes of this round
    most: int = 0  #: writes of the longest round
    hits: int = 0

    def step(self) -> bool:
        """Count one more write; say whether it fails."""
        self.seen += 1
        self.most = max(self.most, self.seen)
        is_hit = not self.mended and self.first <= self.seen < self.first + self.number
        self.hits += is_hit
        return is_hit

    def fail(self) -> None:
        """Raise what the driver raises."""
        raise sqlite3.OperationalError(ERRORS[self.error])


@contextmanager
def failing(breakdown: Breakdown) -> Iterator[None]:
    """Have every connection that SQLAlchemy opens from now on fail like that."""

    class Cursor(sqlite3.Cursor):
        def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
            self.connection.look_at(statement)  # type: ignore[attr-defined]
            # Nothing here need outlive a failure of the machine.
            statement = statement.replace("synchronous=FULL", "synchronous=OFF")
            return super().execute(statement, *arguments)

        def executemany(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
            self.connection.look_at(statement)  # type: ignore[attr-defined]
            return super().executemany(statement, *arguments)

    class Connection(sqlite3.Connection):
        writes = False

        def cursor(self, *_: Any) -> Any:
            return super().cursor(Cursor)

        def look_at(self, statement: str) -> None:
            verb = statement.split(maxsplit=1)[0]
            if verb == "BEGIN":
                self.writes = "IMMEDIATE" in statement
            elif verb not in ("INSERT", "UPDATE", "DELETE"):
                return
            if self.writes and not breakdown.answer_lost and breakdown.step():
                breakdown.fail()

        def commit(self) -> None:
            fails = self.in_transaction and self.writes and breakdown.step()
            if fails and not breakdown.answer_lost:
                breakdown.fail()
            super().commit()
            if fails:
                breakdown.fail()

    def opened(*arguments: Any, **options: Any) -> sqlite3.Connection:
        return sqlite3.connect(*arguments, **options, factory=Connection)

    with mock.patch.object(sqlite3.dbapi2, "connect", opened):
        yield


@dataclass
class Household:
    """A category with letters in its mailbox and readers, polled round by round."""

    file: Path
    server: FakeServer = field(init=False)
    courier: RecordingCourier = field(default_factory=RecordingCourier)
    db: Database = field(init=False)
    tallies: list[Tally] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = FakeServer(is_safe=self._is_committed)
        self.server.deliver(*(letter(number) for number in range(LETTERS)))
        self.db = connect(f"sqlite:///{self.file}")
        with self.db.transaction() as tx:
            self.category_id = categories.keep(tx, "general", "general@example.org").id
            for one in READERS:
                subscriptions.put(
                    tx,
                    self.category_id,
                    address=one,
                    key=one,
                    name="",
                    origin=Origin.ADMIN,
                    now=NOW,
                )
        self.db.close()  # so that its connections are made anew
        sending = OutgoingSettings(host="smtp.example.org", max_recipients=2)
        category = general(incoming=self.server.settings, outgoing=sending)
        here = self.file.parent
        service = Service(file=None, folder=here, categories=here)
        self._installation = Installation(
            Configuration(service, {"general": category}, {}, ()),
            self.db,
            {"general": self.category_id},
            {},
        )
        self._account = Account(self.courier)

    def round(self, *, new_process: bool = False) -> Tally:
        """Do what `poll-once` does; a new process knows nothing of the one before."""
        if new_process:
            self._account = Account(self.courier)
            self._free_leases()
        with (
            mock.patch.object(once, "open_mailbox", self.server.open),
            mock.patch.object(Accounts, "of", return_value=self._account),
            mock.patch.object(ledger, "_STORE_WAITS", (0.0,)),
            mock.patch.object(in_hand, "_STORE_WAITS", (0.0,)),
        ):
            asyncio.run(
                once.poll_once(
                    self._installation,
                    ["general"],
                    send=True,
                    dry_run=False,
                    done=self.tallies.append,
                )
            )
        return self.tallies[-1]

    def wrongs(self) -> list[str]:
        """Say what of the promises was broken, once a round or two have gone well."""
        found = [*self.server.crimes]
        found += [f"shunted: {one}" for one in self.tallies if one.shunted]
        found += [f"left in the mailbox: {len(self.server.messages)}"] * bool(self.server.messages)
        with self.db.reading() as tx:
            found += [str(one) for one in audit.problems(tx)]
            found += ["not decided"] * bool(inbound.waiting(tx, self.category_id))
            rows = deliveries.listed(tx, tuple(DeliveryState))
            doubts = {
                one.id: sum(
                    x.outcome is DeliveryState.UNCERTAIN for x in deliveries.attempts_at(tx, one.id)
                )
                for one in rows
            }
        self.db.close()
        if len(rows) != LETTERS * len(READERS):
            found.append(f"{len(rows)} deliveries")
        found += [f"{one.recipient}: {one.state}" for one in rows if one.state != "sent"]
        doubted: Counter[str] = Counter()
        for one in rows:
            doubted[one.recipient] += doubts[one.id]
        for reader in READERS:
            copies = self.courier.recipients().count(reader)
            if not LETTERS <= copies <= LETTERS + doubted[reader]:
                found.append(f"{reader} got {copies} copies, with {doubted[reader]} doubts")
        return found

    @property
    def repeats(self) -> int:
        """How many copies were sent twice."""
        return len(self.courier.recipients()) - LETTERS * len(READERS)

    def _free_leases(self) -> None:
        """Do what a process finds whose predecessor is dead."""
        with closing(sqlite3.connect(self.file)) as connection:
            connection.execute("UPDATE leases SET until = '2000-01-01 00:00:00.000000'")
            connection.commit()

    def _is_committed(self, raw: bytes) -> bool:
        # A connection of its own sees only what would outlive a crash.
        query = "SELECT count(*) FROM raw_messages WHERE sha256 = ?"
        with closing(sqlite3.connect(self.file)) as connection:
            [found] = connection.execute(query, (message.raw_hash(raw),)).fetchone()
        return bool(found)


def live_through(file: Path, breakdown: Breakdown, *, rounds: int, new_process: bool) -> Household:
    """Make rounds during a breakdown, each of which meets it anew, and then some without."""
    one = Household(file)
    with failing(breakdown):
        for _ in range(rounds):
            breakdown.seen = 0
            one.round(new_process=new_process)
        breakdown.mended = True
        for _ in range(2):
            breakdown.seen = 0
            one.round(new_process=new_process)
        one.db.close()
    return one
