"""The format of java.util.Properties, and Liferay's includes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listbridge.mailsession import SourceError
from listbridge.mailsession.sources import java_properties
from listbridge.mailsession.sources.java_properties import BadLine, parse

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a properties file."""

    def write(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=b", [("a", "b")]),
        ("a:b", [("a", "b")]),
        ("a b", [("a", "b")]),
        ("a \t = \f b", [("a", "b")]),
        ("a = : b", [("a", ": b")]),
        ("a=b=c", [("a", "b=c")]),
        ("a==b", [("a", "=b")]),
        ("  a=b  ", [("a", "b  ")]),
        ("a", [("a", "")]),
        ("a=", [("a", "")]),
        ("=b", [("", "b")]),
        ("a\\=b=c", [("a=b", "c")]),
        ("a\\ b\\:c d", [("a b:c", "d")]),
        ("a=b\\\n   c", [("a", "bc")]),
        ("a=b\\\\\nc=d", [("a", "b\\"), ("c", "d")]),
        ("a=b\\\\\\\n c", [("a", "b\\c")]),
        ("a=b\\\n#c", [("a", "b#c")]),
        ("a=b\\\n\nc=d", [("a", "b"), ("c", "d")]),
        ("a=b\\", [("a", "b")]),
        ("#a=b\\\nc=d", [("c", "d")]),
        ("  !a\n \t#b\n\n", []),
        ("a=1\rb=2\r\nc=3", [("a", "1"), ("b", "2"), ("c", "3")]),
        ("a=\\t\\n\\r\\f\\z\\\"", [("a", '\t\n\r\fz"')]),
        ("a=\\u00e4\\u20AC", [("a", "ä€")]),
        ("a=\\ud83d\\ude00", [("a", "😀")]),
        ("a=\\ud83d", [("a", "\ufffd")]),
        ("a=1\na=2", [("a", "1"), ("a", "2")]),
        ("a\u00a0b=c", [("a\u00a0b", "c")]),
        ("a=\x0bb", [("a", "\x0bb")]),
        ("\u00a0#a=b", [("\u00a0#a", "b")]),
    ],
)  # fmt: skip
def test_a_line_is_read_as_java_reads_it(text: str, expected: list[tuple[str, str]]) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize("escape", ["\\u", "\\u12", "\\u12g4", "\\uuu0041"])
def test_a_broken_escape_is_refused_with_its_line(escape: str) -> None:
    with pytest.raises(BadLine) as caught:
        parse(f"a=b\n\nc=d{escape}")

    assert caught.value.number == 3


def _written(name: str, value: str, fold: int) -> str:
    """Write an entry as Java's `store` does, and fold it somewhere."""

    def escaped(text: str) -> list[str]:
        return [
            {"\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f"}.get(ch)
            or (f"\\{ch}" if ch in " =:#!\\" else "".join(
                f"\\u{unit:04x}" for unit in memoryview(ch.encode("utf-16-le")).cast("H")
            ) if not " " <= ch <= "~" else ch)
            for ch in text
        ]  # fmt: skip

    units = [*escaped(name), "=", *escaped(value)]
    fold %= len(units) + 1
    return "".join([*units[:fold], "\\\n \t", *units[fold:]])


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    st.lists(
        st.tuples(_TEXT, _TEXT, st.integers(0, 99)).filter(lambda one: one[0] or one[1]),
        max_size=5,
    )
)
def test_what_java_writes_is_read_as_it_was(entries: list[tuple[str, str, int]]) -> None:
    text = "# made\n" + "\n".join(_written(*one) for one in entries) + "\n"

    assert parse(text) == [(name, value) for name, value, _ in entries]


def test_a_file_of_older_javas_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.properties").write_bytes("a=gr\u00fc\u00dfe".encode("iso-8859-1"))

    assert java_properties.read(tmp_path / "a.properties").values == {"a": "grüße"}


def test_what_is_included_goes_before_what_includes_it(write: Write) -> None:
    write("two.properties", "a=2\ninclude-and-override=three.properties\nb=2\n")
    write("three.properties", "b=3\n")
    first = write("one.properties", "include-and-override=two.properties\na=1\nb=1\nc=1\n")

    assert java_properties.read(first).values == {"a": "2", "b": "3", "c": "1"}


def test_of_two_includes_the_later_goes_first(write: Write) -> None:
    write("two.properties", "a=2\n")
    write("three.properties", "a=3\n")
    include = "include-and-override={}.properties\n"
    first = write("one.properties", include.format("two") + include.format("three"))

    assert java_properties.read(first).values == {"a": "3"}


def test_liferays_home_is_where_the_first_file_lies(write: Write) -> None:
    write("two.properties", "a=2\n")
    first = write("one.properties", "include-and-override=${liferay.home}/two.properties\n")

    assert java_properties.read(first).values == {"a": "2"}


@pytest.mark.parametrize("named", ["missing.properties", "${external-properties}", "a\\u0000b"])
def test_an_include_that_cannot_be_read_is_said_and_no_error(write: Write, named: str) -> None:
    found = java_properties.read(write("one.properties", f"a=1\ninclude-and-override={named}\n"))

    assert found.values == {"a": "1"}
    [remark] = found.remarks
    assert "read" in remark.text


def test_a_file_that_includes_itself_is_refused(write: Write) -> None:
    write("two.properties", "include-and-override=./one.properties\n")
    first = write("one.properties", "include-and-override=two.properties\n")

    with pytest.raises(SourceError, match="includes itself"):
        java_properties.read(first)


def test_a_tree_of_includes_has_an_end(write: Write) -> None:
    for number in range(10):
        write(f"{number}.properties", f"include-and-override={number + 1}.properties\n" * 3)
    write("10.properties", "a=1\n")

    with pytest.raises(SourceError, match="more than 50 files"):
        java_properties.read(write("one.properties", "include-and-override=0.properties\n"))
