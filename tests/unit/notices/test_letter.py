"""The form of service mail."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from listbridge.errors import UnsafeText
from listbridge.message import parse, robot_reason
from listbridge.notices import letter
from storage.service_mail import Letter

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def _letter(**changes: object) -> Letter:
    given = {
        "sender": "lists@example.org",
        "recipients": ("ann@example.org", "bob@example.net"),
        "subject": "[listbridge] café",
        "text": "Grüße\n" + "x" * 2000 + "\n",
        "now": NOW,
    }
    return letter(**{**given, **changes})  # type: ignore[arg-type]


def _read(made: Letter) -> EmailMessage:
    read = message_from_bytes(made.head + made.body, policy=policy.default)
    assert isinstance(read, EmailMessage)
    return read


def test_the_head_says_who_writes_to_whom_and_when() -> None:
    made = _letter()
    read = _read(made)

    assert read["From"] == "listbridge <lists@example.org>"
    assert read["To"] == "ann@example.org, bob@example.net"
    assert read["Subject"] == "[listbridge] café"
    assert read["Date"].datetime == NOW
    assert read["Message-ID"] == made.message_id
    assert made.message_id.endswith("@example.org>")


def test_robots_see_that_a_robot_wrote_it() -> None:
    made = _letter()

    assert _read(made)["Auto-Submitted"] == "auto-generated"
    assert robot_reason(parse(made.head + made.body)) is not None


def test_text_arrives_as_it_was_written() -> None:
    arrived = _read(_letter()).get_content().replace("\r\n", "\n")

    assert arrived == "Grüße\n" + "x" * 2000 + "\n"


def test_every_server_can_take_the_bytes() -> None:
    made = _letter()
    whole = made.head + made.body

    assert whole.isascii()
    assert max(map(len, whole.split(b"\r\n"))) <= 78
    assert whole.count(b"\n") == whole.count(b"\r\n") == whole.count(b"\r")


def test_each_letter_has_a_message_id_of_its_own() -> None:
    assert _letter().message_id != _letter().message_id


@pytest.mark.parametrize("what", ["sender", "recipients", "subject"])
def test_no_line_break_gets_into_the_head(what: str) -> None:
    bad = "a@example.org\r\nBcc: eve@example.net"

    with pytest.raises(UnsafeText):
        _letter(**{what: (bad,) if what == "recipients" else bad})
