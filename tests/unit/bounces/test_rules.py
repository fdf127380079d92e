"""The class of a failure, what speaks against an address, the score, and VERP."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from listbridge.bounces import classes, read, verp
from listbridge.bounces.score import score
from storage.states import BounceClass

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
DEFAULT = 3.0


@pytest.mark.parametrize(
    ("reply", "given_up", "expected"),
    [
        ("550 5.1.1 no such user", False, "permanent"),
        ("552 5.2.2 over quota", False, "permanent"),
        ("550 5.7.1 rejected as spam", False, "policy"),
        ("550 5.7.26 unauthenticated", False, "policy"),
        ("553 5.1.8 sender domain does not exist", False, "policy"),
        ("554 Message rejected due to content policy", False, "policy"),
        ("550 mail from this host is on our blocklist", False, "policy"),
        ("550 5.1.1 rejected, see example.net/anti-spam", False, "permanent"),
        ("550 User unknown in our spam-free domain", False, "permanent"),
        ("554 5.7.1 Relay access denied", True, "policy"),
        ("450 4.1.2 domain not found", True, "permanent"),
        ("450 4.2.2 mailbox full", True, "permanent"),
        ("451 4.3.0 try again", True, "temporary"),
        ("451 4.7.1 greylisted", True, "policy"),
        ("the server takes no 8-bit mail", False, None),
        ("the connection broke before the end of the data", True, None),
    ],
)
def test_the_class_of_a_reply(reply: str, given_up: bool, expected: str | None) -> None:
    found = classes.of_reply(reply, given_up=given_up)

    assert (found and found.value) == expected


@pytest.mark.parametrize(
    ("class_", "status", "words", "expected"),
    [
        (BounceClass.PERMANENT, "5.1.1", "", True),
        (BounceClass.PERMANENT, "5.2.2", "", True),
        (BounceClass.PERMANENT, "5.4.1", "", True),
        (BounceClass.PERMANENT, "5.0.0", "550 user unknown", True),
        (BounceClass.PERMANENT, "5.0.0", "554 no", None),
        (BounceClass.PERMANENT, None, "", None),
        (BounceClass.PERMANENT, "5.2.3", "message too long", False),
        (BounceClass.PERMANENT, "5.3.4", "message too big", False),
        (BounceClass.PERMANENT, "5.6.1", "media not supported", False),
        (BounceClass.TEMPORARY, "4.2.2", "mailbox full", False),
        (BounceClass.POLICY, "5.7.1", "user unknown", False),
        (BounceClass.COMPLAINT, None, "", False),
    ],
)
def test_what_speaks_against_an_address(
    class_: BounceClass, status: str | None, words: str, expected: bool | None
) -> None:
    assert classes.blames_address(class_, status, words) is expected


def test_a_day_counts_once() -> None:
    assert score([NOW, NOW - timedelta(hours=3), NOW - timedelta(hours=11)], NOW) == 1


def test_a_point_counts_half_after_four_weeks() -> None:
    assert score([NOW - 28 * DAY], NOW) == pytest.approx(0.5)


@pytest.mark.parametrize(("every", "bounces"), [(1, 4), (7, 4)])
def test_a_dead_address_reaches_the_default_at_its_fourth_bounce(every: int, bounces: int) -> None:
    came_back = [NOW - every * n * DAY for n in range(bounces)]

    assert score(came_back, NOW) >= DEFAULT
    assert score(came_back[:-1], NOW) < DEFAULT


def test_what_comes_back_every_two_months_never_reaches_it() -> None:
    assert score([NOW - 60 * n * DAY for n in range(100)], NOW) < DEFAULT


_LOCAL = some.from_regex(r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9=+-]+)*", fullmatch=True)


@given(_LOCAL, some.sampled_from(["general", "gen+eral", "gen=eral", "bounces-gen"]))
def test_whom_verp_names_is_read_in_a_report_to_it(local: str, own_local: str) -> None:
    own, recipient = f"{own_local}@example.org", f"{local}@example.net"
    sender = verp.sender(own, recipient, "his")
    fields = "From: MAILER-DAEMON@example.net\nX-Failed-Recipients: other@example.com"
    report = read(f"To: <{sender}>\n{fields}\n\n550 5.1.1 nobody".encode())

    assert report is not None
    assert report.sent_to == (sender,)
    found = verp.named(own, sender)
    assert (found and found.recipient) == (None if sender == own else recipient)
    assert found is None or (found.is_by("his") and not found.is_by("another's"))


@pytest.mark.parametrize(
    "address",
    [
        "general@example.org",
        "general+bounces-@example.org",
        "general+bounces-gone@example.org",
        "general+bounces-gone=example.net@example.org",
        "general+bounces-=example.net=k7wq2dm4@example.org",
        "other+bounces-gone=example.net=k7wq2dm4@example.org",
        "general+bounces-gone=example.net=k7wq2dm4@example.com",
    ],
)
def test_no_other_address_is_taken_for_verp(address: str) -> None:
    assert verp.named("general@example.org", address) is None


def test_a_server_that_writes_it_in_capitals_changes_nothing() -> None:
    sender = verp.sender("general@example.org", "gone@example.net", "his")
    found = verp.named("general@example.org", sender.upper())
    assert found is not None
    assert found.is_by("his")
