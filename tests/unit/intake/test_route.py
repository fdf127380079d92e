"""A mailbox that several categories read: each gets what was sent to it, once, and nothing else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from listbridge import clock, message
from listbridge.intake import route as routing
from listbridge.intake.dispatch import dispatch_waiting
from listbridge.intake.readers import Reader, Readers
from listbridge.intake.tally import Tally
from listbridge.service.intake_round import whole_round
from storage import audit, categories, inbound, posts
from storage.database import Database
from storage.errors import StoreError
from tests.fakes.mailbox import FakeServer, breaks
from tests.fakes.office import general, letter

SLUGS = ("general", "dev", "ops")
GENERAL, DEV, OPS = (f"{slug}@example.org" for slug in SLUGS)


@dataclass
class House:
    """Three categories that read one mailbox."""

    db: Database
    server: FakeServer
    ids: dict[str, int]
    addresses: dict[str, str] = field(default_factory=dict)

    def readers(self, *polled: str) -> Readers:
        """Return everybody, of whom these are polled, or all."""
        every = {slug: self._reader(slug) for slug in SLUGS}
        return Readers(
            [every[slug] for slug in polled or SLUGS],
            [every[slug] for slug in SLUGS if polled and slug not in polled],
        )

    def _reader(self, slug: str) -> Reader:
        address = self.addresses.get(slug, f"{slug}@example.org")
        category = general(slug=slug, address=address, incoming=self.server.settings)
        return Reader(category, self.ids[slug], Tally(slug))

    def round(self, *polled: str) -> dict[str, Tally]:
        """Make one round; return the tallies."""
        readers = self.readers(*polled)
        whole_round(self.db, readers, self.server.open)
        return {one.category.slug: one.tally for one in readers.polled}

    def subjects(self) -> dict[str, list[str]]:
        """Return the subjects of the posts of each category, oldest first."""
        with self.db.reading() as tx:
            return {
                slug: [one.subject for one in posts.in_category(tx, self.ids[slug])]
                for slug in SLUGS
            }

    def shunted(self) -> list[inbound.Inbound]:
        """Return what was set aside."""
        with self.db.reading() as tx:
            return inbound.shunted(tx)

    def retry(self) -> None:
        """Have everything that was set aside tried again."""
        for one in self.shunted():
            with self.db.transaction() as tx:
                assert inbound.retry(tx, one.id)

    def waiting(self) -> list[tuple[str, bool]]:
        """Return with whom undecided messages are, and whether it is still open whose they are."""
        slugs = {number: slug for slug, number in self.ids.items()}
        with self.db.reading() as tx:
            found = inbound.backlog(tx, list(slugs), clock.now())
        return [(slugs[one.category_id], one.unrouted) for one in found]


@pytest.fixture
def house(db: Database, category_id: int, server: FakeServer) -> Iterator[House]:
    with db.transaction() as tx:
        new = {slug: categories.keep(tx, slug, f"{slug}@example.org").id for slug in SLUGS[1:]}
    one = House(db, server, {"general": category_id, **new})
    yield one
    with db.reading() as tx:
        assert audit.problems(tx) == []


def counts(tallies: dict[str, Tally], *names: str) -> dict[str, tuple[Any, ...]]:
    return {slug: tuple(getattr(one, name) for name in names) for slug, one in tallies.items()}


def test_a_message_to_two_becomes_one_post_in_each(house: House) -> None:
    house.server.deliver(letter(1, To=f"{GENERAL}, {DEV}"), letter(2, To=OPS))

    tallies = house.round()

    assert house.subjects() == {"general": ["1"], "dev": ["1"], "ops": ["2"]}
    assert house.server.messages == []
    assert counts(tallies, "fetched", "deleted", "posts", "error") == dict.fromkeys(
        SLUGS, (1, 1, 1, None)
    )


def test_nothing_is_left_and_the_next_round_finds_nothing(house: House) -> None:
    house.server.deliver(letter(1, To=f"{GENERAL}, {DEV}, {OPS}"))
    house.round()

    tallies = house.round()

    assert house.waiting() == house.shunted() == []
    assert counts(tallies, "fetched", "posts", "duplicates") == dict.fromkeys(SLUGS, (0, 0, 0))


def test_two_copies_from_the_provider_are_one_post_in_each(house: House) -> None:
    both = f"{GENERAL}, {DEV}"
    copies = [letter(1, To=both, Delivered_To=one) for one in (GENERAL, DEV)]
    house.server.deliver(*copies)

    tallies = house.round()

    assert house.subjects() == {"general": ["1"], "dev": ["1"], "ops": []}
    assert counts(tallies, "fetched", "posts", "duplicates") == {
        "general": (2, 1, 1),
        "dev": (2, 1, 1),
        "ops": (0, 0, 0),
    }


def test_the_same_bytes_again_are_a_duplicate_in_each(house: House) -> None:
    for _ in range(2):
        house.server.deliver(letter(1, To=f"{GENERAL}, {DEV}", message_id=""))
        tallies = house.round()

    assert house.subjects() == {"general": ["1"], "dev": ["1"], "ops": []}
    assert counts(tallies, "posts", "duplicates") == {
        "general": (0, 1),
        "dev": (0, 1),
        "ops": (0, 0),
    }


def test_a_message_that_a_server_forgets_to_have_deleted_comes_to_rest(house: House) -> None:
    """It comes under new names each time, for who is not even the lead."""
    for _ in range(5):
        house.server.deliver(letter(1, To=DEV))
        tallies = house.round()

    assert house.subjects() == {"general": [], "dev": ["1"], "ops": []}
    assert counts(tallies, "fetched", "duplicates")["dev"] == (0, 0)
    assert all("still offers 1 messages" in (one.error or "") for one in tallies.values())


def test_what_an_earlier_pass_could_not_delete_is_a_leftover_for_all(house: House) -> None:
    house.server.deliver(letter(1, To=f"{DEV}, {OPS}"))
    house.server.on["delete 1"] = breaks
    first = house.round()
    house.server.on = {}

    second = house.round()

    assert counts(first, "fetched", "deleted", "posts")["dev"] == (1, 0, 1)
    assert counts(second, "fetched", "deleted", "posts", "duplicates")["dev"] == (0, 1, 0, 0)
    assert house.server.messages == []


def test_what_was_sent_to_none_is_shunted_and_a_retry_looks_anew(house: House) -> None:
    house.server.deliver(letter(1, To="wiki@example.org"), letter(2, To=DEV))

    tallies = house.round()
    [aside] = house.shunted()

    assert counts(tallies, "fetched", "deleted", "posts", "shunted", "error") == {
        "general": (1, 1, 0, 1, None),
        "dev": (1, 1, 1, 0, None),
        "ops": (0, 0, 0, 0, None),
    }
    assert aside.reason == (
        f"it was sent to none of {DEV}, {GENERAL}, {OPS}, which share this mailbox"
    )
    house.addresses["ops"] = "wiki@example.org"
    house.retry()
    again = house.round()
    assert house.subjects() == {"general": [], "dev": ["2"], "ops": ["1"]}
    assert counts(again, "fetched", "posts", "shunted")["ops"] == (0, 1, 0)


def test_a_copy_that_came_after_what_was_set_aside_stays_the_post(house: House) -> None:
    """Without a Message-ID only the bytes tell that the two are the same."""
    same = letter(1, To="wiki@example.org", message_id="")
    house.server.deliver(same)
    house.round()
    house.addresses["dev"] = "wiki@example.org"
    house.server.deliver(same)
    house.round()

    house.retry()
    tallies = house.round()

    assert house.subjects() == {"general": [], "dev": ["1"], "ops": []}
    assert counts(tallies, "posts", "duplicates", "shunted")["dev"] == (0, 1, 0)


def test_what_is_set_aside_with_the_lead_keeps_the_same_bytes_from_nobody(house: House) -> None:
    same = letter(1, To="wiki@example.org", message_id="")
    house.server.deliver(same)
    house.round()
    house.addresses["general"] = "wiki@example.org"
    house.server.deliver(same)

    tallies = house.round()

    assert counts(tallies, "posts", "duplicates")["general"] == (1, 0)


def test_a_header_beyond_the_limits_sets_that_message_alone_aside(house: House) -> None:
    large = letter(2, To=DEV).replace(b"\r\n\r\n", b"\r\nX: " + b"x" * 300_000 + b"\r\n\r\n", 1)
    house.server.deliver(letter(1, To=DEV), large, letter(3, To=DEV))

    tallies = house.round()

    assert house.subjects()["dev"] == ["1", "3"]
    assert [one.reason for one in house.shunted()] == ["a header block is larger than 256 KB"]
    assert tallies["general"].shunted == 1


def test_whatever_reading_raises_the_others_get_their_mail(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = message.head

    def fails(raw: bytes) -> message.Head:
        if b"Subject: 2\r\n" in raw:
            raise ZeroDivisionError
        return head(raw)

    monkeypatch.setattr(routing.message, "head", fails)
    house.server.deliver(*(letter(number, To=DEV) for number in (1, 2, 3)))

    house.round()

    assert house.subjects()["dev"] == ["1", "3"]
    [aside] = house.shunted()
    assert aside.reason == "handling it failed: ZeroDivisionError"


def test_one_on_which_the_program_died_thrice_is_left_alone(house: House) -> None:
    house.server.deliver(letter(1, To=DEV), letter(2, To=DEV))
    taken_in(house)
    with house.db.transaction() as tx:
        first = inbound.backlog(tx, list(house.ids.values()), clock.now())[0]
        for _ in range(3):
            inbound.begin(tx, first.id)

    house.round()

    assert house.subjects()["dev"] == ["2"]
    assert "the program ended 3 times" in (house.shunted()[0].reason or "")


def taken_in(house: House, *polled: str) -> None:
    """Store what lies in the mailbox, and let the program die before it is routed."""
    readers = house.readers(*polled)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("listbridge.intake.dispatch.route", dies)
        with pytest.raises(KeyboardInterrupt):
            whole_round(house.db, readers, house.server.open)


def test_trouble_of_the_database_leaves_it_unrouted_and_costs_no_attempt(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise StoreError("the disk is full")

    house.server.deliver(letter(1, To=DEV), letter(2, To=DEV))
    with monkeypatch.context() as patch:
        patch.setattr(routing.unrouted, "give", fails)
        tallies = house.round()

    assert house.waiting() == [("general", True)] * 2
    assert house.server.messages == []
    assert {one.error for one in tallies.values()} == {"the disk is full"}
    with house.db.reading() as tx:
        assert {
            one.attempts for one in inbound.backlog(tx, list(house.ids.values()), clock.now())
        } == {0}
    house.round()
    assert house.subjects()["dev"] == ["1", "2"]


def test_what_one_is_polled_for_alone_waits_for_the_others(house: House) -> None:
    house.server.deliver(letter(1, To=f"{GENERAL}, {OPS}"), letter(2, To=DEV))

    tallies = house.round("ops")

    assert house.waiting() == [("general", False), ("dev", False)]
    assert counts(tallies, "fetched", "deleted", "posts") == {"ops": (1, 1, 1)}
    assert house.server.messages == []
    house.round()
    assert house.subjects() == {"general": ["1"], "dev": ["2"], "ops": ["1"]}


def test_what_was_with_another_lead_is_routed_too(house: House) -> None:
    house.server.deliver(letter(1, To=GENERAL), letter(2, To=OPS))
    taken_in(house, "ops", "dev")
    assert house.waiting() == [("ops", True)] * 2

    house.round("general")

    assert house.subjects() == {"general": ["1"], "dev": [], "ops": []}
    assert house.waiting() == [("ops", False)]


def test_unrouted_mail_of_who_reads_alone_by_now_is_never_taken_for_his_own(house: House) -> None:
    house.server.deliver(letter(1, To=DEV), letter(2, To=GENERAL))
    taken_in(house)
    alone = replace(house.readers("general"), others=())

    dispatch_waiting(house.db, alone)

    assert house.subjects()["general"] == ["2"]
    [aside] = house.shunted()
    assert aside.reason == f"it was sent to none of {GENERAL}, which share this mailbox"


def test_who_has_routed_it_first_is_not_overruled(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.server.deliver(letter(1, To=DEV), letter(2, To=f"{DEV}, {OPS}"))
    taken_in(house)
    head = message.head
    between: list[Callable[[], None]] = [lambda: dispatch_waiting(house.db, house.readers())]

    def overtaken(raw: bytes) -> message.Head:
        if between:
            between.pop()()
        return head(raw)

    monkeypatch.setattr(routing.message, "head", overtaken)

    dispatch_waiting(house.db, house.readers())

    assert house.subjects() == {"general": [], "dev": ["1", "2"], "ops": ["2"]}
    with house.db.reading() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM inbound").scalar() == 3


def test_what_is_still_unrouted_is_not_decided(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.server.deliver(letter(1, To=GENERAL))
    monkeypatch.setattr("listbridge.intake.dispatch.route", lambda *_: None)

    house.round()

    assert house.waiting() == [("general", True)]


def test_a_category_that_shares_with_nobody_asks_nothing_of_the_header(house: House) -> None:
    readers = replace(house.readers("general"), others=())
    house.server.deliver(letter(1, To="whoever@example.net"))

    whole_round(house.db, readers, house.server.open)

    assert house.subjects()["general"] == ["1"]
