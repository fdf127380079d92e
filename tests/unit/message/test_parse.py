"""What one message says about itself."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listbridge.message import parts, recode
from listbridge.message.errors import MessageError
from listbridge.message.parse import Attachment, ParsedMessage, parse

Sample = Callable[[str], bytes]

MAIL_LIKE = st.lists(
    st.sampled_from(
        [
            *(b"From: a@[x\r\n", b"From: ", b"Subject: =?utf-8?q?", b"Message-ID: <[x]@y\r\n"),
            *(b"Date: Fri, 99 Nov 99999 99:99:99 +9999\r\n", b"Date: 1 Jan 0001 00:00 +2359\r\n"),
            *(b"Content-Type: multipart/mixed; boundary=b\r\n", b"\r\n", b"--b\r\n", b"--b--\r\n"),
            *(b"Content-Type: text/html; charset=utf-16\r\n", b"<p", b"&#x110000;", b"&#55296;"),
            *(b"Content-Transfer-Encoding: base64\r\n", b"A", b"=", b"\xff", b"\0", b"\r", b"\n"),
            *(b"Content-Type: message/rfc822\r\n", b"Content-Disposition: x; filename*0*=a'b'%"),
        ]
    ),
    max_size=25,
).map(b"".join)


@settings(deadline=None)
@given(st.binary(max_size=400) | MAIL_LIKE)
def test_no_bytes_raise_anything_but_a_message_error(raw: bytes) -> None:
    try:
        parsed = parse(raw)
    except MessageError:
        return

    assert parsed.size == len(raw)
    assert f"{parsed.subject}{parsed.text}{parsed.author_name}{parsed.message_id}".encode()


def test_an_everyday_post_is_understood(sample: Sample) -> None:
    parsed = parse(sample("plain/simple"))

    assert parsed.author == "alice@example.org"
    assert parsed.author_name == "Alice Archer"
    assert parsed.subject == "Summer picnic"
    assert parsed.date == datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
    assert parsed.message_id == "<picnic-1@mail.example.org>"
    assert parsed.text == "Shall we meet on the first Saturday of July?\n\nAlice"
    assert parsed.received_count == 1
    assert (parsed.empty, parsed.signed, parsed.encrypted) == (False, False, False)
    assert parsed.attachments == ()


def test_nothing_of_the_body_is_in_the_repr(sample: Sample) -> None:
    assert "first Saturday" not in repr(parse(sample("plain/simple")))


@pytest.mark.parametrize(
    ("name", "references"),
    [
        ("plain/simple", ()),
        ("replies/reply", ("<picnic-1@mail.example.org>",)),
        (
            "replies/deep_references_folded",
            ("<picnic-3@example.org>", "<picnic-2@example.net>", "<picnic-1@mail.example.org>"),
        ),
        ("replies/in_reply_to_only", ("<picnic-1@mail.example.org>",)),
    ],
)
def test_references_come_nearest_first(
    sample: Sample, name: str, references: tuple[str, ...]
) -> None:
    assert parse(sample(name)).references == references


def test_in_reply_to_is_a_fallback_behind_references_and_oneself_is_no_parent() -> None:
    raw = b"Message-ID: <me@x>\nReferences: <1@x> <me@x> <2@x> <2@x>\nIn-Reply-To: <3@x>\n\n"

    assert parse(raw).references == ("<2@x>", "<1@x>", "<3@x>")


def test_of_many_references_the_nearest_and_the_root_are_kept() -> None:
    raw = b"References:" + b"".join(b"\n <%d@x>" % n for n in range(500)) + b"\n\n"

    references = parse(raw).references

    assert len(references) == 100
    assert references[0] == "<499@x>"
    assert references[-1] == "<0@x>"


@pytest.mark.parametrize(
    ("value", "message_id"),
    [
        (b"<a@b>", "<a@b>"),
        (b"\r\n <a@b>", "<a@b>"),
        (b"<a@\r\n b>", "<a@b>"),
        (b"a@b", "<a@b>"),
        (b"junk <a@b> <c@d>", "<a@b>"),
        (b"<>", None),
        (b"junk", None),
        (b"", None),
        (b"<" + b"a" * 2000 + b"@b>", None),
    ],
)
def test_a_message_id_is_cleaned_or_missing(value: bytes, message_id: str | None) -> None:
    assert parse(b"Message-ID: " + value + b"\r\n\r\n").message_id == message_id


def test_an_id_that_a_server_replaced_is_an_alias(sample: Sample) -> None:
    assert parse(sample("replies/exchange_original_id")).aliases == (
        "<picnic-6@laptop.example.org>",
    )


@pytest.mark.parametrize(
    ("name", "subject", "text"),
    [
        ("encodings/encoded_words", "Grüße aus Köln (with a plain tail)", "Schöne Grüße"),
        ("encodings/koi8_base64", "Привет", "Привет всем!"),
        ("encodings/latin1_undeclared", "Café mañana", "Nos vemos en el café."),
        ("encodings/utf8_8bit", "Zażółć gęślą jaźń", "Zażółć gęślą jaźń — 8-bit"),
        ("broken/nul_and_8bit", "a b ÿþ", "before\ufffdafter ÿ"),
    ],
)
def test_every_charset_can_be_read(sample: Sample, name: str, subject: str, text: str) -> None:
    parsed = parse(sample(name))

    assert parsed.subject == subject
    assert parsed.text.startswith(text)


@pytest.mark.parametrize(
    ("name", "text", "attachments"),
    [
        (
            "mime/alternative_with_inline_image",
            "Here is the logo.",
            (Attachment("logo.png", "image/png", 70),),
        ),
        (
            "mime/attachment_rfc2231",
            "The list is attached.",
            (Attachment("€ prices 2026.pdf", "application/pdf", 15),),
        ),
        (
            "mime/forwarded_message",
            "Look at this offer.",
            (Attachment("offer.eml", "message/rfc822", 159),),
        ),
        ("mime/html_only", "News\n\nFish & chips\nat six", ()),
        (
            "mime/text_with_name_only",
            "This part is the body although it has a name.",
            (Attachment("body.txt", "text/plain", 47),),
        ),
        (
            "mime/calendar_invitation",
            "Board meeting on Monday.",
            (Attachment("", "text/calendar", 48),),
        ),
    ],
)
def test_the_words_and_what_came_along_are_told_apart(
    sample: Sample, name: str, text: str, attachments: tuple[Attachment, ...]
) -> None:
    parsed = parse(sample(name))

    assert parsed.text.strip() == text
    assert parsed.attachments == attachments


@pytest.mark.parametrize(
    ("name", "signed", "encrypted"),
    [
        ("signed/pgp_mime", True, False),
        ("signed/pgp_inline", True, False),
        ("signed/smime_encrypted", False, True),
        ("plain/simple", False, False),
    ],
)
def test_signed_and_encrypted_mail_is_known(
    sample: Sample, name: str, signed: bool, encrypted: bool
) -> None:
    parsed = parse(sample(name))

    assert (parsed.signed, parsed.encrypted, parsed.empty) == (signed, encrypted, False)


def test_a_quoted_signature_signs_nothing() -> None:
    raw = b"From: a@example.org\r\n\r\n> -----BEGIN PGP SIGNED MESSAGE-----\r\n"

    assert not parse(raw).signed


@pytest.mark.parametrize("name", ["broken/empty", "broken/nothing_to_read"])
def test_a_message_without_words_or_files_is_empty(sample: Sample, name: str) -> None:
    assert parse(sample(name)).empty


@pytest.mark.parametrize(
    ("value", "date"),
    [
        (b"Fri, 20 Nov 2026 10:15:00 +0100", datetime(2026, 11, 20, 9, 15, tzinfo=UTC)),
        (b"Fri, 20 Nov 2026 1:00:00 +0100", datetime(2026, 11, 20, 0, 0, tzinfo=UTC)),
        (b"Thu, 1 Jan 1970 00:00:00 GMT", datetime(1970, 1, 1, tzinfo=UTC)),
        (b"Thu, 31 Dec 2099 23:59:59 +0000", datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (b"Fri, 20 Nov 2026 10:15:00 -0000", datetime(2026, 11, 20, 10, 15, tzinfo=UTC)),
        (b"yesterday", None),
        (b"", None),
        (b"Fri, 31 Dec 9999 23:59:59 -1400", None),
    ],
)
def test_dates_are_in_utc_or_missing(value: bytes, date: datetime | None) -> None:
    assert parse(b"Date: " + value + b"\r\n\r\n").date == date


def test_whatever_mail_parser_raises_is_a_message_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(_raw: bytes) -> None:
        raise RecursionError("inside the library")

    monkeypatch.setattr("mailparser.parse_from_bytes", explode)

    with pytest.raises(MessageError) as caught:
        parse(b"From: a@example.org\r\n\r\ntext")
    assert isinstance(caught.value.__cause__, RecursionError)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"From: " + b"<" * 60_000 + b"\n\n", id="angle brackets"),
        pytest.param(b"From: " + b"(" * 60_000 + b"\n\n", id="parentheses"),
        pytest.param(b"From: " + b"a@b.org," * 7_000 + b"\n\n", id="authors"),
        pytest.param(b"Subject: " + b"=?utf-8?q?a?= " * 4_000 + b"\n\n", id="encoded words"),
        pytest.param(b"Subject: " + b"=?utf-8?q?" * 6_000 + b"\n\n", id="unclosed words"),
        pytest.param(b"References: " + b"<" * 60_000 + b"\n\n", id="references"),
        pytest.param(b"Content-Type: a/b" + b';a="' * 15_000 + b"\n\n", id="parameters"),
        pytest.param(b"Content-Type: text/html\n\n" + b"<" * 1_000_000, id="open tags"),
        pytest.param(b"Content-Type: text/html\n\n" + b"<!--" * 250_000, id="open comments"),
        pytest.param(b"Content-Type: text/html\n\n" + b"<script>" * 125_000, id="open scripts"),
        pytest.param(b"Content-Type: text/html\n\n" + b"<div>" * 200_000, id="deep markup"),
        pytest.param(b"\n" * 1_000_000, id="line ends"),
        pytest.param(b"\0" * 1_000_000, id="NUL"),
        pytest.param(b"x" * 1_000_000, id="one line"),
    ],
)
@pytest.mark.timeout(10)
def test_a_message_made_to_take_long_is_read_in_time(raw: bytes) -> None:
    # Ten times what a slow machine takes, a hundredth of what a quadratic reader would.
    assert isinstance(parse(raw), ParsedMessage)


@pytest.mark.parametrize("before", range(0, 45, 4))
def test_a_pgp_mark_that_is_cut_in_two_by_the_pieces_of_a_text_is_seen(
    monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    monkeypatch.setattr(parts, "_CHUNK", 48)
    body = base64.encodebytes(b"x" * before + b"\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n")
    raw = b"Content-Transfer-Encoding: base64\r\n\r\n" + body

    assert parse(raw).signed


@pytest.mark.parametrize("encoding", ["7bit", "base64", "quoted-printable"])
@pytest.mark.parametrize(
    ("mark", "signed", "encrypted"), [("SIGNED MESSAGE", True, False), ("MESSAGE", False, True)]
)
def test_inline_pgp_is_seen_through_the_encoding(
    encoding: str, mark: str, signed: bool, encrypted: bool
) -> None:
    body = f"x\n-----BEGIN PGP {mark}-----\n".encode()
    if encoding != "7bit":
        body = recode.encoded(body, encoding)

    parsed = parse(f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body)

    assert (parsed.signed, parsed.encrypted) == (signed, encrypted)
