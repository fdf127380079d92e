"""What the messages that wait mean before the first poll."""

from datetime import date, timedelta

import pytest

from listbridge import clock
from listbridge.mailbox import IncomingSettings, MailboxError
from listbridge.mailbox.waiting import judged

TODAY = clock.now().date()


def settings(since: date | None = None) -> IncomingSettings:
    return IncomingSettings(host="imap.example.org", since=since)


def test_old_mail_without_since_is_an_error_whose_cure_is_since_today() -> None:
    judgement = judged(settings(), 500, 500, date(2019, 3, 1))

    assert isinstance(judgement, MailboxError)
    assert "500 messages" in judgement.fault
    assert "2019-03-01" in judgement.fault
    assert judgement.cure is not None
    assert f"since = {TODAY}" in judgement.cure


@pytest.mark.parametrize(
    ("since", "every", "waits", "oldest", "said"),
    [
        (None, 0, 0, None, "nothing to be taken in"),
        (None, 2, 2, TODAY - timedelta(days=3), "2 messages, to be taken in"),
        (None, 2, 2, None, "2 messages, to be taken in"),
        (date(2019, 1, 1), 1, 1, date(2019, 3, 1), "1 message, to be taken in"),
        (TODAY, 500, 0, None, f"nothing to be taken in; 500 messages from before {TODAY} left"),
        (
            date(2999, 1, 1),
            1,
            0,
            None,
            "nothing to be taken in; 1 message from before 2999-01-01 (a day to come) left alone",
        ),
    ],
)
def test_what_will_be_taken_in_is_counted(
    since: date | None, every: int, waits: int, oldest: date | None, said: str
) -> None:
    judgement = judged(settings(since), every, waits, oldest)

    assert isinstance(judgement, str)
    assert judgement.startswith(said)
