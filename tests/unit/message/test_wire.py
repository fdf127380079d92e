"""No bare CR, bare LF or NUL ever leaves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listbridge.message.wire import clean, is_deliverable, wire


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (b"a\r\nb\r\n", b"a\r\nb\r\n"),
        (b"a", b"a\r\n"),
        (b"", b""),
        (b"a\n.\nb", b"a\r\n.\r\nb\r\n"),
        (b"a\r.\rb", b"a\r\n.\r\nb\r\n"),
        (b"a\n.\r\nb", b"a\r\n.\r\nb\r\n"),
        (b"a\r\n.\rb", b"a\r\n.\r\nb\r\n"),
        (b"a\r\n\0.\r\nb", b"a\r\n.\r\nb\r\n"),
        (b"a\r\r\nb", b"a\r\n\r\nb\r\n"),
        (b"a\r\0\nb", b"a\r\nb\r\n"),
    ],
)
def test_line_ends_become_crlf(body: bytes, sent: bytes) -> None:
    assert wire(b"A: b\r\n\r\n", body) == b"A: b\r\n\r\n" + sent


@given(st.text(alphabet="ab.\r\n\0", max_size=60))
def test_no_bytes_leave_anything_bare(text: str) -> None:
    sent = wire(b"A: b\n\n", text.encode())

    assert not {0, 10, 13} & set(sent.replace(b"\r\n", b""))
    assert clean(sent) is sent


@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_a_line_end_that_is_cut_in_two_by_the_pieces_stays_one(before: int) -> None:
    body = b"x" * ((1 << 20) - before) + b"\r\nb\n\r\n"

    assert clean(body) == body.replace(b"b\n", b"b\r\n")


def test_the_body_may_begin_anywhere() -> None:
    assert wire(b"A: b\r\n\r\n", b"head\n\nbody\n", 6) == b"A: b\r\n\r\nbody\r\n"


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n", b"\r"])
@pytest.mark.parametrize(("length", "passes"), [(998, True), (999, False)])
@pytest.mark.parametrize("before", [b"", b"short", b"y" * 998])
def test_a_line_may_have_998_octets(
    before: bytes, length: int, passes: bool, line_end: bytes
) -> None:
    data = before + line_end + b"x" * length + line_end + b"z"

    assert is_deliverable(data) is passes
    assert is_deliverable(before + line_end + b"x" * length) is passes


@given(st.lists(st.integers(min_value=0, max_value=1010), max_size=8))
def test_long_lines_are_found_wherever_they_stand(lengths: list[int]) -> None:
    data = b"\r\n".join(b"x" * n for n in lengths)

    assert is_deliverable(data) == all(n <= 998 for n in lengths)


def test_a_nul_is_not_deliverable_and_a_range_is_looked_at_alone() -> None:
    data = b"\0ok\0"

    assert not is_deliverable(data)
    assert is_deliverable(data, 1, 3)
