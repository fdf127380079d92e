"""What FETCH brought, read at a glance or in full: it comes to the same."""

import pytest

from listbridge.mailbox import imap_answers
from listbridge.mailbox.imap_answers import Piece, by_uid

DATE = b'INTERNALDATE "21-Nov-2026 10:00:00 +0000"'
USUAL: list[list[Piece]] = [
    [b"1 (UID 7 FLAGS (\\Seen \\Deleted) " + DATE + b" RFC822.SIZE 42)"],
    [b"1 (FLAGS () UID 7)", b"2 (" + DATE + b" UID 8)"],
    [(b"1 (UID 7 BODY[] {5}", b"a)\r\n("), b")", (b"2 (UID 8 BODY[] {0}", b""), b")"],
    [b"1 (RFC822.SIZE 42)"],
    [b"1 (UID 7 UID 8)"],
    [b"1 (UID 7 FLAGS (UID x9))"],
]
UNUSUAL: list[list[Piece]] = [
    [b"1 (uid 7 rfc822.size 42)"],
    [b"1 (UID 7 BODY[] NIL)"],
    [b'1 (UID 7 BODY[] "a message")'],
    [(b"1 (UID 7 BODY[] {5}", b"hello"), b" FLAGS (\\Seen))"],
    [(b"1 (BODY[] {5}", b"hello"), b" UID 7)"],
    [b"1 (UID 7 X-OTHER (1 2))", b"2 (UID 8)"],
]


@pytest.mark.parametrize("pieces", [*USUAL, *UNUSUAL])
def test_both_ways_come_to_the_same(monkeypatch: pytest.MonkeyPatch, pieces: list[Piece]) -> None:
    found = by_uid(pieces)
    monkeypatch.setattr(imap_answers, "_at_a_glance", lambda _: None)

    assert found == by_uid(pieces)


def test_usual_answers_are_read_at_a_glance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(imap_answers, "parse_response")

    assert [sorted(by_uid(pieces)) for pieces in USUAL] == [[7], [7, 8], [7, 8], [], [8], [7]]
