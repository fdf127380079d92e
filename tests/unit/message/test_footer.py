"""A footer is MIME-correct wherever it goes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from listbridge.message import parts, recode
from listbridge.message.compose import CopySettings, list_copy, rendered
from listbridge.message.errors import MessageError
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
        ("text/html; charset=utf-16", "base64"),
        ("text/html; charset=utf-8", "x-odd"),
        ("text/calendar; charset=utf-8", "8bit"),
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


PLAIN = b"Content-Type: text/plain; charset=utf-8\r\n\r\nthe text"
PAGE = b"Content-Type: text/html\r\n\r\n<html><BODY><p>the page</p></BODY></html>"
FILE = b"Content-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\na file"


def several(kind: str, *inside: bytes) -> bytes:
    """Put parts into a multipart of this kind, which is a part itself."""
    mark = f"=_{kind}".encode()
    pieces = b"".join(b"--%s\r\n%s\r\n" % (mark, one) for one in inside)
    head = f'Content-Type: multipart/{kind}; boundary="=_{kind}"\r\n\r\n'.encode()
    return head + pieces + b"--" + mark + b"--"


def message(part: bytes) -> bytes:
    return b"From: a@example.org\r\nMIME-Version: 1.0\r\n" + part + b"\r\n"


LONGER_PLAIN = PLAIN + b"\r\n-- \r\nThe list\r\n"
LONGER_PAGE = PAGE.replace(b"</BODY>", b"\r\n<p>--<br>\r\nThe list</p>\r\n</BODY>")
STRUCTURES = [
    # a message's structure, and the same with the footer in it
    (PAGE, LONGER_PAGE),
    (several("alternative", PLAIN, PAGE), several("alternative", LONGER_PLAIN, LONGER_PAGE)),
    (several("mixed", PLAIN, FILE), several("mixed", LONGER_PLAIN, FILE)),
    (several("mixed", PAGE, FILE, PLAIN), several("mixed", LONGER_PAGE, FILE, PLAIN)),
    (several("related", PAGE, FILE), several("related", LONGER_PAGE, FILE)),
    (
        several("mixed", several("alternative", PLAIN, several("related", PAGE, FILE)), FILE),
        several(
            "mixed",
            several("alternative", LONGER_PLAIN, several("related", LONGER_PAGE, FILE)),
            FILE,
        ),
    ),
]


@pytest.mark.parametrize(("before", "after"), STRUCTURES)
def test_it_stands_in_the_text_and_nothing_else_changes(before: bytes, after: bytes) -> None:
    assert split(sent(message(before)))[1] == split(message(after))[1]


CALENDAR = b"Content-Type: text/calendar; charset=utf-8\r\n\r\nBEGIN:VCALENDAR"
FORWARDED = b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nthe text of another"
UNFIT = [
    several("mixed", FILE, PLAIN),
    several("mixed", FORWARDED, PLAIN),
    several("alternative", PLAIN, CALENDAR),
    several("report", PLAIN, FORWARDED),
    FILE,
    FORWARDED,
    b'Content-Type: multipart/mixed; boundary=""\r\n\r\nno parts',
]


@pytest.mark.parametrize("structure", UNFIT)
def test_where_no_text_can_take_it_all_is_wrapped_unchanged(structure: bytes) -> None:
    raw = message(structure)

    out = sent(raw)

    first, second = parse(out).root.children
    assert parts.body(out, first) == split(raw)[1]
    assert parts.payload(out, second) == b"-- \r\nThe list\r\n"


@pytest.mark.parametrize("encoding", ["7bit", "8bit", "quoted-printable", "base64"])
@pytest.mark.parametrize("charset", ["us-ascii", "iso-8859-1", "utf-8", "koi8-r"])
def test_a_page_takes_any_footer_escaped(charset: str, encoding: str) -> None:
    page = "<p>1 &lt; 2</p>\r\n" + "=" * 100 + "</body>\r\n"
    body = recode.encoded(page.encode(), encoding) if encoding[-1] != "t" else page.encode()

    out = sent(post(f"text/html; charset={charset}", encoding, body), replace(ASCII, footer=TRICKY))

    root = parse(out).root
    assert root.type == "text/html"
    assert parts.payload(out, root).decode("ascii").replace("\r\n", "\n") == (
        page.partition("</body>")[0].replace("\r\n", "\n")
        + "\n<p>&lt;b&gt;Gr&#252;&#223;e &amp; &quot;&#9730;&quot;</p>\n</body>\n"
    )


TRICKY = '<b>Grüße & "☂"'


@pytest.mark.parametrize("page", [b"", b"<p>x", b"<p>x</html>", b"<!-- </body> --><p>x</BODY >"])
def test_a_page_without_its_end_tags_takes_it_too(page: bytes) -> None:
    out = sent(post("text/html", "7bit", page))

    assert parse(out).text.endswith("The list")


@pytest.mark.parametrize("name", ["signed/pgp_mime", "signed/pgp_inline", "signed/smime_encrypted"])
def test_signed_and_encrypted_posts_get_none(sample: Sample, name: str) -> None:
    raw = sample(name)

    assert split(sent(raw))[1] == split(raw)[1]


def test_the_copy_is_the_same_every_time(sample: Sample) -> None:
    raw = sample("mime/html_only")

    assert sent(raw) == sent(raw)


def test_it_names_the_list(sample: Sample) -> None:
    footer = "{list_name} <{list_address}>, {list_id}, {other text}"

    out = sent(sample("plain/simple"), replace(ASCII, footer=footer))

    expected = "General <general@example.org>, general.example.org, {other text}"
    assert parse(out).text.endswith(expected)


def test_a_footer_that_stands_in_an_original_is_not_filled_in(sample: Sample) -> None:
    raw = post("text/plain", "7bit", b"{list_name}\r\n")

    assert b"\r\n{list_name}\r\n" in sent(raw)


SAMPLES = Path(__file__).parents[3] / "fixtures" / "messages"
# Of the one that is left out the only text is a file, which is shown where there is no other.
FILES = [file for file in sorted(SAMPLES.rglob("*.eml")) if file.stem != "text_with_name_only"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_sample_says_the_same_and_then_the_footer(file: Path) -> None:
    raw = file.read_bytes()
    try:
        before = parse(raw)
    except MessageError:
        return

    after = parse(sent(raw))

    if before.signed or before.encrypted:
        assert after.text == before.text
        return
    assert after.attachments == before.attachments
    assert words_of(after.text) == [*words_of(before.text), "--", "The", "list"]


def words_of(text: str) -> list[str]:
    """Return the words: an added line end is no other text, and a NUL, shown like this, goes."""
    return text.replace("\ufffd", "").split()
