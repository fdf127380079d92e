"""A footer is MIME-correct wherever it goes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from listbridge.message import parts
from listbridge.message.compose import CopySettings, list_copy, rendered
from listbridge.message.headers import split
from listbridge.message.parse import parse

Sample = Callable[[str], bytes]

ASCII = CopySettings(
    "General", "general@example.org", "general.example.org", footer="-- \nThe list \n"
)
UMLAUT = replace(ASCII, footer="Grüße")


def sent(raw: bytes, settings: CopySettings = ASCII) -> bytes:
    copy = list_copy(
        raw, parse(raw), settings, message_id="<d@x>", date=datetime(2026, 11, 20, tzinfo=UTC)
    )
    assert copy.refusal is None
    return rendered(copy, raw)


def post(content_type: str, encoding: str, body: bytes) -> bytes:
    head = f"From: a@example.org\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body


def test_a_plain_text_ends_with_it(sample: Sample) -> None:
    raw = sample("plain/simple")

    out = sent(raw)

    assert split(out)[1] == split(raw)[1] + b"-- \r\nThe list\r\n"


def test_flowed_text_is_stuffed(sample: Sample) -> None:
    out = sent(sample("plain/flowed"), replace(ASCII, footer="From us\n> x"))

    assert out.endswith(b"\r\n From us\r\n > x\r\n")


@pytest.mark.parametrize(
    ("charset", "encoding", "body"),
    [
        ("utf-8", "8bit", "ä".encode()),
        ("utf-8", "quoted-printable", b"=C3=A4=20"),
        ("utf-8", "base64", b"w6Q=\r\n"),
        ("iso-8859-1", "8bit", b"\xe4"),
        ("iso-8859-1", "quoted-printable", b"=E4\r\n"),
        ("iso-8859-1", "base64", b"5A=="),
    ],
)
def test_it_takes_the_charset_and_encoding_of_the_text(
    charset: str, encoding: str, body: bytes
) -> None:
    out = sent(post(f"text/plain; charset={charset}", encoding, body), UMLAUT)

    parsed = parse(out)
    assert parsed.root.type == "text/plain"
    assert parsed.root.content.encoding == encoding
    assert [line.strip() for line in parsed.text.split("\n")] == ["ä", "Grüße"]


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("text/plain; charset=us-ascii", "7bit"),
        ("text/plain; charset=utf-8", "7bit"),
        ("text/plain; charset=nonsense", "8bit"),
        ("text/plain; charset=koi8-r", "quoted-printable"),
        ("text/html; charset=utf-8", "8bit"),
        ("application/pdf", "base64"),
    ],
)
def test_where_it_does_not_fit_it_becomes_a_part_of_its_own(
    content_type: str, encoding: str
) -> None:
    raw = post(content_type, encoding, b"QUJD\r\n")

    out = sent(raw, UMLAUT)

    first, second = parse(out).root.children
    assert first.head.value("Content-Type") == content_type.encode()
    assert first.head.value("Content-Transfer-Encoding") == encoding.encode()
    assert parts.body(out, first) == b"QUJD\r\n"
    assert parts.payload(out, second).decode().strip() == "Grüße"
    assert parse(out).head.first("Content-Transfer-Encoding") is None


def test_a_multipart_is_wrapped_with_its_bytes_unchanged(sample: Sample) -> None:
    raw = sample("mime/alternative_with_inline_image")

    out = sent(raw)

    assert split(raw)[1] in out
    assert parse(out).text == "Here is the logo.\n\n-- \nThe list"
    assert parse(out).head.value("MIME-Version") == b"1.0"


@pytest.mark.parametrize("name", ["signed/pgp_mime", "signed/pgp_inline", "signed/smime_encrypted"])
def test_signed_and_encrypted_posts_get_none(sample: Sample, name: str) -> None:
    raw = sample(name)

    assert split(sent(raw))[1] == split(raw)[1]


def test_the_copy_is_the_same_every_time(sample: Sample) -> None:
    raw = sample("mime/html_only")

    assert sent(raw) == sent(raw)
