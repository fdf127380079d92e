"""Passes over mailboxes that misbehave: everything stored once, nothing deleted too soon."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import event

from listbridge import clock
from listbridge.intake import poll as polling
from listbridge.intake.tally import Tally
from listbridge.mailbox import MailboxError
from storage import leases, raw_messages
from storage.database import Tx
from storage.errors import LeaseLost, StoreError
from storage.leases import Lease
from storage.states import Trouble
from tests.fakes.mailbox import HOST, FakeServer, Stored, breaks
from tests.fakes.office import Office, letter

At = Callable[[timedelta], None]
BOTH = pytest.mark.parametrize("protocol", ["imap", "pop3"])


@pytest.fixture(autouse=True)
def _speaking(server: FakeServer, request: pytest.FixtureRequest) -> None:
    """Let the server speak what the test asks for."""
    if "protocol" in request.fixturenames:
        server.protocol = request.getfixturevalue("protocol")


def counted(tally: Tally) -> tuple[int, int, int, int]:
    """Return fetched, deleted, posts and duplicates."""
    return tally.fetched, tally.deleted, tally.posts, tally.duplicates


@BOTH
def test_what_lies_there_is_stored_deleted_and_posted(office: Office, protocol: str) -> None:
    raws = [letter(n) for n in range(5)]
    office.server.deliver(*raws)
    office.server.batch = 2

    tally = office.round()

    assert (counted(tally), tally.error) == ((5, 5, 5, 0), None)
    assert (office.server.lying_there(), office.server.gone) == ([], raws)
    assert office.subjects() == ["0", "1", "2", "3", "4"]
    assert office.count("arrivals", "gone_at IS NULL") == 0
    assert office.server.steps[-1] == "finish"


@BOTH
def test_the_bytes_are_stored_as_they_came(office: Office, protocol: str) -> None:
    raw = b"From: x\rSubject: \x00\xff\nbare\r\r\n\n.\r\n"
    office.server.deliver(raw)

    office.round()

    with office.db.reading() as tx:
        assert raw_messages.read(tx, 1) == raw


@BOTH
def test_an_empty_mailbox_is_no_trouble(office: Office, protocol: str) -> None:
    assert office.round() == Tally("general")


@BOTH
def test_an_empty_message_is_stored_set_aside_and_deleted(office: Office, protocol: str) -> None:
    office.server.deliver(b"")

    tally = office.round()

    assert (tally.fetched, tally.deleted) == (1, 1)
    assert office.count("raw_messages", "size = 0") == 1
    assert office.count("posts", "state = 'accepted'") == 0


@BOTH
@pytest.mark.parametrize("step", ["open", "list", "fetch 1", "fetch 2", "delete 1", "delete 2"])
def test_a_connection_that_breaks_anywhere_loses_and_repeats_nothing(
    office: Office, protocol: str, step: str
) -> None:
    office.server.deliver(*[letter(n) for n in range(4)])
    office.server.batch = 2
    office.server.on = {step: breaks}
    first = office.round()
    office.server.on = {}

    second = office.round()

    assert first.error == f"{HOST} closed the connection"
    assert second.error is None
    assert office.server.lying_there() == []
    assert sorted(office.subjects()) == ["0", "1", "2", "3"]
    assert first.fetched + second.fetched == first.deleted + second.deleted == 4
    assert first.duplicates + second.duplicates == 0


@BOTH
@pytest.mark.parametrize("step", ["list", "fetch 1", "fetch 2", "delete 1", "finish"])
def test_after_trouble_the_connection_is_dropped_and_not_ended(
    office: Office, protocol: str, step: str
) -> None:
    office.server.deliver(*[letter(n) for n in range(3)])
    office.server.batch = 2
    office.server.on = {step: breaks}

    office.round()

    assert office.server.steps[-2:] == [step, "drop"]


@BOTH
@pytest.mark.parametrize("trouble", [StoreError("the disk is full"), KeyboardInterrupt()])
def test_what_cannot_be_committed_is_not_deleted_and_the_connection_is_dropped(
    office: Office,
    protocol: str,
    trouble: BaseException,
    told: Callable[[str], list[dict[str, Any]]],
) -> None:
    office.server.deliver(*[letter(n) for n in range(4)])
    office.server.batch = 2
    tally, lease = Tally("general"), office.lease()
    # The mailbox's id, the listing, the first batch, over IMAP its deletion; then the second batch.
    fifth_or_fourth = {"imap": 5, "pop3": 4}[protocol]
    with failing_commit(office, fifth_or_fourth, trouble), pytest.raises(type(trouble)):
        office.poll(tally, lease)

    assert office.server.steps[-2:] == ["fetch 2", "drop"]
    assert (tally.fetched, office.count("inbound")) == (2, 2)
    assert len(told("message.received")) == 2
    assert len(office.server.lying_there()) == {"imap": 2, "pop3": 4}[protocol]


@BOTH
@pytest.mark.parametrize("step", ["list", "fetch 1"])
def test_who_has_lost_the_lease_stores_nothing_and_deletes_nothing(
    office: Office, protocol: str, step: str
) -> None:
    office.server.deliver(letter(1))
    office.round()
    office.server.deliver(letter(2))
    # While this process was stopped, another one took over.
    office.server.on = {step: lambda: take_over(office) and None}
    tally = Tally("general")

    with pytest.raises(LeaseLost):
        office.poll(tally)

    assert tally == Tally("general")
    assert office.server.lying_there() == [letter(2)]
    assert office.count("inbound") == 1
    assert office.server.steps[-1] == "drop"


def test_who_has_lost_the_lease_does_not_take_for_returned_what_the_other_deleted(
    office: Office,
) -> None:
    office.server.deliver(letter(1))

    def other_process() -> None:
        office.server.on = {}
        office.poll(Tally("general"), take_over(office))

    # It has logged in and is stopped before it looks, so that what it sees is old.
    office.server.on = {"list": other_process}
    with pytest.raises(LeaseLost):
        office.poll(Tally("general"))

    assert office.count("arrivals", "returned > 0") == 0


@BOTH
def test_a_lease_is_prolonged_with_each_batch(office: Office, protocol: str, at: At) -> None:
    office.server.deliver(*[letter(n) for n in range(6)])
    office.server.batch = 1
    lease = office.lease()

    def an_hour_passes() -> None:
        with office.db.transaction() as tx:
            other = leases.take(tx, "mailbox", clock.now() + timedelta(hours=9), clock.now())
        assert isinstance(other, leases.Holder)

    at(timedelta(hours=1))
    office.server.on = {"fetch 3": an_hour_passes}
    tally = Tally("general")
    office.poll(tally, lease)

    assert tally.deleted == 6


def test_a_new_uidvalidity_makes_nothing_twice_and_deletes_nothing_wrong(office: Office) -> None:
    raws = [letter(n) for n in range(4)]
    office.server.deliver(*raws[:3])
    office.server.on = {"delete 1": breaks}
    first = office.round()
    office.server.on = {}
    office.server.renumber()
    office.server.deliver(raws[3])

    second = office.round()

    assert (counted(first), counted(second)) == ((3, 0, 3, 0), (1, 4, 1, 0))
    assert sorted(office.server.gone) == sorted(raws)
    assert second.error is None


@pytest.mark.parametrize(
    "step", ["open", "list", "fetch 1", "fetch 2", "delete 1", "delete 2", "finish"]
)
def test_a_uidvalidity_that_changes_inside_a_pass_harms_nothing(office: Office, step: str) -> None:
    raws = [letter(n) for n in range(4)]
    office.server.deliver(*raws)
    office.server.batch = 2
    office.server.on = {step: office.server.renumber}
    first = office.round()
    office.server.on = {}

    second = office.round()

    assert sorted(office.subjects()) == ["0", "1", "2", "3"]
    assert first.fetched + second.fetched == first.deleted + second.deleted == 4
    assert first.duplicates + second.duplicates == 0
    assert sorted(office.server.gone) == sorted(raws)


def test_a_folder_without_uidvalidity_is_read_again_and_nothing_is_posted_twice(
    office: Office,
) -> None:
    office.server.uidvalidity = None
    office.server.deliver(letter(1))
    office.server.on = {"delete 1": breaks}
    office.round()
    office.server.on = {}

    tally = office.round()

    assert counted(tally) == (0, 1, 0, 0)
    assert office.server.read == [letter(1)] * 2


def test_over_imap_a_leftover_is_deleted_without_reading_it_again(
    office: Office, told: Callable[[str], list[dict[str, Any]]]
) -> None:
    office.server.deliver(letter(1))
    office.server.on = {"delete 1": breaks}
    office.round()
    office.server.on = {}

    tally = office.round()

    assert counted(tally) == (0, 1, 0, 0)
    assert office.server.read == [letter(1)]
    assert [one["count"] for one in told("message.leftover")] == [1]


NAMES: dict[str, Callable[[Stored, int], str | None]] = {
    "names that last": lambda one, login: f"u{one.uid}",
    "no names": lambda one, login: None,
    "new names at each login": lambda one, login: f"{login}-{one.uid}",
}


@pytest.mark.parametrize("quit_lost", ["before", "after"])
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_lost_quit_costs_a_second_look_and_no_more(
    office: Office, name: Callable[[Stored, int], str | None], quit_lost: str
) -> None:
    office.server.protocol = "pop3"
    office.server.name = name
    office.server.deliver(letter(1), letter(2), letter(3))
    office.server.loses_quit = quit_lost
    first = office.round()
    office.server.loses_quit = ""
    office.server.deliver(letter(4))

    second = office.round()

    left = 3 if quit_lost == "before" else 0
    assert (counted(first), counted(second)) == ((3, 0, 3, 0), (1, 1 + left, 1, 0))
    assert first.error == f"{HOST} closed the connection"
    assert second.error is None
    assert office.server.lying_there() == []
    assert office.count("arrivals", "gone_at IS NULL") == 0


@pytest.mark.parametrize("quit_lost", ["", "before", "after"])
def test_a_uidl_used_again_is_another_message(office: Office, quit_lost: str) -> None:
    office.server.protocol = "pop3"
    # The name is the place in the mailbox, counted from one.
    office.server.name = lambda one, _: str(office.server.messages.index(one) + 1)
    for number in range(4):
        office.server.deliver(letter(number))
        office.server.loses_quit = quit_lost if number % 2 else ""
        office.round()

    office.server.loses_quit = ""
    office.round()

    assert office.subjects() == ["0", "1", "2", "3"]
    assert office.server.lying_there() == []


@BOTH
def test_equal_bytes_that_lie_there_together_are_a_post_and_a_duplicate(
    office: Office, protocol: str
) -> None:
    office.server.deliver(letter(1), letter(1))

    assert counted(office.round()) == (2, 2, 1, 1)


@BOTH
def test_equal_bytes_that_come_later_are_a_duplicate(office: Office, protocol: str) -> None:
    office.server.deliver(letter(1))
    office.round()
    office.server.deliver(letter(1))

    tally = office.round()

    assert (counted(tally), tally.error) == ((1, 1, 0, 1), None)


def test_over_imap_equal_bytes_beside_a_leftover_are_a_duplicate(office: Office) -> None:
    office.server.deliver(letter(1))
    office.server.on = {"delete 1": breaks}
    office.round()
    office.server.on = {}
    office.server.deliver(letter(1))

    assert counted(office.round()) == (1, 2, 0, 1)


def test_over_imap_equal_bytes_under_a_new_uid_are_no_leftover(office: Office) -> None:
    office.server.deliver(letter(1), letter(2))
    office.server.on = {"delete 1": breaks}
    office.round()
    office.server.on = {}
    # Another client takes the leftover away, and the very same bytes come once more.
    del office.server.messages[0]
    office.server.deliver(letter(1))

    assert counted(office.round()) == (1, 2, 0, 1)


def test_one_leftover_explains_one_message_only(office: Office) -> None:
    office.server.protocol = "pop3"
    office.server.name = NAMES["no names"]
    office.server.deliver(letter(1))
    office.server.loses_quit = "before"
    office.round()
    office.server.loses_quit = ""
    office.server.deliver(letter(1))

    assert counted(office.round()) == (1, 2, 0, 1)


@BOTH
def test_ten_passes_over_a_server_that_forgets_deletions_post_everything_once(
    office: Office, protocol: str, at: At
) -> None:
    office.server.forgets = True
    tallies = []
    for minute in range(10):
        at(timedelta(minutes=minute))
        office.server.deliver(letter(minute))
        tallies.append(office.round())

    assert office.subjects() == [str(n) for n in range(10)]
    assert [(t.fetched, t.posts, t.duplicates) for t in tallies] == [(1, 1, 0)] * 10
    assert tallies[0].error is None
    assert all(t.error and HOST in t.error for t in tallies[1:])
    # Twice at once, then ever more rarely: the first one was touched at minutes 0 to 3 only.
    touched = office.server.gone if protocol == "imap" else office.server.read
    assert touched.count(letter(0)) == 4


@pytest.mark.parametrize("name", ["no names", "new names at each login"])
def test_a_pop3_server_that_forgets_deletions_and_names_posts_nothing_twice(
    office: Office, name: str, at: At
) -> None:
    office.server.protocol, office.server.forgets = "pop3", True
    office.server.name = NAMES[name]
    tallies = []
    for minute in range(10):
        at(timedelta(minutes=minute))
        office.server.deliver(letter(minute))
        tallies.append(office.round())

    assert office.subjects() == [str(minute) for minute in range(10)]
    # Three times the same bytes may be mail; then it is known whose doing it is, and nothing grows.
    assert [tally.trouble for tally in tallies] == [None] * 3 + [Trouble.DELETIONS] * 7
    assert [tally.fetched for tally in tallies] == [1, 2] + [3] * 8
    assert office.count("inbound") == office.count("arrivals") == 27


@BOTH
def test_a_server_that_refuses_deletions_is_not_read_from_over_and_over(
    office: Office, protocol: str, at: At
) -> None:
    office.server.refuses = True
    tallies = []
    for minute in range(10):
        at(timedelta(minutes=minute))
        office.server.deliver(letter(minute))
        tallies.append(office.round())

    assert office.subjects() == [str(n) for n in range(10)]
    assert [(t.fetched, t.deleted) for t in tallies] == [(1, 0)] * 10
    assert all(t.error and HOST in t.error for t in tallies)
    assert office.server.read.count(letter(0)) == {"imap": 1, "pop3": 3}[protocol]

    office.server.refuses = False
    at(timedelta(days=2))
    tally = office.round()

    assert (tally.deleted, tally.error) == (10, None)
    assert office.server.lying_there() == []


def test_a_server_that_never_answers_quit_is_not_read_from_over_and_over(
    office: Office, at: At
) -> None:
    office.server.protocol, office.server.loses_quit = "pop3", "before"
    office.server.deliver(letter(1))
    for minute in range(10):
        at(timedelta(minutes=minute))
        office.round()

    assert office.server.read.count(letter(1)) == 3
    assert office.subjects() == ["1"]


@BOTH
def test_what_the_server_does_not_give_away_stays_and_is_named(
    office: Office, protocol: str
) -> None:
    office.server.deliver(letter(1), unreadable="the server sent no content for it")
    office.server.deliver(letter(2), unreadable="the server sent no content for it")
    office.server.deliver(letter(3))

    tally = office.round()

    assert counted(tally) == (1, 1, 1, 0)
    assert office.server.lying_there() == [letter(1), letter(2)]
    assert tally.error is not None
    assert HOST in tally.error
    assert tally.error.count("no content") == 1


def test_what_another_client_has_flagged_is_neither_read_nor_deleted(office: Office) -> None:
    office.server.deliver(letter(1), flagged=True)
    office.server.deliver(letter(2))

    tally = office.round()

    assert counted(tally) == (1, 1, 1, 0)
    assert office.server.lying_there() == [letter(1)]
    assert office.server.read == [letter(2)]


def test_what_we_flagged_before_a_crash_is_deleted(office: Office) -> None:
    office.server.deliver(letter(1))

    def flags_and_breaks() -> None:
        office.server.messages[0].flagged = True
        breaks()

    office.server.on = {"delete 1": flags_and_breaks}
    office.round()
    office.server.on = {}

    assert counted(office.round()) == (0, 1, 0, 0)
    assert office.server.lying_there() == []


@BOTH
def test_what_another_client_takes_away_while_we_fetch_is_not_missed(
    office: Office, protocol: str
) -> None:
    office.server.deliver(letter(1), letter(2), letter(3))
    office.server.on = {"fetch 1": lambda: office.server.messages.pop(1) and None}

    tally = office.round()

    assert (counted(tally), tally.error) == ((2, 2, 2, 0), None)
    assert office.subjects() == ["1", "3"]


def test_a_leftover_another_client_took_away_is_known_to_be_gone(office: Office) -> None:
    office.server.deliver(letter(1))
    office.server.on = {"delete 1": breaks}
    office.round()
    office.server.on = {}
    office.server.messages.clear()

    tally = office.round()

    assert counted(tally) == (0, 0, 0, 0)
    assert office.count("arrivals", "gone_at IS NULL") == 0


def test_a_server_that_finishes_nothing_is_cut_off_by_the_watchdog(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.server.deliver(letter(1))
    monkeypatch.setattr(polling, "Watchdog", BittenWatchdog)
    office.server.on = {"fetch 1": breaks}

    with pytest.raises(MailboxError, match="did not finish one more message within 0:05:00"):
        office.poll(Tally("general"))


class BittenWatchdog(polling.Watchdog):
    """One that bites at once."""

    def __enter__(self) -> "BittenWatchdog":
        self.has_bitten = True
        return self

    def __exit__(self, *_: object) -> None:
        """It has no thread to end."""


def take_over(office: Office) -> Lease:
    """Do what another process does that finds our lease run out."""
    later = clock.now() + timedelta(hours=1)
    with office.db.transaction() as tx:
        taken = leases.take(tx, "mailbox", later, later)
    assert isinstance(taken, Lease)
    return taken


@contextmanager
def failing_commit(office: Office, number: int, trouble: BaseException) -> Iterator[None]:
    """Let the commit of that number fail."""
    commits = count(1)

    def commit(_: Tx) -> None:
        if next(commits) == number:
            raise trouble

    event.listen(office.db._engine, "commit", commit)
    yield
    event.remove(office.db._engine, "commit", commit)
