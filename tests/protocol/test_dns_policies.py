"""Policies by domain, asked of a real server on loopback."""

import time
from collections.abc import Iterator

import pytest

from listbridge.dmarc import Policies, Policy, policies
from listbridge.nameservers import Resolver
from tests.fakes.dns_server import DnsServer


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer({("_dmarc.example.org", "TXT"): ['"v=DMARC1; " "p=reject"']}) as server:
        yield server


@pytest.fixture
def known(server: DnsServer) -> Policies:
    return Policies(lambda: resolver_of(server))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> "Clock":
    clock = Clock(time.monotonic)
    monkeypatch.setattr(policies.time, "monotonic", clock)
    return clock


class Clock:
    """The monotonic clock, which can be put forward."""

    def __init__(self, real: "type[time.monotonic]") -> None:
        self._real = real
        self.ahead = 0.0

    def __call__(self) -> float:
        return self._real() + self.ahead


def resolver_of(server: DnsServer) -> Resolver:
    resolver = server.resolver
    resolver.timeout = 0.45
    return resolver


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a tenth of the time that is allowed."""
    monkeypatch.setattr(policies, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(policies, "FIRST_WORD_SECONDS", 0.1)


def one(known: Policies, domain: str) -> Policy:
    return known.of([domain])[domain]


def test_the_record_of_a_domain_is_its_policy(known: Policies) -> None:
    assert one(known, "example.org") is Policy.REJECT


@pytest.mark.parametrize("kind", ["MX 0 mail.example.net.", "A 192.0.2.1", "AAAA 2001:db8::1"])
def test_a_domain_that_exists_and_says_nothing_has_no_policy(
    known: Policies, server: DnsServer, kind: str
) -> None:
    name, _, record = kind.partition(" ")
    server.answers["example.net", name] = [record]

    assert one(known, "example.net") is Policy.ABSENT


def test_of_a_domain_that_does_not_exist_nothing_is_known(known: Policies) -> None:
    assert one(known, "example.invalid") is Policy.UNKNOWN


def test_several_domains_are_asked_for_together(known: Policies, server: DnsServer) -> None:
    names = [f"d{number}.example" for number in range(40)]
    server.answers |= {(f"_dmarc.{name}", "TXT"): ['"v=DMARC1; p=none"'] for name in names}

    assert known.of([*names, "example.org"]) == dict.fromkeys(names, Policy.NONE) | {
        "example.org": Policy.REJECT
    }


def test_what_is_known_is_not_asked_for_again(known: Policies, server: DnsServer) -> None:
    known.of(["example.org", "example.net", "fails.example"])
    before = len(server.asked)

    known.of(["example.org", "example.net", "fails.example"])

    assert len(server.asked) == before


@pytest.mark.parametrize(("ttl", "lasting"), [(1, 300), (4000, 4000), (10_000_000, 86400)], ids=str)
def test_a_policy_is_known_as_long_as_its_record_lasts_within_bounds(
    known: Policies, server: DnsServer, clock: Clock, ttl: int, lasting: int
) -> None:
    server.ttl = ttl
    one(known, "example.org")
    server.answers["_dmarc.example.org", "TXT"] = ['"v=DMARC1; p=none"']

    clock.ahead = lasting - 10
    assert one(known, "example.org") is Policy.REJECT
    clock.ahead = lasting + 10
    assert one(known, "example.org") is Policy.NONE


def test_that_there_is_none_is_known_for_ten_minutes(
    known: Policies, server: DnsServer, clock: Clock
) -> None:
    one(known, "example.invalid")
    server.answers["_dmarc.example.invalid", "TXT"] = ['"v=DMARC1; p=none"']

    clock.ahead = 590
    assert one(known, "example.invalid") is Policy.UNKNOWN
    clock.ahead = 610
    assert one(known, "example.invalid") is Policy.NONE


def test_a_failure_is_known_for_a_minute_and_costs_no_other_domain(
    known: Policies, server: DnsServer, clock: Clock
) -> None:
    server.failing.add("_dmarc.fails.example")
    assert known.of(["fails.example", "example.org"]) == {
        "fails.example": Policy.UNKNOWN,
        "example.org": Policy.REJECT,
    }
    server.failing.clear()
    server.answers["_dmarc.fails.example", "TXT"] = ['"v=DMARC1; p=none"']

    clock.ahead = 50
    assert one(known, "fails.example") is Policy.UNKNOWN
    clock.ahead = 70
    assert one(known, "fails.example") is Policy.NONE


@pytest.mark.parametrize("trouble", ["is_silent", "garbles"])
@pytest.mark.usefixtures("impatient")
def test_a_dead_resolver_is_asked_once_a_minute(
    known: Policies, server: DnsServer, clock: Clock, trouble: str
) -> None:
    setattr(server, trouble, True)
    assert one(known, "example.org") is Policy.UNKNOWN
    before = len(server.asked)
    setattr(server, trouble, False)

    clock.ahead = 50
    assert one(known, "example.org") is Policy.UNKNOWN
    assert len(server.asked) == before
    clock.ahead = 70
    assert one(known, "example.org") is Policy.REJECT


@pytest.mark.usefixtures("impatient")
def test_one_that_dies_later_is_found_out_by_the_next_question(
    known: Policies, server: DnsServer
) -> None:
    one(known, "example.org")
    server.is_silent = True

    one(known, "a.example.net")
    one(known, "b.example.net")
    before = len(server.asked)
    one(known, "c.example.net")

    assert len(server.asked) == before


@pytest.mark.usefixtures("impatient")
def test_a_domain_whose_servers_are_silent_costs_no_other_domain(
    known: Policies, server: DnsServer
) -> None:
    server.unanswered.add("_dmarc.silent.example")

    assert one(known, "silent.example") is Policy.UNKNOWN
    assert one(known, "example.org") is Policy.REJECT


def test_the_time_allowed_is_two_seconds_and_is_kept(known: Policies, server: DnsServer) -> None:
    assert policies.PATIENCE_SECONDS + 0.4 == 2
    server.unanswered.add("_dmarc.silent.example")
    server.unanswered.add("_dmarc.mute.example")
    began = time.monotonic()

    known.of(["silent.example", "mute.example"])

    assert time.monotonic() - began < policies.PATIENCE_SECONDS + 5


def test_a_resolver_that_refuses_a_question_is_not_dead(known: Policies, server: DnsServer) -> None:
    server.failing.add(".")

    assert one(known, "example.org") is Policy.REJECT


def test_a_machine_without_name_servers_knows_nothing() -> None:
    assert one(Policies(lambda: None), "example.org") is Policy.UNKNOWN


@pytest.mark.parametrize("domain", ["", "a..b", "x" * 300, "b\udcff.example", "[192.0.2.1]"])
def test_what_is_no_domain_is_unknown(known: Policies, domain: str) -> None:
    assert one(known, domain) is Policy.UNKNOWN


def test_no_more_is_remembered_than_there_is_room_for(
    known: Policies, server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "_MOST_REMEMBERED", 2)
    for domain in ("example.org", "a.example", "b.example"):
        one(known, domain)
    before = len(server.asked)

    one(known, "b.example")
    assert len(server.asked) == before
    one(known, "example.org")
    assert len(server.asked) == before + 1
