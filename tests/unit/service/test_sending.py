"""The sending part: what is due leaves, and whoever is in trouble is left alone for a while."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from listbridge import clock
from listbridge.bootstrap import Accounts, Installation
from listbridge.delivery.worker import Account, Sent
from listbridge.metrics import Metrics
from listbridge.service import sending as module
from listbridge.service.intake_round import whole_round
from listbridge.service.roster import Roster
from listbridge.service.sending import Sending
from listbridge.submission import AccountTrouble, OutgoingSettings
from storage import due, pauses
from storage.database import Database
from storage.errors import StoreError
from tests.fakes.courier import RecordingCourier
from tests.fakes.mailbox import FakeServer
from tests.fakes.office import letter

PATIENCE = 30.0
ACCOUNT = OutgoingSettings(host="smtp.example.org").account


@pytest.fixture
def courier(monkeypatch: pytest.MonkeyPatch) -> RecordingCourier:
    """What takes over the mail of every account; an account is known until it is renewed."""
    one = RecordingCourier()
    made: dict[str, Account] = {}
    monkeypatch.setattr(
        Accounts, "of", lambda self, settings: made.setdefault(settings.account, Account(one))
    )

    async def renew(_self: Accounts, settings: OutgoingSettings) -> None:
        made.pop(settings.account, None)

    monkeypatch.setattr(Accounts, "renew", renew)
    return one


@pytest.fixture
def installation(install: Callable[..., Installation], tmp_path: Path) -> Installation:
    file = tmp_path / "general.subscribers"
    file.write_text("ann@example.net\nbob@example.net\n")
    return install(subscribers_file=file)


@pytest.fixture
def post(installation: Installation, server: FakeServer) -> Callable[[int], None]:
    """Have a letter posted, so that its deliveries are due."""

    def made(number: int) -> None:
        server.deliver(letter(number))
        whole_round(installation.db, installation.readers(["general"]), server.open)

    return made


@asynccontextmanager
async def sending(installation: Installation) -> AsyncIterator[Sending]:
    part = Sending(Roster(installation), Metrics())
    running = asyncio.create_task(part.run())
    yield part
    assert await part.stop(timedelta(seconds=PATIENCE))
    await running


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not done():
            await asyncio.sleep(0.01)


def is_paused(db: Database) -> bool:
    with db.reading() as tx:
        return pauses.every(tx) != []


async def test_what_is_due_at_the_start_is_sent(
    installation: Installation, post: Callable[[int], None], courier: RecordingCourier
) -> None:
    post(1)
    async with sending(installation):
        await until(lambda: courier.recipients() == ["ann@example.net", "bob@example.net"])


async def test_what_becomes_due_is_sent_when_it_is_woken(
    installation: Installation,
    post: Callable[[int], None],
    courier: RecordingCourier,
    category_id: int,
) -> None:
    async with sending(installation) as part:
        post(1)
        part.wake(category_id)
        await until(lambda: len(courier.recipients()) == 2)
        post(2)
        part.wake()  # by another process, which does not say what
        await until(lambda: len(courier.recipients()) == 4)


async def test_what_the_database_did_not_give_is_asked_for_again_soon_whoever_noticed(
    installation: Installation,
    post: Callable[[int], None],
    courier: RecordingCourier,
    monkeypatch: pytest.MonkeyPatch,
    told: Callable[[str], list[dict[str, object]]],
) -> None:
    async def fails(*_: object) -> Sent:
        raise StoreError("sorry, too many clients already")

    monkeypatch.setattr(module, "_LOOK_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(module, "_SHORT_REST", timedelta(milliseconds=10))
    monkeypatch.setattr(module, "_FIRST_REST", timedelta(hours=1))
    post(1)
    with monkeypatch.context() as full:
        full.setattr(module, "send_due", fails)
        async with sending(installation):
            await until(lambda: len(told("store.failed")) >= 2)
            full.undo()
            await until(lambda: len(courier.recipients()) == 2)


async def test_an_account_in_trouble_is_paused_on_record_and_not_tried_again_at_once(
    installation: Installation, post: Callable[[int], None], courier: RecordingCourier, db: Database
) -> None:
    courier.trouble = AccountTrouble("smtp.example.org refuses the login")
    post(1)
    async with sending(installation) as part:
        await until(lambda: is_paused(db))
        courier.trouble = None
        part.wake()
        await asyncio.sleep(0.1)
        assert courier.taken == []
    with db.reading() as tx:
        [pause] = pauses.every(tx)
    assert (pause.account, pause.reason) == (ACCOUNT, "smtp.example.org refuses the login")
    assert pause.since < clock.now() < pause.until


async def test_a_reload_tries_a_paused_account_at_once_and_its_success_ends_the_pause(
    installation: Installation, post: Callable[[int], None], courier: RecordingCourier, db: Database
) -> None:
    courier.trouble = AccountTrouble("smtp.example.org refuses the login")
    post(1)
    async with sending(installation) as part:
        await until(lambda: is_paused(db))
        courier.trouble = None
        await part.apply()
        await until(lambda: len(courier.recipients()) == 2)
        await until(lambda: not is_paused(db))


async def test_a_pause_that_an_earlier_service_left_ends_with_the_first_success(
    installation: Installation, post: Callable[[int], None], courier: RecordingCourier, db: Database
) -> None:
    later = clock.now() + timedelta(hours=1)
    with db.transaction() as tx:
        pauses.keep(tx, ACCOUNT, until=later, reason="down", now=clock.now())
    post(1)
    async with sending(installation):
        await until(lambda: not is_paused(db))
    assert len(courier.recipients()) == 2


async def test_a_category_that_has_vanished_is_not_sent_for(
    installation: Installation,
    post: Callable[[int], None],
    courier: RecordingCourier,
    category_id: int,
) -> None:
    post(1)
    installation.ids.clear()
    async with sending(installation) as part:
        part.wake(category_id)
        await asyncio.sleep(0.1)
    assert courier.taken == []


async def test_stopped_it_claims_nothing_more(
    installation: Installation,
    post: Callable[[int], None],
    courier: RecordingCourier,
    category_id: int,
    db: Database,
) -> None:
    async with sending(installation) as part:
        pass
    post(1)
    part.wake(category_id)
    await asyncio.sleep(0.05)
    assert courier.taken == []
    with db.reading() as tx:
        assert due.count_due(tx, category_id, clock.now()) == 2


@pytest.mark.parametrize("is_kept", [True, False])
async def test_a_reload_takes_what_has_not_left_from_an_account_that_is_not_used_any_more(
    install: Callable[..., Installation],
    installation: Installation,
    post: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    is_kept: bool,
) -> None:
    couriers = {host: RecordingCourier(seconds=0.05) for host in ("old", "new")}
    monkeypatch.setattr(Accounts, "of", lambda self, to: Account(couriers[to.host]))
    people = [f"reader{number}@example.net" for number in range(10)]
    (tmp_path / "general.subscribers").write_text("\n".join(people))
    post(1)

    def to(host: str, **settings: object) -> Installation:
        one = OutgoingSettings(host=host, max_recipients=1, max_connections=1)
        return install(outgoing=one, **settings)

    async with sending(to("old")) as part:
        await until(lambda: len(couriers["old"].taken) == 2)
        part._roster.installation = to("new", active=is_kept)
        await part.apply()
        await until(lambda: part._running == {} and (couriers["new"].taken != []) is is_kept)
        await until(lambda: part._running == {})
    by_old, by_new = (couriers[host].recipients() for host in ("old", "new"))
    assert len(by_old) < len(people)
    assert not set(by_old) & set(by_new)
    assert not is_kept or sorted(by_old + by_new) == sorted(people)
