"""Whose name a copy bears, and why."""

from datetime import UTC, datetime
from typing import Any

import pytest

from listbridge import dmarc
from listbridge.category import Category
from listbridge.delivery import fanout, from_choice
from listbridge.dmarc import Policies, Policy
from listbridge.message import parse, split
from listbridge.submission import OutgoingSettings
from tests.fakes.dns_server import DnsServer
from tests.fakes.office import ADDRESS, general

ALICE = "alice@example.net"


def category(from_: str = "auto", /, **account: Any) -> Category:
    outgoing = OutgoingSettings(**{"host": "relay.example.org", **account})
    return general(outgoing=outgoing, message={"from": from_, "reply_to": "author"})


ACCOUNTS = [
    # account, whether it may write in the name of others
    ({}, True),
    ({"username": ADDRESS}, False),
    ({"username": ADDRESS, "foreign_from": True}, True),
    ({"foreign_from": False}, False),
    ({"host": "smtp.gmail.com"}, False),
    ({"host": "smtp.gmail.com", "username": ADDRESS}, False),
    ({"host": "smtp.gmail.com", "username": "x@gmail.com", "foreign_from": True}, True),
    ({"host": "smtp.fastmail.com", "username": "x@fastmail.com"}, False),  # nothing is known of it
]


@pytest.mark.parametrize(("account", "may"), ACCOUNTS)
def test_auto_keeps_from_only_where_the_account_may_send_it(
    account: dict[str, Any], may: bool
) -> None:
    choice = from_choice.choose(category(**account), ALICE, Policy.NONE)

    assert choice.mode == ("author" if may else "list"), choice.reason


@pytest.mark.parametrize("policy", Policy)
def test_auto_keeps_from_only_where_the_domain_lets_others_write(policy: Policy) -> None:
    choice = from_choice.choose(category(), ALICE, policy)

    assert choice.mode == ("author" if policy.lets_others_write else "list")
    assert "example.net" in choice.reason


def test_an_author_in_doubt_is_not_named() -> None:
    assert from_choice.choose(category(), None, Policy.NONE).mode == "list"


@pytest.mark.parametrize("mode", ["author", "list", "wrap"])
def test_what_is_set_is_done(mode: str) -> None:
    assert from_choice.choose(category(mode), ALICE, Policy.REJECT).mode == mode


def test_a_category_that_sends_nothing_asks_nobody() -> None:
    silent = general(message={"from": "auto"})

    assert from_choice.policies(silent, [ALICE]) == {}
    assert from_choice.choose(silent, ALICE, Policy.UNKNOWN).mode == "list"


def asked(monkeypatch: pytest.MonkeyPatch, one: Category, *authors: str | None) -> list[str]:
    with DnsServer({("_dmarc.example.net", "TXT"): ['"v=DMARC1; p=none"']}) as server:
        monkeypatch.setattr(dmarc, "shared", Policies(lambda: server.resolver))
        from_choice.policies(one, authors)
        return [question for question in server.asked if not question.startswith(".")]


@pytest.mark.parametrize(
    "one", [category("list"), category("author"), category("wrap"), category(username=ADDRESS)]
)
def test_the_dns_is_asked_only_where_the_answer_decides(
    one: Category, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked(monkeypatch, one, ALICE) == []


def test_each_domain_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    authors = (ALICE, None, "bob@Example.NET")

    assert asked(monkeypatch, category(), *authors) == ["_dmarc.example.net TXT"]


SIGNED = (
    "DKIM-Signature: v=1; d={domain}; s=s; c=relaxed/relaxed; h=from:{names}; bh=x; b=y\r\n"
    f"From: {ALICE}\r\nMessage-ID: <a@b>\r\nSubject: Hi\r\n\r\ntext\r\n"
)


@pytest.mark.parametrize(
    ("domain", "names", "keeps"),
    [
        ("example.net", "subject", True),
        ("example.net", "subject:reply-to:reply-to", True),
        ("example.net", "subject:list-id", False),
        ("mail.example.net", "sender", False),
        ("net", "sender", False),
        ("mailer.example", "sender", True),
        ("ample.net", "sender", True),
    ],
)
def test_auto_takes_over_where_the_authors_signature_would_be_lost(
    domain: str, names: str, keeps: bool
) -> None:
    raw = SIGNED.format(domain=domain, names=names).encode()

    copy, choice = fanout.copy_for(
        category(),
        raw,
        parse(raw),
        message_id="<a@b>",
        date=datetime(2026, 11, 20, tzinfo=UTC),
        is_member=True,
        policy=Policy.NONE,
    )

    expected = ALICE if keeps else ADDRESS
    assert expected.encode() in split(copy.head)[0].value("From")
    assert (choice.mode == "author") is keeps
    assert ("signature" in choice.reason) is not keeps
