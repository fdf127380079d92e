"""Where copies have envelope senders of their own."""

from typing import Any

import pytest

from listbridge.bounces import verp
from listbridge.category import Category
from listbridge.delivery import own_sender
from listbridge.mailbox import IncomingSettings
from listbridge.submission import OutgoingSettings
from tests.fakes.office import ADDRESS, general


def category(incoming: str, /, **account: Any) -> Category:
    return general(
        incoming=IncomingSettings(host=incoming, username=ADDRESS),
        outgoing=OutgoingSettings(**{"host": "relay.example.org", **account}),
    )


CASES = [
    # where mail is read, the account that sends, whether copies have senders of their own
    ("imap.example.org", {}, True),
    ("imap.example.org", {"username": ADDRESS}, True),
    ("imap.example.org", {"foreign_from": False}, False),
    ("imap.example.org", {"host": "smtp.gmail.com"}, False),
    ("imap.example.org", {"host": "smtp.gmail.com", "foreign_from": True}, True),
    ("imap.mail.yahoo.com", {}, False),  # it delivers no sub-addresses
    ("imap.fastmail.com", {}, True),
]


@pytest.mark.parametrize(("incoming", "account", "may"), CASES)
def test_copies_have_senders_of_their_own_unless_it_is_known_that_they_fail(
    incoming: str, account: dict[str, Any], may: bool
) -> None:
    assert own_sender.may_be_used(category(incoming, **account)) is may


def test_a_list_that_reads_no_mail_has_none() -> None:
    assert not own_sender.may_be_used(general(outgoing=OutgoingSettings(host="relay.example.org")))


def test_that_they_arrive_is_known_of_some_only() -> None:
    hosts = ("imap.fastmail.com", "imap.example.org", "imap.mail.yahoo.com")

    assert [own_sender.surely_arrives(category(x)) for x in hosts] == [True, False, False]


@pytest.mark.parametrize(
    "recipient",
    [
        "müller@example.net",
        '"a b"@example.net',
        *(f"a{sign}b@example.net" for sign in "%!/|`#&?"),
        f"{'a' * 40}@a-rather-long-domain.example.net",
    ],
)
def test_an_address_that_does_not_fit_leaves_the_lists_own(recipient: str) -> None:
    assert verp.sender(ADDRESS, recipient, "his") == ADDRESS
