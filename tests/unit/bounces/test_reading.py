"""What a report may hold besides what it should."""

import pytest

from listbridge import bounces
from listbridge.bounces import Failure

HEAD = b"Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.net\r\nTo: general@example.org\r\n"
REPORT = (
    HEAD + b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
    b"--b\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    b"Reporting-MTA: dns; mx\r\n\r\n%s\r\n--b--\r\n"
)
FAILED = b"Final-Recipient: rfc822; gone@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n"


def _failures(status: bytes) -> list[Failure]:
    report = bounces.read(REPORT.replace(b"%s", status))
    return list(report.failures) if report else []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (b"Action: failed\r\nStatus: 5.1.1", "permanent"),
        (b"Action: failed (bad address)\r\nStatus: 5.1.1", "permanent"),
        (b"Action: error\r\nStatus: 5.1.1", "permanent"),
        (b"Action: FAILED", "permanent"),
        (b"Status: 5.1.1", "permanent"),
        (b"Action: failed\r\nStatus: 4.4.1", "permanent"),
        (b"Action: delayed\r\nStatus: 4.4.1", "temporary"),
        (b"Action: delayed\r\nStatus: 4.7.1", "temporary"),
        (b"Action: failed\r\nStatus: 5.7.1", "policy"),
        (b"Action: failed\r\nDiagnostic-Code: smtp; 554 listed by zen", "permanent"),
        (b"Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 554 5.7.1 no", "policy"),
        (b"Action: failed\r\nDiagnostic-Code: smtp; 550 looks like spam", "policy"),
        (b"Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 user unknown, see "
         b"example.net/spam", "permanent"),
    ],
)  # fmt: skip
def test_the_class_is_told_by_action_status_and_words(fields: bytes, expected: str) -> None:
    [found] = _failures(b"Final-Recipient: rfc822; gone@example.net\r\n" + fields + b"\r\n")

    assert (found.recipient, found.class_.value) == ("gone@example.net", expected)


@pytest.mark.parametrize("action", [b"delivered", b"relayed", b"expanded", b"", b"unheard-of"])
def test_who_was_reached_is_no_failure(action: bytes) -> None:
    fields = b"Final-Recipient: rfc822; here@example.net\r\nStatus: 2.0.0\r\nAction: "

    assert _failures(fields + action + b"\r\n") == []


@pytest.mark.parametrize(
    "field",
    [
        b"rfc822;gone@example.net",
        b"RFC822; <gone@example.net>",
        b"rfc822; gone@EXAMPLE.net (Gone Away)",
        b"<gone@example.net>",
        b"utf-8; gone@example.net",
    ],
)
def test_the_recipient_is_read_as_servers_write_it(field: bytes) -> None:
    [found] = _failures(b"Final-Recipient: " + field + b"\r\nAction: failed\r\n")

    assert found.recipient == "gone@example.net"


@pytest.mark.parametrize(
    "field",
    [b"x400; /G=a/S=b/", b"rfc822; nobody", b"utf-8; a\\x{D800}@x.net", b"rfc822; a@b@c"],
)
def test_what_is_no_address_names_nobody(field: bytes) -> None:
    assert _failures(b"Final-Recipient: " + field + b"\r\nAction: failed\r\n") == []


def test_a_recipient_that_is_named_again_counts_once() -> None:
    delayed = FAILED.replace(b"failed", b"delayed").replace(b"5.1.1", b"4.4.1")

    assert [x.class_.value for x in _failures(b"\r\n".join([delayed, FAILED, FAILED]))] == [
        "permanent"
    ]


def test_of_very_many_recipients_the_first_hundred_are_read() -> None:
    many = b"\r\n".join(FAILED.replace(b"gone", b"g%d" % n) for n in range(5000))

    assert len(_failures(many)) == 100


def test_a_delivery_status_within_an_attached_message_is_none() -> None:
    inner = REPORT.replace(b"%s", FAILED)
    outer = (
        HEAD.replace(b"MAILER-DAEMON@mx", b"lena@") + b"Subject: look\r\n"
        b"Content-Type: message/rfc822\r\n\r\n"
    )

    assert bounces.read(outer + inner) is None


def test_a_name_of_a_system_alone_makes_no_report() -> None:
    """Somebody who is called so writes about a failure, and cites one."""
    raw = (
        b"From: Postmaster <postmaster@example.net>\r\nTo: general@example.org\r\n"
        b"Subject: %s\r\n\r\n<gone@example.net>: 550 5.1.1 User unknown\r\n"
    )

    assert bounces.read(raw.replace(b"%s", b"Re: Undeliverable mail")) is None
    assert bounces.read(raw.replace(b"%s", b"Who is this?")) is None
    assert bounces.read(raw.replace(b"%s", b"Undeliverable mail")) is not None


@pytest.mark.parametrize(
    "author", [b"Norman Mailer", b"Andreas Sandrock", b"Mail Smith", b"Imssel", b"Sys Admin"]
)
def test_a_person_whose_name_sounds_like_a_system_writes_no_report(author: bytes) -> None:
    raw = (
        b"From: %s <me@example.net>\r\nTo: general@example.org\r\n"
        b"Subject: Undeliverable mail\r\n\r\nI got: <gone@example.net>: 550 5.1.1 User unknown\r\n"
    )

    assert bounces.read(raw % author) is None


def test_a_complaint_that_names_several_is_of_nobody() -> None:
    """A report is easily forged; this one would end the subscriptions of a whole list."""
    people = b"".join(b"Original-Rcpt-To: s%d@example.net\r\n" % n for n in range(100))
    report = bounces.read(
        b"Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n" + people
    )

    assert report is not None
    assert [(x.recipient, x.class_.value) for x in report.failures] == [(None, "complaint")]


def test_a_detector_that_fails_leaves_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("a detector's own trouble")

    monkeypatch.setattr("listbridge.bounces.known_formats.all_failures", broken)
    report = bounces.read(HEAD + b"\r\ngone@example.net: 550 5.1.1 no such user\r\n")

    assert report is not None
    assert [x.recipient for x in report.failures] == ["gone@example.net"]


def test_where_a_report_was_sent_to_is_kept() -> None:
    head = HEAD.replace(b"To: general@", b"Delivered-To: general+x@").replace(
        b"\r\nDeliv", b"\r\nDeliv"
    )
    report = bounces.read(head + b"\r\ngone@example.net: 550 5.1.1 no such user\r\n")

    assert report is not None
    assert report.sent_to == ("general+x@example.org",)


@pytest.mark.parametrize("line", [b"a@" * 300_000, b"<" * 500_000, b"550 " * 200_000 + b"@x.net"])
def test_a_hostile_line_costs_little(line: bytes) -> None:
    assert bounces.read(HEAD + b"\r\nThe following addresses had\r\n" + line + b"\r\n") is None
