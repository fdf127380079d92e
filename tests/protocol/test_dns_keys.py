"""What `check` says of DKIM: keys that do not serve, and a DNS that does not know them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from listbridge import nameservers
from listbridge.message import signing_key
from listbridge.service.checking import Finding, check_category
from listbridge.service.checking.signatures import check_signatures, quoted
from listbridge.submission import DkimSettings, OutgoingSettings
from tests.fakes.dns_server import DnsServer
from tests.fakes.office import general
from tests.signatures import ed25519_pem, rsa_pem

NAME = "s1._domainkey.example.org"
RECORD = signing_key(rsa_pem()).record
P = RECORD.rpartition("p=")[2]


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "dkim.pem"
    path.write_text(rsa_pem())
    path.chmod(0o600)
    return path


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> Iterator[DnsServer]:
    """The name server that is asked; the key is published there."""
    with DnsServer({(NAME, "TXT"): [quoted(RECORD)]}) as server:
        monkeypatch.setattr(nameservers, "system_resolver", lambda: server.resolver)
        yield server


def found(
    key_file: Path, domain: str = "example.org", *, offline: bool = False
) -> dict[str, Finding]:
    settings = DkimSettings.model_validate({"domain": domain, "keys": {"s1": {"file": key_file}}})
    findings = check_signatures("chess", "chess@example.org", settings, offline=offline)
    return {one.what: one for one in findings}


def test_a_published_key_is_well(dns: DnsServer, key_file: Path) -> None:
    one = found(key_file)["outgoing dkim s1"]

    assert one.ok
    assert one.seen == (f"a key of RSA, 2048 bits, in {key_file}; {NAME} has its public key")
    assert dns.asked == [f"{NAME} TXT"]


@pytest.mark.parametrize(
    "record",
    [
        f"p={P}",
        f"v=DKIM1 ; p={P[:100]}  {P[100:]} ;",
        f"v=DKIM1; h=sha1:sha256; s=email; k=rsa; n=note; p={P}",
        f"v=DKIM1; s=*:tlsrpt; p={P}",
    ],
)
def test_it_may_be_written_in_other_ways(dns: DnsServer, key_file: Path, record: str) -> None:
    dns.answers[NAME, "TXT"] = ['"something else"', quoted(record)]

    assert found(key_file)["outgoing dkim s1"].ok


def test_a_test_is_told(dns: DnsServer, key_file: Path) -> None:
    dns.answers[NAME, "TXT"] = [quoted(f"v=DKIM1; t=y:s; p={P}")]

    assert "t=y: a test" in found(key_file)["outgoing dkim s1"].seen


PUBLISH = f"publish in the DNS: {NAME}. TXT {quoted(RECORD)}"


@pytest.mark.parametrize(
    ("published", "seen", "cure"),
    [
        ([], "has no TXT record with its public key", PUBLISH),
        (["v=spf1 -all"], "has no TXT record with its public key", PUBLISH),
        ([signing_key(ed25519_pem()).record], "has another key", PUBLISH),
        ([RECORD.replace(P, f"{P[:-8]}AwEAAQ==")], "has another key", PUBLISH),
        ([RECORD.replace("k=rsa", "k=ed25519")], "has another key", PUBLISH),
        (["v=DKIM1; p="], "is empty, by which a key is revoked", PUBLISH),
        ([f"v=DKIM1; h=sha1; p={P}"], "does not allow SHA-256", PUBLISH),
        ([f"v=DKIM1; s=tlsrpt; p={P}"], "does not allow mail", PUBLISH),
        ([RECORD, "v=DKIM1; p="], "has 2 such TXT records", f"leave one: {quoted(RECORD)}"),
    ],
)
def test_what_receivers_would_not_find_good_is_told_with_the_record_to_publish(
    dns: DnsServer, key_file: Path, published: list[str], seen: str, cure: str
) -> None:
    dns.answers.clear()
    if published:
        dns.answers[NAME, "TXT"] = [quoted(one) for one in published]

    one = found(key_file)["outgoing dkim s1"]

    assert not one.ok
    assert seen in one.seen
    assert one.cure == cure


def test_a_dns_that_fails_says_nothing_of_the_key(dns: DnsServer, key_file: Path) -> None:
    dns.failing.add(NAME)

    one = found(key_file)["outgoing dkim s1"]

    assert not one.ok
    assert f"no name server says whether {NAME} has its public key" in one.seen


def test_offline_only_the_key_is_looked_at(dns: DnsServer, key_file: Path) -> None:
    one = found(key_file, offline=True)["outgoing dkim s1"]

    assert one.ok
    assert dns.asked == []


def test_a_key_that_is_missing_is_told_with_the_command_that_makes_one(
    dns: DnsServer, tmp_path: Path
) -> None:
    one = found(tmp_path / "none")["outgoing dkim s1"]

    assert not one.ok
    assert (
        one.seen
        == f"the DKIM key file {tmp_path / 'none'} cannot be read: No such file or directory"
    )
    assert one.cure == f"make one with `openssl genrsa -out {tmp_path / 'none'} 2048`"
    assert dns.asked == []


def test_a_key_that_others_can_read_is_refused(dns: DnsServer, key_file: Path) -> None:
    key_file.chmod(0o644)

    one = found(key_file)["outgoing dkim s1"]

    assert (one.ok, one.cure) == (False, f"chmod 600 {key_file}")


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        ("example.org", "example.org vouches for mail from chess@example.org (DMARC)"),
        ("lists.example.org", "lists.example.org vouches for"),
        ("ample.org", "ample.org is not the domain of chess@example.org, so it does not"),
    ],
)
def test_whose_signature_it_is_is_said(
    dns: DnsServer, key_file: Path, domain: str, said: str
) -> None:
    one = found(key_file, domain)["outgoing dkim domain"]

    assert one.ok
    assert one.seen.startswith(said)


@pytest.mark.parametrize("offline", [True, False])
def test_a_category_is_checked_for_it(dns: DnsServer, key_file: Path, offline: bool) -> None:
    settings = {"domain": "example.org", "keys": {"s1": {"file": key_file}}}
    outgoing = OutgoingSettings.model_validate(
        {"host": "127.0.0.1", "port": 1, "security": "none", "dkim": settings}
    )

    findings = check_category(general(outgoing=outgoing), offline=offline)

    assert "outgoing dkim s1" in [one.what for one in findings]
    assert bool(dns.asked) is not offline
