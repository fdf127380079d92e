"""What a domain says of its servers in the DNS, asked of a real server on loopback."""

import time
from collections import Counter
from collections.abc import Iterator
from random import Random

import dns.rdata
import pytest

from listbridge.mailsession.providers import discovery
from listbridge.mailsession.providers.discovery import Announced, Discovery, look_up
from tests.fakes.dns_server import DnsServer

DOMAIN = "example.org"


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer() as server:
        yield server


def srv(server: DnsServer, service: str, *records: str) -> None:
    server.answers[f"_{service}._tcp.{DOMAIN}", "SRV"] = list(records)


def look(server: DnsServer) -> Discovery:
    return look_up(DOMAIN, server.resolver)


def test_the_servers_that_a_domain_names_are_found(server: DnsServer) -> None:
    srv(server, "imaps", "0 1 993 imap.example.org.")
    srv(server, "submissions", "0 1 465 smtp.Example.org.")

    found = look(server)

    assert found.incoming == Announced("imap", "imap.example.org", 993, "tls", True)
    assert found.outgoing == Announced("smtp", "smtp.example.org", 465, "tls", True)
    assert found.provider is None


def test_tls_from_the_start_is_preferred_and_imap_to_pop(server: DnsServer) -> None:
    srv(server, "imap", "0 1 143 imap.example.org.")
    srv(server, "pop3s", "0 1 995 pop.example.org.")
    srv(server, "submission", "0 1 587 smtp.example.org.")

    found = look(server)

    assert found.incoming == Announced("imap", "imap.example.org", 143, "starttls", True)
    assert found.outgoing == Announced("smtp", "smtp.example.org", 587, "starttls", True)


def test_a_service_that_is_not_offered_is_passed_over(server: DnsServer) -> None:
    srv(server, "imaps", "0 0 0 .")
    srv(server, "imap", "0 0 0 .")
    srv(server, "pop3s", "0 1 995 pop.example.org.")

    found = look(server)

    assert found.incoming == Announced("pop3", "pop.example.org", 995, "tls", True)


def test_the_lowest_priority_comes_first(server: DnsServer) -> None:
    srv(server, "imaps", "20 9 993 second.example.org.", "10 1 994 first.example.org.")

    found = look(server)

    assert found.incoming == Announced("imap", "first.example.org", 994, "tls", True)


def test_within_a_priority_servers_are_drawn_by_weight() -> None:
    records = [
        dns.rdata.from_text("IN", "SRV", text)
        for text in ("1 0 1 rarest.", "1 1 1 seldom.", "1 9 1 often.", "2 9 1 later.")
    ]
    chance = Random(1)

    orders = [
        [x.target.to_text() for x in discovery._in_order(records, chance.randint)]
        for _ in range(1000)
    ]

    first = Counter(order[0] for order in orders)
    assert 750 < first["often."] < 900
    # The number 0 is drawn as well, so that weight 0 keeps a small chance.
    assert 50 < first["seldom."] < 150
    assert 50 < first["rarest."] < 150
    assert all(order[3] == "later." for order in orders)


@pytest.mark.parametrize("host", ["imap.example.com.", "imap.notexample.org.", "example.org.evil."])
def test_a_server_elsewhere_has_to_be_confirmed(server: DnsServer, host: str) -> None:
    srv(server, "imaps", f"0 1 993 {host}")

    found = look(server)

    assert found.incoming is not None
    assert not found.incoming.is_within


@pytest.mark.parametrize(
    ("exchangers", "name"),
    [
        (["10 alt1.aspmx.l.google.com.", "1 aspmx.l.google.com."], "google-workspace"),
        (["0 example-org.mail.protection.outlook.com."], "microsoft-365"),
        (["10 in1-smtp.messagingengine.com."], "fastmail"),
        (["10 mx.zoho.eu."], "zoho-eu-domain"),
        (["5 mx.example.org.", "10 aspmx.l.google.com."], "google-workspace"),
        (["0 ."], None),
        (["10 mail.example.org."], None),
    ],
)
def test_a_hosted_domain_is_known_by_its_mail_exchangers(
    server: DnsServer, exchangers: list[str], name: str | None
) -> None:
    server.answers[DOMAIN, "MX"] = exchangers

    found = look(server).provider

    assert (found.name if found else None) == name


@pytest.mark.parametrize("trouble", ["", "is_silent", "garbles"])
def test_without_an_answer_nothing_is_found_and_time_is_up_soon(
    server: DnsServer, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert discovery.PATIENCE_SECONDS == 2
    monkeypatch.setattr(discovery, "PATIENCE_SECONDS", 0.3)
    if trouble:
        setattr(server, trouble, True)
    began = time.monotonic()

    assert look(server) == Discovery()

    assert time.monotonic() - began < discovery.PATIENCE_SECONDS + 5


def test_no_domain_of_this_machine_is_tried_behind_the_name(server: DnsServer) -> None:
    resolver = server.resolver
    resolver.search = [dns.name.from_text("home.example.")]
    resolver.use_search_by_default = True

    look_up(DOMAIN, resolver)

    assert not [question for question in server.asked if "home" in question]


@pytest.mark.parametrize("domain", ["", "a..b", "x" * 300, "b\udcff.example", "[192.0.2.1]"])
def test_a_name_that_cannot_be_asked_for_is_not_found(server: DnsServer, domain: str) -> None:
    assert look_up(domain, server.resolver) == Discovery()


def test_a_machine_without_name_servers_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "system_resolver", lambda: None)

    assert look_up(DOMAIN) == Discovery()
