"""A notice as a mail: safe in its head, the same in text and HTML, marked as a robot's."""

import email
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from listbridge import message
from listbridge.notices import Notice, Writing, notice
from tests.fakes.office import general

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
OWN = {"en": {"welcome": {"subject": "Hi", "text": "Hi $member", "html": "<b>$list</b>"}}}


def written(
    what: Notice = Notice.WELCOME, settings: dict[str, Any] | None = None, **writing: Any
) -> EmailMessage:
    made = notice(general(**(settings or {})), what, Writing("ann@example.net", **writing), NOW)
    raw = made.head + made.body
    assert message.robot_reason(message.parse(raw)) is not None
    return email.message_from_bytes(raw, policy=default)  # type: ignore[return-value]


def content(one: EmailMessage, kind: str) -> str:
    body = one.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def test_it_is_from_the_list_to_one_person() -> None:
    one = written(settings={"name": 'The "G" list, öffentlich'})

    assert one["From"].addresses[0].display_name == 'The "G" list, öffentlich'
    assert one["From"].addresses[0].addr_spec == "general@example.org"
    assert one["To"] == "ann@example.net"


@pytest.mark.parametrize(("answers", "said"), [(None, "generated"), ("<1@x.org>", "replied")])
def test_it_says_that_no_person_wrote_it(answers: str | None, said: str) -> None:
    one = written(answers=answers)

    assert one["Auto-Submitted"] == f"auto-{said}"
    assert one["X-Auto-Response-Suppress"] == "All"
    assert one["In-Reply-To"] == one["References"] == answers


def test_the_html_says_what_the_text_says() -> None:
    one = written()

    page = f"Content-Type: text/html\r\n\r\n{content(one, 'html')}"
    assert message.parse(page.encode()).text.split() == content(one, "plain").split()


def test_nothing_of_a_value_becomes_markup_or_a_line() -> None:
    values = {"subject": "<script>x</script>\r\nBcc: eve@example.net", "reason": "a & b $list"}
    one = written(Notice.HELD, values=values)

    assert one["Bcc"] is None
    assert "<script>" not in content(one, "html")
    assert "a & b $list" in content(one, "plain")


def test_what_somebody_wrote_to_the_owners_is_no_markup() -> None:
    one = written(Notice.TO_OWNERS, values={"subject": "x", "text": "<b>bold</b>\n\n <i>x</i>"})

    assert "<b>" not in content(one, "html")
    assert "<i>" not in content(one, "html")


def test_an_own_html_text_has_its_values_escaped() -> None:
    one = written(settings={"texts": OWN, "name": "<G>"})

    assert "<b>&lt;G&gt;</b>" in content(one, "html")
    assert content(one, "plain").strip() == "Hi ann@example.net"
