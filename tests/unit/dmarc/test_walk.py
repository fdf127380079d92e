"""The tree walk of RFC 9989 4.10."""

from dataclasses import dataclass, field

import pytest

from listbridge.dmarc.record import Policy
from listbridge.dmarc.walk import Unanswered, policy_of


@dataclass
class Dns:
    """A DNS with these policy records, by domain."""

    records: dict[str, str]
    domains: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def texts(self, name: str) -> tuple[str, ...]:
        self.asked.append(name)
        text = self.records.get(name.removeprefix("_dmarc."))
        if text == "silence":
            raise Unanswered
        return () if text is None else tuple(f"v=DMARC1; {one}" for one in text.split(" | "))

    def exists(self, domain: str) -> bool:
        return domain in self.domains


CASES = [
    # domain, records, the policy
    ("example.org", {"example.org": "p=reject; sp=none"}, Policy.REJECT),
    ("a.example.org", {"example.org": "p=reject"}, Policy.REJECT),
    ("a.example.org", {"example.org": "p=reject; sp=none"}, Policy.NONE),
    ("a.example.org", {"example.org": "p=none; sp=quarantine"}, Policy.QUARANTINE),
    ("a.example.org", {"example.org": "p=none; np=reject"}, Policy.NONE),
    ("no.example.org", {"example.org": "p=none; np=reject"}, Policy.REJECT),
    ("a.example.org", {"a.example.org": "p=none", "example.org": "p=reject"}, Policy.NONE),
    # The highest one is the organisation's, unless a lower one says that it is.
    ("a.b.c.org", {"b.c.org": "p=none", "c.org": "p=reject"}, Policy.REJECT),
    ("a.b.c.org", {"b.c.org": "p=none; psd=n", "c.org": "p=reject"}, Policy.NONE),
    # A registry's is no organisation's; it counts where the organisation has none.
    ("a.b.org", {"b.org": "p=none", "org": "p=reject; psd=y"}, Policy.NONE),
    ("a.b.org", {"org": "p=none; sp=reject; psd=y"}, Policy.REJECT),
    ("b.org", {"org": "p=none; sp=reject; psd=y"}, Policy.REJECT),
    ("a.x.b.org", {"x.b.org": "p=reject", "org": "p=none; psd=y"}, Policy.NONE),
    ("a.b.c.org", {"c.org": "p=none; psd=y", "org": "p=reject"}, Policy.NONE),
    # Two of them count as none.
    ("example.org", {"example.org": "p=reject | p=none", "org": "p=quarantine"}, Policy.QUARANTINE),
    ("example.org", {}, Policy.ABSENT),
    ("nowhere.example", {}, Policy.UNKNOWN),
    ("localhost", {}, Policy.UNKNOWN),
]
EXISTING = {"example.org", "a.example.org", "a.b.org", "b.org", "a.b.c.org", "a.x.b.org"}


@pytest.mark.parametrize(("domain", "records", "expected"), CASES)
def test_the_policy_is_the_one_that_the_walk_finds(
    domain: str, records: dict[str, str], expected: Policy
) -> None:
    assert policy_of(domain, Dns(records, EXISTING)) is expected


def test_a_long_name_costs_eight_questions() -> None:
    dns = Dns({})

    policy_of("a.b.c.d.e.f.g.h.i.j.mail.example.com", dns)

    assert dns.asked == [  # the example of RFC 9989 4.10
        "_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "_dmarc.g.h.i.j.mail.example.com",
        "_dmarc.h.i.j.mail.example.com",
        "_dmarc.i.j.mail.example.com",
        "_dmarc.j.mail.example.com",
        "_dmarc.mail.example.com",
        "_dmarc.example.com",
        "_dmarc.com",
    ]


def test_a_domain_with_a_record_costs_one_question() -> None:
    dns = Dns({"a.example.org": "p=none"})

    policy_of("a.example.org", dns)

    assert dns.asked == ["_dmarc.a.example.org"]


def test_silence_on_the_way_is_no_absence() -> None:
    with pytest.raises(Unanswered):
        policy_of("a.example.org", Dns({"example.org": "silence", "org": "p=none"}))
