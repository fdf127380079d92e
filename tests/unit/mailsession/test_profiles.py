"""The profiles that come with the program, and what follows from one."""

from importlib import resources

import pytest

from listbridge.mailbox import IncomingSettings
from listbridge.mailsession import providers
from listbridge.mailsession.providers import Profile, known
from listbridge.submission import OutgoingSettings

ALL = providers.names()
WANTED = {
    *("gmail", "google-workspace", "microsoft-365", "outlook", "fastmail", "icloud", "yahoo"),
    *("zoho", "zoho-eu", "gmx", "gmx-com", "web.de", "mailbox.org", "cpanel", "proton-bridge"),
    *("amazon-ses", "posteo", "t-online", "aol"),
}

GOOD = """
title = "Example"
domains = ["example.org"]
[imap]
host = "imap.{domain}"
port = 993
[smtp]
host = "smtp.example.org"
port = 465
[access]
kinds = ["password"]
[[sources]]
facts = ["servers", "domains", "access"]
url = "https://example.org/help"
looked_up = 2026-11-21
"""


def made(text: str = "", *, without: str = "") -> Profile:
    """Read a good profile with more of its last table, or without some lines."""
    kept = [line for line in GOOD.splitlines() if not without or without not in line]
    return known.read("example", "\n".join(kept) + text)


def mistakes(text: str) -> str:
    with pytest.raises(ValueError, match=r"^example\.toml: ") as err:
        known.read("example", text)
    return str(err.value)


def test_the_usual_providers_are_known() -> None:
    assert set(ALL) >= WANTED


@pytest.mark.parametrize("name", ALL)
def test_every_profile_makes_valid_settings(name: str) -> None:
    profile = providers.profile(name)

    for protocol in profile.incoming_protocols:
        incoming, _ = profile.tables("choir@example.org", protocol)
        settings = IncomingSettings.model_validate(incoming)
        assert settings.protocol == protocol
    _, outgoing = profile.tables("choir@example.org")
    assert OutgoingSettings.model_validate(outgoing).security != "none"


@pytest.mark.parametrize("name", ALL)
def test_every_profile_says_where_its_servers_were_found(name: str) -> None:
    sources = providers.profile(name).sources

    assert any("servers" in one.facts for one in sources)


@pytest.mark.parametrize("name", ALL)
def test_whoever_needs_more_than_a_password_is_told_what_to_do(name: str) -> None:
    access = providers.profile(name).access

    assert access.kinds[0] == "password" or access.steps


def test_no_domain_and_no_exchanger_belongs_to_two() -> None:
    profiles = [providers.profile(name) for name in ALL]
    for names in (
        [domain for one in profiles for domain in one.domains],
        [end for one in profiles for end in one.exchangers],
    ):
        assert len(names) == len(set(names))


def test_every_file_is_a_profile() -> None:
    folder = resources.files("listbridge.mailsession.providers") / "profiles"

    assert {one.name for one in folder.iterdir()} == {f"{name}.toml" for name in ALL}


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("choir@gmail.com", "gmail"),
        ("choir@GoogleMail.com", "gmail"),
        ("choir@outlook.de", "outlook"),
        ("choir@web.de", "web.de"),
        ("choir@example.org", None),
        ("choir@notgmail.com", None),
    ],
)
def test_an_address_belongs_to_its_domain_s_provider(address: str, name: str | None) -> None:
    found = providers.for_address(address)

    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("aspmx.l.google.com", "google-workspace"),
        ("SMTP.google.com.", "google-workspace"),
        ("example-org.mail.protection.outlook.com", "microsoft-365"),
        ("hotmail-com.olc.protection.outlook.com", "outlook"),
        ("in1-smtp.messagingengine.com", "fastmail"),
        ("mx.zoho.com", "zoho-domain"),
        ("mx2.zoho.eu", "zoho-eu-domain"),
        ("mail.protonmail.ch", "proton-bridge"),
        ("google.com.example.org", None),
        ("evilgoogle.com", None),
    ],
)
def test_a_hosted_domain_belongs_to_whom_its_mail_goes_to(host: str, name: str | None) -> None:
    found = providers.for_exchanger(host)

    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("IMAP.gmail.com", "google-workspace"),
        ("outlook.office365.com", "microsoft-365"),
        ("imap.gmx.net", "gmx"),
        ("smtp.fastmail.com", "fastmail"),
        ("imap.example.org", None),
        ("127.0.0.1", None),
    ],
)
def test_a_server_belongs_to_its_provider(host: str, name: str | None) -> None:
    found = providers.for_host(host)

    assert (found.name if found else None) == name


def test_gmail_is_deleted_from_by_way_of_the_trash() -> None:
    incoming, outgoing = providers.profile("gmail").tables("choir@gmail.com")

    assert incoming == {
        "protocol": "imap",
        "host": "imap.gmail.com",
        "port": 993,
        "security": "tls",
        "username": "choir@gmail.com",
        "after_fetch": "trash",
    }
    assert outgoing == {
        "host": "smtp.gmail.com",
        "port": 465,
        "security": "tls",
        "username": "choir@gmail.com",
        "max_per_day": 500,
    }


def test_over_pop3_nothing_is_moved() -> None:
    incoming, _ = providers.profile("gmail").tables("choir@gmail.com", "pop3")

    assert (incoming["host"], incoming["port"]) == ("pop.gmail.com", 995)
    assert "after_fetch" not in incoming


def test_a_protocol_that_is_not_offered_supplies_nothing() -> None:
    assert providers.profile("icloud").tables("choir@icloud.com", "pop3")[0] == {}
    assert providers.profile("amazon-ses").tables("choir@example.org")[0] == {}


def test_each_server_has_its_own_form_of_the_user_name() -> None:
    incoming, outgoing = providers.profile("icloud").tables("choir@icloud.com")

    assert (incoming["username"], outgoing["username"]) == ("choir", "choir@icloud.com")


def test_a_user_name_that_only_its_owner_knows_is_left_to_him() -> None:
    assert "username" not in providers.profile("amazon-ses").tables("choir@example.org")[1]


def test_a_host_may_follow_from_the_address() -> None:
    incoming, outgoing = providers.profile("cpanel").tables("choir@example.org")

    assert incoming["host"] == outgoing["host"] == "mail.example.org"


def test_where_no_password_works_tokens_are_used() -> None:
    incoming, outgoing = providers.profile("microsoft-365").tables("choir@example.org")

    assert incoming["oauth2"] == outgoing["oauth2"] == {"provider": "microsoft"}
    assert "oauth2" not in providers.profile("google-workspace").tables("choir@example.org")[0]


def test_what_is_allowed_is_a_bound_and_no_advice() -> None:
    limits = """
[limits]
max_per_hour = 100
max_recipients = {recipients}
max_connections = 2
"""
    sources = '"servers", "domains", "access"'
    text = GOOD.replace(sources, f'{sources}, "limits"')

    _, few = known.read("x", text + limits.format(recipients=20)).tables("choir@example.org")
    _, many = known.read("x", text + limits.format(recipients=500)).tables("choir@example.org")

    assert (few["max_per_hour"], few["max_recipients"], few["max_connections"]) == (100, 20, 2)
    assert "max_recipients" not in many


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("port = 993", 'port = "993"'), "example.toml: imap.port: "),
        (("port = 993", "port = 0"), "example.toml: imap.port: "),
        (("[imap]", "[impa]"), "example.toml: impa: "),
        (('"imap.{domain}"', '"imap.{host}"'), "example.toml: imap.host: "),
        (('"imap.{domain}"', '"imap.\\r\\nx"'), "example.toml: imap.host: "),
        (('kinds = ["password"]', "kinds = []"), "example.toml: access.kinds: "),
        (('kinds = ["password"]', 'kinds = ["oauth2"]'), "example.toml: access: "),
        (('["example.org"]', '["Example.org"]'), "example.toml: domains.0: "),
        (('"https://', '"http://'), "example.toml: sources.0.url: "),
        (("2026-11-21", '"yesterday"'), "example.toml: sources.0.looked_up: "),
        (('"servers", ', ""), "sources say nothing of: servers"),
        (('"access"]', '"accces", "access"]'), "sources name what is no key: accces"),
        (("title =", "titel ="), "example.toml: titel: "),
        (("title =", "name = 'x'\ntitle ="), "example.toml: name: "),
        (("[smtp]", "[smtp"), "example.toml: "),
    ],
)
def test_a_wrong_profile_is_refused_with_file_and_key(change: tuple[str, str], named: str) -> None:
    assert change[0] in GOOD

    assert named in mistakes(GOOD.replace(*change, 1))


def test_all_mistakes_are_named_at_once() -> None:
    wrong = GOOD.replace("port = 993", "port = 0").replace("port = 465", "port = 0")

    assert len(mistakes(wrong).splitlines()) == 2


def test_nobody_can_be_looked_up_who_is_not_there() -> None:
    with pytest.raises(KeyError):
        providers.profile("nobody")


def test_a_profile_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        made().title = "Other"
