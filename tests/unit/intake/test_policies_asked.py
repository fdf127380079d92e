"""The policies of authors' domains decide about From, and are asked for before a lock is held."""

from collections.abc import Collection
from dataclasses import dataclass, field

import pytest

from listbridge import dmarc
from listbridge.dmarc import Policy
from listbridge.intake.simulate import simulate
from listbridge.submission import OutgoingSettings
from storage.database import Database
from tests.fakes.office import Office, general, letter

RELAY = OutgoingSettings(host="relay.example.org")


@dataclass
class Known:
    """What is known of domains; nobody may have the store locked while he asks."""

    db: Database
    policies: dict[str, Policy]
    asked: list[set[str]] = field(default_factory=list)

    def of(self, domains: Collection[str]) -> dict[str, Policy]:
        self.asked.append({*domains})
        with self.db.transaction() as tx:  # hangs if it is locked
            tx.exec_driver_sql("DELETE FROM leases WHERE 1 = 0")
        return {domain: self.policies.get(domain, Policy.UNKNOWN) for domain in domains}


@pytest.fixture
def known(office: Office, monkeypatch: pytest.MonkeyPatch) -> Known:
    known = Known(office.db, {"open.example": Policy.NONE, "shut.example": Policy.REJECT})
    monkeypatch.setattr(dmarc, "shared", known)
    office.category = general(outgoing=RELAY)
    return known


def froms(office: Office) -> list[bytes]:
    """Return the From of each copy in the outbox."""
    with office.db.reading() as tx:
        heads = tx.exec_driver_sql("SELECT head FROM outgoing ORDER BY id").scalars().all()
    return [line for head in heads for line in head.split(b"\r\n") if line.startswith(b"From:")]


def test_each_author_of_a_group_is_treated_by_his_own_domain(office: Office, known: Known) -> None:
    for number, domain in enumerate(("open.example", "shut.example", "dark.example")):
        office.hand_in(letter(number, From=f"ann@{domain}"))

    office.decide()

    assert [b"via" in one for one in froms(office)] == [False, True, True]
    assert known.asked == [{"open.example", "shut.example", "dark.example"}]


def test_a_message_that_is_decided_alone_is_asked_for_too(office: Office, known: Known) -> None:
    office.hand_in(letter(1, From="ann@open.example"))

    office.decide()

    assert [b"via" in one for one in froms(office)] == [False]


def test_nothing_is_asked_where_nothing_waits(office: Office, known: Known) -> None:
    office.decide()

    assert known.asked == []


def test_a_simulation_says_why(office: Office, known: Known) -> None:
    raw = letter(1, From="ann@shut.example")
    with office.db.reading() as tx:
        found = simulate(tx, office.category, office.category_id, raw, Policy.REJECT)

    assert found.from_reason is not None
    assert "shut.example" in found.from_reason
