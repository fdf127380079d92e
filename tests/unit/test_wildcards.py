"""Patterns of shells, in time that grows with the text alone."""

import fnmatch
import random
import sys
from types import FrameType
from typing import Any

import pytest

from listbridge.wildcards import Pattern


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("", ""),
        ("*", ""),
        ("*", "anything"),
        ("YES", "yes"),
        ("y?s", "yes"),
        ("*.example.net", "a.b.example.net"),
        ("*@*.example.net", "bob@a.example.net"),
        ("a*b*c", "a-b-b-c"),
        (r"\*\*\**", "*****"),
        (r"\?", "?"),
        ("a\\", "a\\"),
        ("straße", "STRASSE"),
    ],
)
def test_a_text_like_the_pattern_matches(pattern: str, text: str) -> None:
    assert Pattern(pattern).matches(text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("", "a"),
        ("?", ""),
        ("YES", "yes, really"),
        ("*.example.net", "example.net"),
        ("*.example.net", "a.example.net.evil.example"),
        (r"\*\*\**", "**"),
        (r"\*", "a"),
        ("a?c", "ac"),
        ("[a-z]", "b"),
    ],
)
def test_a_text_unlike_the_pattern_does_not_match(pattern: str, text: str) -> None:
    assert not Pattern(pattern).matches(text)


def test_random_patterns_agree_with_a_slow_matcher() -> None:
    chance = random.Random(7)
    for _ in range(3000):
        pattern = "".join(chance.choices("ab*?", k=chance.randrange(8)))
        text = "".join(chance.choices("ab", k=chance.randrange(10)))
        assert Pattern(pattern).matches(text) == fnmatch.fnmatchcase(text, pattern)


@pytest.mark.parametrize("pattern", ["*" * 10_000 + "c", "*a" * 5_000 + "c", "*?" * 5_000 + "c"])
def test_each_character_is_looked_at_once_whatever_the_pattern(pattern: str) -> None:
    like = Pattern(pattern)

    def lines(length: int) -> int:
        """Count the lines that a match takes."""
        count = 0

        def count_line(_frame: FrameType, event: str, _value: Any) -> Any:
            nonlocal count
            count += event == "line"
            return count_line

        before = sys.gettrace()
        sys.settrace(count_line)
        try:
            assert not like.matches("a" * length)
        finally:
            sys.settrace(before)
        return count

    assert lines(4_000) < 4.1 * lines(1_000)
