"""How a held post begins, as a moderator sees it."""

import pytest

from listbridge.moderation.excerpts import excerpt


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Hello\n\nBye", "    | Hello\n    |\n    | Bye"),
        ("approve\n> quoted", "    | approve\n    | > quoted"),
        ("x" * 80, f"    | {'x' * 76}\n    | xxxx"),
        ("", ""),
    ],
)
def test_every_line_is_marked(text: str, shown: str) -> None:
    assert excerpt(text) == shown


@pytest.mark.parametrize("text", ["line\n" * 1000, "word " * 100_000, "x" * 100_000])
def test_of_a_long_text_some_lines_are_shown(text: str) -> None:
    lines = excerpt(text).splitlines()

    assert len(lines) == 31
    assert lines[-1] == "    | …"
    assert all(len(one) <= 82 for one in lines)


def test_a_text_that_just_fits_is_shown_whole() -> None:
    assert "…" not in excerpt("line\n" * 30)
