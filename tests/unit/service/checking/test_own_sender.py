"""What `check` says of the envelope sender of personal copies."""

import pytest

from listbridge.mailbox import IncomingSettings
from listbridge.service.checking.own_sender import check_own_sender
from listbridge.submission import OutgoingSettings
from tests.fakes.office import ADDRESS, general

READS = IncomingSettings(host="imap.example.org", username=ADDRESS)
SENDS = OutgoingSettings(host="smtp.example.org")
AS_ITSELF = OutgoingSettings(host="smtp.example.org", foreign_from=False)


@pytest.mark.parametrize(
    ("incoming", "outgoing", "seen"),
    [
        (READS, SENDS, "general+bounces-ann=example.net="),
        (READS, AS_ITSELF, "since the account may only write in its own name"),
        (None, SENDS, "since mail to general+…@example.org does not reach the list"),
    ],
)
def test_it_is_said_which_they_have_and_why(
    incoming: IncomingSettings | None, outgoing: OutgoingSettings, seen: str
) -> None:
    category = general(incoming=incoming, outgoing=outgoing, message={"personalise": True})

    [one] = check_own_sender(category)

    assert one.ok
    assert seen in one.seen


def test_where_all_get_the_same_nothing_is_said() -> None:
    assert list(check_own_sender(general(incoming=READS, outgoing=SENDS))) == []
