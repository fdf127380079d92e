"""HTML is reduced to its words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listbridge.message.text import from_html


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a<br>b", "a\nb"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("a <b>b</b>c", "a bc"),
        ("a\n  b", "a b"),
        ("1 &lt; 2 &amp;&nbsp;3", "1 < 2 & 3"),
        ("1 < 2", "1 < 2"),
        ("<!doctype html><?xml x?>x", "x"),
        ("x<!-- <b>no</b> -->y", "xy"),
        ("x<!-- no", "x"),
        ("<style>p{}</style><SCRIPT>no()</SCRIPT>x", "x"),
        ("<script>open", "open"),
        ("x<b", "x"),
        ("&lt;script&gt;", "<script>"),
        ("&#0;&#x80;x", "\ufffd€x"),
        ("a\x01b\x7fc\x9fd", "a\ufffdb\ufffdc\ufffdd"),
        ("<td>a</td><td>b</td>", "a\n\nb"),
        ("", ""),
    ],
)
def test_markup_goes_and_words_stay(source: str, text: str) -> None:
    assert from_html(source) == text


@given(st.text(alphabet="<>/!-abp &;#\n", max_size=80))
def test_no_markup_raises(source: str) -> None:
    assert isinstance(from_html(source), str)
