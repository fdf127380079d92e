"""A dry run changes nothing, and says what the real run then does."""

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from listbridge import clock
from listbridge.bootstrap import Installation
from listbridge.intake.tally import Tally
from listbridge.service import mailbox_lease
from listbridge.service.once import poll_once
from storage import leases
from storage.leases import Lease
from tests.fakes.courier import RecordingCourier
from tests.fakes.mailbox import FakeServer, breaks
from tests.fakes.office import letter

Install = Callable[..., Installation]
PEOPLE = "ann@example.net\nbob@example.net\neve@example.net\n"


async def run(
    installation: Installation, *, dry: bool = False, send: bool = True
) -> dict[str, object]:
    """Make one round; return the numbers."""
    tallies: list[Tally] = []
    await poll_once(installation, ["general"], send=send, dry_run=dry, done=tallies.append)
    [tally] = tallies
    return vars(tally)


def dump(file: Path) -> list[str]:
    """Return everything that is in the database, as SQL."""
    connection = sqlite3.connect(file)
    lines = [*connection.iterdump()]
    connection.close()
    return lines


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A subscriber file with three addresses."""
    file = tmp_path / "general.subscribers"
    file.write_text(PEOPLE)
    return file


def everything(server: FakeServer) -> None:
    """Deliver a message of each kind."""
    server.deliver(
        letter(1),
        letter(2, In_Reply_To="<1@example.net>"),
        letter(1),
        letter(1, Received="by another way"),
        letter(3, From=""),
        letter(4, Auto_Submitted="auto-replied"),
        letter(5, Subject="help"),
        letter(6, From="MAILER-DAEMON@example.net"),
        b"Content-Type: multipart/mixed; boundary=b\r\n" * 101 + b"\r\n",
    )


@pytest.mark.parametrize("send", [True, False])
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
async def test_a_dry_run_has_the_numbers_of_the_real_run_and_changes_nothing(
    install: Install,
    server: FakeServer,
    courier: RecordingCourier,
    database_file: Path,
    people: Path,
    protocol: str,
    send: bool,
) -> None:
    server.protocol = protocol
    everything(server)
    installation = install(subscribers_file=people)
    database, mailbox = dump(database_file), server.lying_there()

    rehearsed = await run(installation, dry=True, send=send)
    untouched = (dump(database_file), server.lying_there(), [*courier.taken])
    real = await run(installation, send=send)

    assert untouched == (database, mailbox, [])
    assert rehearsed == real
    assert (real["error"], real["posts"], real["replies"], real["duplicates"]) == (None, 1, 1, 2)
    assert real["queued"] == 7  # two posts to three, and an answer
    assert real["sent"] == (7 if send else 0)


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
async def test_a_dry_run_knows_the_leftovers_of_a_pass_that_broke(
    install: Install,
    server: FakeServer,
    courier: RecordingCourier,
    database_file: Path,
    people: Path,
    protocol: str,
) -> None:
    server.protocol = protocol
    installation = install(subscribers_file=people)
    server.deliver(letter(1), letter(2))
    server.on = {"delete 1": breaks}
    await run(installation)
    server.on = {}
    server.deliver(letter(3))
    before = dump(database_file)

    rehearsed = await run(installation, dry=True)

    assert dump(database_file) == before
    assert (rehearsed["fetched"], rehearsed["deleted"], rehearsed["posts"]) == (1, 3, 1)
    assert await run(installation) == rehearsed


async def test_a_dry_run_of_a_mailbox_that_is_down_counts_what_is_left_over(
    install: Install, server: FakeServer, courier: RecordingCourier, people: Path
) -> None:
    installation = install(subscribers_file=people)
    server.deliver(letter(1))
    await run(installation, send=False)
    server.on = {"open": breaks}

    rehearsed = await run(installation, dry=True)

    assert (rehearsed["sent"], rehearsed["queued"]) == (3, 0)
    assert await run(installation) == rehearsed


async def test_a_dry_run_tells_what_the_server_does_not_give_away(
    install: Install, server: FakeServer, courier: RecordingCourier
) -> None:
    installation = install()
    server.deliver(letter(1), unreadable="the server sent no content for it")

    rehearsed = await run(installation, dry=True)

    assert rehearsed["error"] is not None
    assert await run(installation) == rehearsed


async def test_a_dry_run_of_a_wrong_subscriber_file_says_so(
    install: Install, server: FakeServer, courier: RecordingCourier, tmp_path: Path
) -> None:
    installation = install(subscribers_file=tmp_path / "missing")
    server.deliver(letter(1))

    rehearsed = await run(installation, dry=True)

    assert rehearsed["posts"] == 1
    assert await run(installation) == rehearsed


async def test_a_dry_run_leaves_a_mailbox_in_living_hands_alone(
    install: Install,
    server: FakeServer,
    database_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installation = install()
    server.deliver(letter(1))
    now = clock.now()
    with installation.db.transaction() as tx:
        key = server.settings.key
        assert isinstance(leases.take(tx, key, now + timedelta(hours=1), now), Lease)
    before = dump(database_file)
    seconds = iter(range(0, 1000, 30))
    monkeypatch.setattr(mailbox_lease, "monotonic", lambda: next(seconds))

    def others_can_store(_: float) -> None:
        with installation.db.transaction() as tx:
            tx.exec_driver_sql("UPDATE leases SET fence = fence")

    monkeypatch.setattr(mailbox_lease, "sleep", others_can_store)
    rehearsed = await run(installation, dry=True)

    assert "is being worked on by process" in str(rehearsed["error"])
    assert (rehearsed["fetched"], server.logins) == (0, 0)
    assert dump(database_file) == before
