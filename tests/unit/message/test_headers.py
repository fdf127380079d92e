"""The head keeps its bytes, and anything can be split."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from listbridge.errors import UnsafeText
from listbridge.message.headers import Head, field, fold, split

HEADER_LIKE = st.lists(
    st.sampled_from(
        [b"A: b", b"\r\n", b"\n", b"\r", b" ", b"\t", b"From x", b":", b"\0", b"\xff", b"garbage"]
    ),
    max_size=30,
).map(b"".join)


@given(st.binary(max_size=300) | HEADER_LIKE)
@example(b"\0:\r\r\n x")
@example(b"!:\x01\r \r \x01")
def test_any_bytes_can_be_split_and_the_written_head_reads_the_same_again(raw: bytes) -> None:
    head, body = split(raw)

    again, same_body = split(head.to_bytes() + body)

    assert raw.endswith(body)
    assert same_body == body
    # A folded line of blanks alone is not written, so only the number of blanks may differ.
    assert [(f.name, f.value.split()) for f in head.fields] == [
        (f.name, f.value.split()) for f in again.fields
    ]


def test_a_clean_head_is_written_byte_for_byte() -> None:
    raw = b"Received: a\r\n\tb\r\nSubject:  two blanks \r\nX: \xe4\r\n\r\n"

    head, body = split(raw + b"text")

    assert head.to_bytes() == raw
    assert body == b"text"


@pytest.mark.parametrize(
    ("raw", "names", "body"),
    [
        (b"", [], b""),
        (b"\r\nbody", [], b"body"),
        (b"only text\r\n", [], b"only text\r\n"),
        (b"A: 1\nB: 2\n\nbody", ["A", "B"], b"body"),
        (b"A: 1\rB: 2\r\rbody", ["A", "B"], b"body"),
        (b"A: 1\r\nno field\r\nB: 2", ["A"], b"no field\r\nB: 2"),
        (b"From x Fri Nov 20 10:00:00 2026\r\nA: 1\r\n\r\nb", ["A"], b"b"),
        (b">From x\r\nA: 1\r\n\r\nb", ["A"], b"b"),
        (b" stray\r\nA: 1\r\n\r\nb", ["A"], b"b"),
        (b": nameless\r\nA: 1\r\n\r\nb", ["A"], b"b"),
        (b"A : 1\r\n\r\nb", ["A"], b"b"),
        (b"A: 1", ["A"], b""),
    ],
)
def test_head_and_body_are_parted_where_readers_part_them(
    raw: bytes, names: list[str], body: bytes
) -> None:
    head, rest = split(raw)

    assert [f.name for f in head.fields] == names
    assert rest == body


def test_a_folded_value_is_unfolded_and_a_field_is_found_in_any_letters() -> None:
    head, _ = split(b"SUBJECT: one\r\n two\n\tthree\r\n\r\n")

    assert head.value("subject") == b"one two\tthree"


def test_what_is_written_has_neither_nul_nor_empty_folds_nor_bare_line_ends() -> None:
    head, _ = split(b"A : x\0y\r \r\n\tz\nB: 1\r\r")

    assert head.to_bytes() == b"A: x y\r\n\tz\r\nB: 1\r\n\r\n"


def test_edits_return_new_heads_and_leave_the_other_fields_alone() -> None:
    head, _ = split(b"A: 1\r\nB:  2\r\na: 3\r\n\r\n")

    assert head.without("a").to_bytes() == b"B:  2\r\n\r\n"
    assert head.replaced("A", "9").to_bytes() == b"A: 9\r\nB:  2\r\n\r\n"
    assert head.replaced("C", "9").to_bytes().endswith(b"a: 3\r\nC: 9\r\n\r\n")
    assert head.renamed("b", "X-B").to_bytes() == b"A: 1\r\nX-B:  2\r\na: 3\r\n\r\n"
    assert [f.name for f in head.fields] == ["A", "B", "a"]


@pytest.mark.parametrize("value", ["a\r\nB: c", "a\nb", "a\0", "a\x85b", "a\u2028b"])
def test_a_value_with_a_line_break_is_refused(value: str) -> None:
    with pytest.raises(UnsafeText):
        Head().append("Subject", value)


def test_long_fields_are_folded_at_blanks_and_say_the_same() -> None:
    made = field("Subject", " ".join(f"word{n}" for n in range(60)))

    lines = made.raw.split(b"\r\n")

    assert max(map(len, lines)) <= 78
    assert made.text == " ".join(f"word{n}" for n in range(60))


@given(st.text(alphabet="ab \t", max_size=300))
def test_folding_loses_nothing(text: str) -> None:
    line = b"Name: x" + text.encode()

    folded = fold(line, 20)

    assert folded.replace(b"\r\n", b"") == line
    assert all(part.startswith((b" ", b"\t")) for part in folded.split(b"\r\n")[1:])
