"""What is said of DKIM: for one category or for all, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from listbridge.config import load, session_alone
from listbridge.secret import Secret
from listbridge.submission import DkimSettings

Write = Callable[[str, str], Path]

SESSION = """
[mail_sessions.club]
username = "{{slug}}@example.org"
incoming = {{ host = "imap.example.org" }}
[mail_sessions.club.outgoing]
host = "smtp.example.org"
[mail_sessions.club.outgoing.dkim]
{}
"""
ONE_FOR_ALL = SESSION.format('keys = { s1 = { file = "dkim.pem" }, e1 = { env = "KEY" } }')
OWN = 'address = "{}"\n[outgoing]\nhost = "smtp.example.org"\n[outgoing.dkim]\n{}\n'


def signs(slug: str) -> DkimSettings:
    configuration = load()
    assert configuration.broken == {}
    outgoing = configuration.categories[slug].outgoing
    assert outgoing is not None
    assert outgoing.dkim is not None
    return outgoing.dkim


def test_one_word_in_a_session_signs_for_all_by_the_domain_of_each(
    write: Write, folder: Path
) -> None:
    write("listbridge.toml", ONE_FOR_ALL)
    write("categories/chess.toml", 'mail_session = "club"\n')
    write("categories/go.toml", 'mail_session = "club"\naddress = "go@Example.NET"\n')

    chess, go = signs("chess"), signs("go")

    assert (chess.domain, go.domain) == ("example.org", "example.net")
    assert chess.keys == {"s1": Secret(file=folder / "dkim.pem"), "e1": Secret(env="KEY")}


def test_each_domain_may_have_a_key_of_its_own(write: Write, folder: Path) -> None:
    write("listbridge.toml", SESSION.format('keys = { s1 = { file = "keys/{domain}" } }'))
    write("categories/go.toml", 'mail_session = "club"\naddress = "go@example.net"\n')

    assert signs("go").keys == {"s1": Secret(file=folder / "keys" / "example.net")}


def test_a_category_says_otherwise_as_a_whole(write: Write, folder: Path) -> None:
    write("listbridge.toml", ONE_FOR_ALL)
    own = '[outgoing.dkim]\ndomain = "Lists.example.org"\nkeys = { mine = { file = "own" } }\n'
    write("categories/chess.toml", f'mail_session = "club"\n{own}')

    dkim = signs("chess")

    assert dkim.domain == "lists.example.org"
    assert dkim.keys == {"mine": Secret(file=folder / "own")}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", "outgoing.dkim.keys: required, and not given"),
        ("keys = {}", "outgoing.dkim.keys: name a key by its selector, such as lists2026 = "),
        (
            'keys = { s1 = "-----BEGIN" }',
            "outgoing.dkim.keys.s1: a private key is no text for a configuration; write { file = ",
        ),
        (
            'keys = { "s 1" = { file = "x" } }',
            "a selector consists of letters, digits",
        ),
        (
            'domain = "list@example.org"\nkeys = { s1 = { file = "x" } }',
            'outgoing.dkim.domain: write a domain in ASCII, such as "example.org"',
        ),
        (
            'selector = "s1"\nkeys = { s1 = { file = "x" } }',
            "outgoing.dkim.selector: unknown key; ",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(said: str, expected: str, write: Write) -> None:
    write("listbridge.toml", "")
    write("categories/chess.toml", OWN.format("chess@example.org", said))

    [problem] = load().broken["chess"]

    assert expected in str(problem)
    assert "BEGIN" not in str(problem)


ALERTS = '[alerts]\nto = ["postmaster@example.com"]\n'


@pytest.mark.parametrize(
    ("said", "signed"),
    [
        ('keys = { s1 = { file = "keys/{domain}" } }', "example.org"),
        ('keys = { s1 = { file = "keys/{slug}" } }', None),
        ('domain = "{domain}"\nkeys = { s1 = { file = "x" } }', "example.org"),
        ('domain = "example.net"\nkeys = { s1 = { file = "x" } }', "example.net"),
    ],
)
def test_alerts_are_signed_for_their_account_unless_it_takes_a_category(
    write: Write, said: str, signed: str | None
) -> None:
    text = SESSION.format(said).replace("{slug}@", "lists@")
    write("listbridge.toml", ALERTS + text)

    settings = load().service.alert_settings

    assert settings is not None
    assert (settings.dkim and settings.dkim.domain) == signed


def test_a_session_alone_is_whole_without_the_domain_that_it_leaves_to_categories(
    write: Write,
) -> None:
    said = 'domain = "{domain}"\nkeys = { s1 = { file = "x" } }'
    write("listbridge.toml", SESSION.format(said))

    assert session_alone.settings(load().service, "club", "outgoing") is not None
