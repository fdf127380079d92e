"""Two categories that share a mailbox, in a service: one pass and one watch, on record for each."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from listbridge.bootstrap import Installation
from listbridge.config import Configuration
from listbridge.metrics import Metrics
from listbridge.service import polling
from listbridge.service.polling import Polling
from listbridge.service.roster import Roster
from listbridge.service.watching import Watching
from scheduler.job import Job
from storage import categories, polls
from storage.database import Database
from storage.polls import Poll
from storage.states import Trouble
from tests.fakes.mailbox import FakeServer, breaks
from tests.fakes.office import letter
from tests.unit.service.conftest import category_with

NOT_LATE = timedelta(0)
SLOW, QUICK = timedelta(hours=1), timedelta(minutes=5)
BOTH = "general@example.org, dev@example.org"


@pytest.fixture
def shared(install: Callable[..., Installation], server: FakeServer) -> Callable[..., Installation]:
    """Make an installation of two; the arguments are settings of the second one, dev."""

    def made(**settings: Any) -> Installation:
        one = install(poll_every=SLOW)
        given = {"slug": "dev", "address": "dev@example.org", "poll_every": QUICK, **settings}
        with one.db.transaction() as tx:
            dev = categories.keep(tx, "dev", "dev@example.org").id
        known = {**one.configuration.categories, "dev": category_with(server, **given)}
        configuration = Configuration(one.configuration.service, known, {}, ())
        return Installation(configuration, one.db, {**one.ids, "dev": dev}, {})

    return made


@pytest.fixture
def service(
    shared: Callable[..., Installation], server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Polling, list[int]]]:
    """Make the polling part, and a list of whom it told that something is to be sent."""
    monkeypatch.setattr(polling, "open_mailbox", server.open)

    def made(**settings: Any) -> tuple[Polling, list[int]]:
        told: list[int] = []
        return Polling(Roster(shared(**settings)), Metrics(), told.append), told

    return made


def on_record(db: Database) -> dict[str, Poll]:
    with db.reading() as tx:
        last = polls.every(tx)
        return {one.slug: last[one.id] for one in categories.every(tx) if one.id in last}


async def one_pass(part: Polling) -> datetime | None:
    return await part._poll("general", NOT_LATE)


async def test_one_pass_is_on_record_for_each(
    service: Callable[..., tuple[Polling, list[int]]], server: FakeServer, db: Database
) -> None:
    part, _ = service()
    next_pass = await one_pass(part)

    found = on_record(db)
    assert server.logins == 1
    assert found.keys() == {"general", "dev"}
    assert {one.next_at for one in found.values()} == {next_pass}
    assert all(one.ended_at is not None for one in found.values())
    assert next_pass is not None
    assert QUICK <= next_pass - found["dev"].begun_at <= QUICK * 1.1


async def test_there_is_one_job_as_often_as_the_quickest_wants_it(
    service: Callable[..., tuple[Polling, list[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Job] = []

    def keep(_: object, jobs: Iterable[Job]) -> None:
        kept[:] = jobs

    monkeypatch.setattr(polling.Runner, "keep", keep)
    part, _ = service()
    await part.apply()

    assert [(one.name, one.every) for one in kept] == [("general", QUICK)]


async def test_the_sender_is_told_of_each(
    service: Callable[..., tuple[Polling, list[int]]],
    server: FakeServer,
    db: Database,
    tmp_path: Path,
) -> None:
    file = tmp_path / "dev.subscribers"
    file.write_text("ann@example.net\n")
    part, told = service(subscribers_file=file)
    await part.apply()
    server.deliver(letter(1, To=BOTH))
    await one_pass(part)

    with db.reading() as tx:
        dev = categories.find(tx, "dev")
    assert dev is not None
    assert told == [dev.id]  # the other has no subscribers


async def test_new_mail_for_any_of_them_has_the_mailbox_polled(
    service: Callable[..., tuple[Polling, list[int]]], server: FakeServer
) -> None:
    part, _ = service()
    await one_pass(part)
    await one_pass(part)
    assert server.logins == 1

    part.poll_now("dev")
    await one_pass(part)

    assert server.logins == 2


async def test_trouble_of_the_mailbox_is_everybodys(
    service: Callable[..., tuple[Polling, list[int]]], server: FakeServer, db: Database
) -> None:
    server.on["open"] = breaks
    part, _ = service()
    await one_pass(part)

    assert {one.trouble for one in on_record(db).values()} == {Trouble.UNREACHABLE}


async def test_trouble_of_one_is_his_own_and_slows_nobody_down(
    service: Callable[..., tuple[Polling, list[int]]], db: Database, tmp_path: Path
) -> None:
    part, _ = service(subscribers_file=tmp_path / "missing", poll_every=timedelta(hours=2))
    await part.apply()
    next_pass = await one_pass(part)

    found = on_record(db)
    assert {slug: one.trouble for slug, one in found.items()} == {
        "general": None,
        "dev": Trouble.SUBSCRIBERS,
    }
    assert next_pass is not None
    assert next_pass - found["dev"].begun_at <= SLOW * 1.1


async def test_a_pass_of_who_does_not_lead_any_more_is_left_out(
    service: Callable[..., tuple[Polling, list[int]]], server: FakeServer
) -> None:
    part, _ = service()

    assert await part._poll("dev", NOT_LATE) is None
    assert server.logins == 0


async def test_who_is_inactive_does_not_lead_and_gets_his_mail(
    service: Callable[..., tuple[Polling, list[int]]], server: FakeServer, db: Database
) -> None:
    part, _ = service(active=False)
    server.deliver(letter(1, To="dev@example.org"))
    await one_pass(part)

    assert server.messages == []
    assert on_record(db).keys() == {"general"}


async def test_a_mailbox_is_watched_once_for_the_first_who_wants_that(
    shared: Callable[..., Installation], server: FakeServer
) -> None:
    quiet = server.settings.model_copy(update={"idle": False})

    both, one = (
        Watching(Roster(shared(incoming=settings)), lambda _: None)._wanted()
        for settings in (server.settings, quiet)
    )

    assert both.keys() == one.keys() == {"general"}
