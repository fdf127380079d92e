from datetime import date

import pytest

from listbridge.mailbox.pop_dates import arrival_date


def test_topmost_received_counts() -> None:
    head = (
        b"Received: from a by b; Fri, 20 Nov 2026 09:00:00 +0000\r\n"
        b"Received: from c by a; Thu, 1 Jan 2026 09:00:00 +0000\r\n"
        b"Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n\r\n"
    )

    assert arrival_date(head) == date(2026, 11, 20)


def test_folded_received_is_read() -> None:
    head = b"Received: from a\r\n\tby b (x; y)\r\n ; Fri,\r\n 20 Nov 2026 09:00:00 +0000\r\n\r\n"

    assert arrival_date(head) == date(2026, 11, 20)


def test_date_is_the_sender_s_own_calendar_day() -> None:
    assert arrival_date(b"Date: Fri, 20 Nov 2026 00:30:00 +1200\n\n") == date(2026, 11, 20)


@pytest.mark.parametrize(
    "received",
    [b"Received: by b", b"Received: by b; yesterday", b"Received: b; " + b"9" * 9999],
)
def test_date_field_is_read_where_received_cannot_be(received: bytes) -> None:
    head = received + b"\r\nDate: Fri, 20 Nov 2026 00:30:00 +0000\r\n\r\n"

    assert arrival_date(head) == date(2026, 11, 20)


@pytest.mark.parametrize(
    "head",
    [b"", b"\r\n\r\n", b"Date: never\r\n\r\n", b"Date: 99 Foo 2026 99:99:99 +9999\r\n\r\n"],
)
def test_unreadable_dates_are_none(head: bytes) -> None:
    assert arrival_date(head) is None


def test_body_is_not_searched() -> None:
    assert arrival_date(b"Subject: x\r\n\r\nDate: Fri, 20 Nov 2026 00:30:00 +0000\r\n") is None
