"""A dry run over several mailboxes: what one of them does may matter to the others."""

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from listbridge import clock
from listbridge.bootstrap import Installation
from listbridge.category import Category, DigestSettings, MessageSettings
from listbridge.config import Configuration
from listbridge.config.models import Service
from listbridge.intake.tally import Tally
from listbridge.mailbox import IncomingSettings
from listbridge.service import once, rehearsal
from listbridge.service.once import poll_once
from listbridge.submission import OutgoingSettings
from storage import polls
from storage.database import Database
from storage.states import Receives
from storage.subscriptions import change
from tests.fakes.courier import RecordingCourier
from tests.fakes.lists import Lists
from tests.fakes.mailbox import HOST, FakeMailbox, FakeServer
from tests.fakes.office import letter

ANN, BOB, EVE, DAN = (f"{name}@example.net" for name in ("ann", "bob", "eve", "dan"))
ONCE = {"cross_posts": "once"}
BELOW = {"umbrellas": ["all@example.org"], "non_members": "reject"}
NARROW = OutgoingSettings(host="smtp.example.org", foreign_from=False, max_per_day=9)


class Town:
    """Lists with mailboxes of their own, but for `left` and `right`, which share one."""

    def __init__(self, db: Database) -> None:
        self.lists = Lists(db)
        self.servers: dict[str, FakeServer] = {}

    def make(self, slug: str, *subscribers: str, mailbox: str = "", **settings: Any) -> None:
        mailbox = mailbox or slug
        self.servers.setdefault(mailbox, FakeServer())
        incoming = IncomingSettings(host=HOST, username=mailbox)
        self.lists.make(slug, *subscribers, incoming=incoming, **settings)

    def deliver(self, *mailboxes: str, raw: bytes) -> None:
        for number, one in enumerate(mailboxes):
            self.servers[one].deliver(b"Received: by way of %d\r\n" % number + raw)

    def open(self, settings: IncomingSettings, *, read_only: bool = False) -> FakeMailbox:
        return self.servers[str(settings.username)].open(settings, read_only=read_only)

    def lying_there(self) -> list[list[bytes]]:
        return [one.lying_there() for one in self.servers.values()]

    async def run(self, *, dry: bool = False) -> list[dict[str, object]]:
        """Make one round over all; return the numbers of each."""
        known: dict[str, Category] = self.lists.categories
        service = Service(file=None, folder=Path.cwd(), categories=Path.cwd())
        configuration = Configuration(service, known, {}, ())
        installation = Installation(configuration, self.lists.db, self.lists.ids, {})
        tallies: list[Tally] = []
        await poll_once(installation, [*known], send=True, dry_run=dry, done=tallies.append)
        return [vars(one) for one in sorted(tallies, key=lambda one: one.category)]


@pytest.fixture
def town(db: Database, courier: RecordingCourier, monkeypatch: pytest.MonkeyPatch) -> Town:
    one = Town(db)
    monkeypatch.setattr(once, "open_mailbox", one.open)
    monkeypatch.setattr(rehearsal, "open_mailbox", one.open)
    # Which of several gets to a post first is not left to chance.
    monkeypatch.setattr(once, "_POLLS_AT_ONCE", 1)
    return one


def _set(town: Town, slug: str, address: str, receives: Receives) -> None:
    with town.lists.db.transaction() as tx:
        change(tx, town.lists.ids[slug], address, clock.now(), receives=receives)


async def test_the_numbers_are_those_of_the_real_run_whatever_the_lists_have_in_common(
    town: Town, database_file: Path
) -> None:
    town.make("all", ANN, "staff@example.org")
    town.make("left", ANN, BOB, mailbox="both", posting=ONCE)
    town.make("news", ANN, BOB, EVE, DAN, digest=DigestSettings(max_size="1KB"))
    town.make("own", ANN, BOB, EVE, posting=ONCE, message=MessageSettings(personalise=True))
    town.make("right", BOB, EVE, mailbox="both", posting=ONCE)
    town.make("staff", BOB, EVE, posting=BELOW)
    _set(town, "news", DAN, Receives.DIGEST)
    _set(town, "news", EVE, Receives.UPDATES)
    town.deliver("all", raw=letter(0, To="all@example.org"))
    await town.run()
    town.deliver("staff", raw=town.lists.copy("all"))
    everywhere = "left@example.org, right@example.org, own@example.org, staff@example.org"
    town.deliver("both", "own", raw=letter(1, To=everywhere))
    town.deliver("both", raw=letter(2, To="right@example.org", In_Reply_To="<1@example.net>"))
    town.deliver("own", raw=letter(3, To="own@example.org", Subject="help"))
    town.deliver("news", raw=letter(4, To="news@example.org") + b"Much to say.\r\n" * 200)
    town.deliver("news", raw=letter(5, From="MAILER-DAEMON@example.net"))
    before = _dump(database_file), town.lying_there()

    rehearsed = await town.run(dry=True)
    untouched = _dump(database_file), town.lying_there()
    real = await town.run()

    assert untouched == before
    assert rehearsed == real
    # The post that went to three lists: two of them from left, one from right, none from own.
    queued = {str(one["category"]): one["queued"] for one in real}
    assert queued == {"all": 0, "left": 2, "news": 4, "own": 1, "right": 3, "staff": 2}
    assert {one["error"] for one in real} == {None}


async def test_what_a_budget_has_left_goes_round_once(town: Town) -> None:
    for slug in ("first", "second"):
        town.make(slug, ANN, BOB, EVE)
        town.lists.categories[slug] = town.lists.categories[slug].model_copy(
            update={"outgoing": NARROW}
        )
        town.deliver(slug, raw=letter(1, To=f"{slug}@example.org"))
        town.deliver(slug, raw=letter(2, To=f"{slug}@example.org"))

    rehearsed = await town.run(dry=True)
    real = await town.run()

    assert sum(int(str(one["sent"])) for one in rehearsed) == 9
    assert sum(int(str(one["sent"])) for one in real) == 9


async def test_what_another_process_takes_in_meanwhile_is_left_to_it(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.make("first", ANN)
    town.make("second", BOB)
    for slug in ("first", "second"):
        town.deliver(slug, raw=letter(1, To=f"{slug}@example.org"))

    def overtake() -> None:
        with town.lists.db.transaction() as tx:
            polls.begin(tx, town.lists.ids["first"], now=clock.now() + timedelta(seconds=1))

    town.servers["second"].on = {"list": overtake}
    first, second = await town.run(dry=True)

    assert "another process has just polled it" in str(first["error"])
    assert (first["fetched"], second["posts"], second["error"]) == (0, 1, None)


def _dump(file: Path) -> list[str]:
    connection = sqlite3.connect(file)
    lines = [*connection.iterdump()]
    connection.close()
    return lines
