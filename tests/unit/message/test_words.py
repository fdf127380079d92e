"""Encoded words and doubtful charsets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listbridge.guard import is_safe
from listbridge.message import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"plain  text", "plain text"),
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe_aus?= =?utf-8?b?IEvDtmxu?=", "Grüße aus Köln"),
        (b"a =?utf-8?q?b?= c", "a b c"),
        (b"=?iso-8859-1*de?q?=FC?=", "ü"),
        (b"=?utf-8?b?4oI=?= =?utf-8?b?rA==?=", "€"),
        (b"caf\xe9", "café"),
        ("zażółć".encode(), "zażółć"),
        (b"=?nonsense?q?=FC?=", "ü"),
        (b"=?utf-8?b?A?=", "A"),
        (b"=?utf-8?q?a=0D=0ABcc:_x?=", "a Bcc: x"),
        (b"=?utf-7?q?+ADw-?=", "+ADw-"),
        (b"a\0b", "a\ufffdb"),
        (b"=?utf-8?q?", "=?utf-8?q?"),
    ],
)
def test_header_text_is_decoded(value: bytes, text: str) -> None:
    assert words.decode(value) == text


@given(st.binary(max_size=200))
def test_whatever_is_decoded_is_safe_to_show_and_to_store(value: bytes) -> None:
    text = words.decode(value)

    assert is_safe(text)
    assert text.encode("utf-8").decode("utf-8") == text


@given(st.text(alphabet=st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=120))
def test_encoding_then_decoding_returns_the_text(text: str) -> None:
    written = words.encoded(text)

    assert written.isascii()
    assert all(len(word) <= 75 for word in written.split(b" "))
    assert words.decode(written) == text


@pytest.mark.parametrize(
    "charset", ["idna", "unicode_escape", "rot13", "base64", "x" * 99, "a\0b", ""]
)
def test_codecs_that_are_no_charset_of_mail_are_not_used(charset: str) -> None:
    assert words.known_charset(charset) is None


def test_a_phrase_is_quoted_and_a_foreign_one_encoded() -> None:
    assert words.phrase('Al "the" \\', "a name") == b'"Al \\"the\\" \\\\"'
    assert words.decode(words.phrase("Jürgen", "a name")) == "Jürgen"
