"""The mbox format: where a message begins and ends, whoever wrote the file, and the way back."""

import io
import mailbox
import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listbridge.archives import Archived, maildir, mbox
from listbridge.errors import ListbridgeError

SAMPLES = Path(__file__).parents[3] / "fixtures" / "imports" / "archives"
MOMENT = datetime(2020, 11, 21, 10, 0, tzinfo=UTC)
SEPARATOR = b"From anna@example.org Sat Nov 21 10:00:00 2020\n"
LETTER = b"Subject: One\n\nText.\n"


def found(content: bytes) -> list[Archived]:
    return list(mbox.read(io.BytesIO(content)))


def raws(content: bytes) -> list[bytes]:
    return [one.raw for one in found(content)]


def archive(*messages: bytes) -> bytes:
    return b"".join(
        piece for raw in messages for piece in mbox.write(raw, "anna@example.org", MOMENT)
    )


def test_quotes_are_undone_and_only_a_separator_separates() -> None:
    first, second = found((SAMPLES / "mboxrd.mbox").read_bytes())

    assert b"\nFrom here on it is quoted,\n>From here twice.\nFrom nowhere" in first.raw
    assert first.raw.endswith(b"there is no date.\n")
    assert second.raw.startswith(b"From: Bea")
    assert [one.where for one in (first, second)] == ["line 1", "line 13"]


def test_lengths_are_relied_upon_where_they_are_right() -> None:
    first, second = raws((SAMPLES / "mboxcl2.mbox").read_bytes())

    assert b"\n\nFrom bob@example.org Sat Nov 21 09:00:00 2020\n>From Bob, who" in first
    assert second.endswith(b"\n\nPlain.\n")


@pytest.mark.parametrize("behind", [b"", archive(LETTER)])
def test_one_right_length_does_not_swallow_what_follows(behind: bytes) -> None:
    inner = archive(b"Subject: Two\n\nText.\n", b"Subject: Three\n\nText.\n")
    forged = b"Subject: One\nContent-Length: %d\n\n" % (len(inner) + 3) + b"Hi\n"

    assert len(raws(archive(forged) + inner + behind)) == 3 + bool(behind)


@pytest.mark.parametrize(
    ("line", "moment"),
    [
        (b"From a@example.org Sat Nov 21 10:00:00 2020", (10, 0)),
        (b"From a@example.org  Sat Nov 21 10:00 2020", (10, 0)),
        (b"From 157129@xxx Sat Nov 21 10:00:00 +0100 2020", (9, 0)),
        (b"From - Sat Nov 21 10:00:00 2020", (10, 0)),
        (b"From a@example.org Sat Nov 21 10:00:00 CET 2020", (10, 0)),
        (b"From a@example.org Sat, Nov 21 10:00:00 2020 -0130", (11, 30)),
        (b'From "a b"@example.org Sat Nov 21 10:00:00 2020', (10, 0)),
        (b"From a at example.org  Sat Nov 21 10:00:00 2020\r", (10, 0)),
    ],
)
def test_every_usual_separator_is_one_and_tells_the_time(
    line: bytes, moment: tuple[int, int]
) -> None:
    [_, one] = found(SEPARATOR + LETTER + b"\n" + line + b"\n" + LETTER)

    assert one.at == MOMENT.replace(hour=moment[0], minute=moment[1])


@pytest.mark.parametrize(
    "line",
    [
        b"From here on",
        b"From Sat on it was 10:00:00 in 2020",
        b"From the 21 Nov 2020 10:00:00",
        b"From: Sat Nov 21 10:00:00 2020",
        b" From a@example.org Sat Nov 21 10:00:00 2020",
        b"From a@example.org Sat Nov 21 10:00:00 2020 he said",
        b"from a@example.org Sat Nov 21 10:00:00 2020",
    ],
)
def test_what_only_looks_like_a_separator_is_text(line: bytes) -> None:
    assert raws(SEPARATOR + LETTER + b"\n" + line + b"\n") == [LETTER + b"\n" + line + b"\n"]


def test_a_separator_needs_a_blank_line_before_it() -> None:
    assert raws(SEPARATOR + LETTER + SEPARATOR) == [LETTER + SEPARATOR]


@pytest.mark.parametrize("day", [b"31 25:00:00", b"32 10:00:00", b"21 10:00:00 +9999"])
def test_a_separator_without_a_real_date_separates_and_tells_no_time(day: bytes) -> None:
    [one] = found(b"From a@example.org Sat Nov " + day + b" 2020\n" + LETTER)

    assert (one.raw, one.at) == (LETTER, None)


def test_blank_lines_at_the_beginning_and_crlf_are_no_trouble() -> None:
    text = b"\n\n" + (SEPARATOR + LETTER + b"\n" + SEPARATOR + LETTER)

    assert raws(text.replace(b"\n", b"\r\n")) == [LETTER.replace(b"\n", b"\r\n")] * 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Subject: a mere message\n\nText.\n", "first line"),
        (b"PK\x03\x04", "unpack"),
        (b"\x1f\x8b\x08", "gunzip"),
        (b"\0" * 100, "first line"),
    ],
)
def test_what_is_no_mbox_is_refused_with_a_cure(content: bytes, said: str) -> None:
    with pytest.raises(ListbridgeError, match=said):
        found(content)


def test_a_pipe_is_refused_with_a_cure() -> None:
    ours, theirs = os.pipe()
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe, pytest.raises(ListbridgeError, match="save it to a file"):
        list(mbox.read(pipe))


def test_an_empty_file_has_no_messages() -> None:
    assert found(b"") == []


def test_a_message_with_nothing_in_it_is_told_and_the_next_one_is_read() -> None:
    empty, one = found(SEPARATOR + b"\n" + SEPARATOR + LETTER)

    assert (empty.raw, empty.problem) == (b"", "there is nothing in it")
    assert (one.raw, one.where) == (LETTER, "line 3")


def test_a_message_that_is_too_large_is_told_and_the_next_one_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mbox, "LARGEST", 1000)
    monkeypatch.setattr(mbox, "_LONGEST_LINE", 100)

    large, one = found(SEPARATOR + b"x" * 5000 + b"\n\n" + SEPARATOR + LETTER)

    assert large.raw == b""
    assert "larger" in (large.problem or "")
    assert one.raw == LETTER


def test_a_line_that_is_read_in_pieces_holds_no_separator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mbox, "_LONGEST_LINE", 100)
    raw = b"Subject: x\n\n" + b"x" * 100 + SEPARATOR

    assert raws(SEPARATOR + raw + b"\n") == [raw]


def test_the_end_of_a_line_that_is_read_in_pieces_is_no_blank_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mbox, "_LONGEST_LINE", 100)
    raw = b"Subject: x\n\n" + b"x" * 100 + b"\n" + SEPARATOR

    assert raws(SEPARATOR + raw + b"\n") == [raw]


lines = st.sampled_from(
    [
        b"",
        b"\r",
        b"From ",
        b"From here",
        b">From ",
        b">>From x",
        SEPARATOR[:-1],
        b">" + SEPARATOR[:-1],
        SEPARATOR[:-1] + b"\r",
        b"Content-Length: 0",
        b"Content-Length: 1",
        b"content-length: 9\r",
        b"Subject: x",
        b"\xff\0",
    ]
) | st.binary(max_size=6).map(lambda some: some.replace(b"\n", b""))
messages = st.lists(lines, min_size=1, max_size=12).map(
    lambda some: b"".join(line + b"\n" for line in some)
)


@settings(max_examples=150)
@given(st.lists(messages.filter(lambda raw: raw.strip()), max_size=5))
def test_what_is_written_is_read_byte_for_byte(some: list[bytes]) -> None:
    assert raws(archive(*some)) == some


@given(messages)
def test_a_message_is_never_taken_for_two(raw: bytes) -> None:
    assert len(raws(archive(raw))) == 1


def test_python_s_own_reader_finds_the_same_messages(tmp_path: Path) -> None:
    path = tmp_path / "a.mbox"
    path.write_bytes(archive(LETTER, b"Subject: Two\n\nFrom here.\n\n" + SEPARATOR, LETTER))

    with closing(mailbox.mbox(path)) as theirs:
        subjects = [one["Subject"] for one in theirs]

    assert subjects == ["One", "Two", "One"]


@pytest.mark.parametrize(
    ("sender", "moment", "line"),
    [
        (
            "a@example.org",
            datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC),
            b"a@example.org Mon Feb  3 04:05:06 2020",
        ),
        (None, MOMENT, b"MAILER-DAEMON Sat Nov 21 10:00:00 2020"),
        ('"a b"@example.org', MOMENT, b"MAILER-DAEMON Sat Nov 21 10:00:00 2020"),
        ("a@example.org", datetime(1, 1, 1, tzinfo=UTC), b"a@example.org Thu Jan  1 00:00:00 1970"),
    ],
)
def test_the_separator_says_who_wrote_it_and_when_in_utc(
    sender: str | None, moment: datetime, line: bytes
) -> None:
    text = b"".join(mbox.write(LETTER, sender, moment))

    assert text == b"From " + line + b"\n" + LETTER + b"\n"


def test_a_maildir_is_read_in_the_order_in_which_it_was_delivered(tmp_path: Path) -> None:
    for name, raw in {"cur/2.x:2,S": b"Subject: 2\n\n", "new/1.x": b"Subject: 1\n\n"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(raw)
    (tmp_path / "new" / "3.x").touch()
    os.utime(tmp_path / "new" / "1.x", (MOMENT.timestamp(), MOMENT.timestamp()))

    first, second, empty = maildir.read(tmp_path)

    assert (first.raw, first.at) == (b"Subject: 1\n\n", MOMENT)
    assert second.where == "cur/2.x:2,S"
    assert empty.problem == "there is nothing in it"


def test_a_folder_that_is_no_maildir_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ListbridgeError, match="no Maildir"):
        list(maildir.read(tmp_path))
