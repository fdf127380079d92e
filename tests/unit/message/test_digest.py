"""Digests as bytes: RFC 1153 and multipart/digest, whatever the posts are like."""

import email
from email.message import EmailMessage
from email.policy import default
from random import Random

import pytest

from listbridge.message import (
    CopySettings,
    MessageError,
    digest,
    list_copy,
    parse,
    rendered,
    seven_bit,
)
from listbridge.message.digest import Item, Words
from listbridge.message.headers import Head
from tests.conftest import NOW
from tests.hostile import message

HEAD = b"From: Ann <ann@example.net>\r\nSubject: Copy\r\nMessage-ID: <1@example.net>\r\n"
SEPARATOR = "-" * 30
UTF8 = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
SIGNED = (
    b'Content-Type: multipart/signed; boundary="b"; protocol="application/pgp-signature"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nTrailing blank: \r\n- -- \r\n--b\r\n"
    b"Content-Type: application/pgp-signature\r\n\r\nsigned\r\n--b--\r\n"
)


def item(
    copy: bytes | None, number: int = 1, subject: str = "One", *, answers: bool = False
) -> Item:
    return Item(number, subject, "Ann Lee <ann@example.net>", answers, copy)


def read(made: tuple[Head, bytes]) -> EmailMessage:
    raw = made[0].to_bytes() + made[1]
    return email.message_from_bytes(raw, policy=default)  # type: ignore[return-value]


def shown(copy: bytes | None, said: Words = Words()) -> str:  # noqa: B008
    return digest.as_text(item(copy), said)


def test_a_plain_digest_has_the_form_of_rfc_1153() -> None:
    posts = [shown(HEAD + b"\r\n\r\nHello.\r\n\r\n\r\n"), shown(HEAD + b"\r\nAgain.\r\n")]
    made = read(digest.plain(Head(), "General Digest V2026 #1", "Contents\n", posts))

    each = "From: Ann Lee <ann@example.net>\nSubject: One\nMessage-ID: <1@example.net>\n\n"
    assert made.get_content().replace("\r\n", "\n") == (
        f"Contents\n\n{'-' * 70}\n\n"
        f"{each}Hello.\n\n{SEPARATOR}\n\n"
        f"{each}Again.\n\n{SEPARATOR}\n\n"
        "End of General Digest V2026 #1\n******************************\n"
    )


def test_the_fields_that_rfc_1153_keeps_stand_in_its_order_and_no_others() -> None:
    copy = (
        b"Received: x\r\nKeywords: k\r\nMessage-ID: <1@x.org>\r\nSubject: [general] S\r\n"
        b"Cc: c@x.org\r\nTo: t@x.org\r\nFrom: list@x.org\r\n"
        b"Date: Sat, 31 Oct 2026 10:00:00 +0000\r\n\r\nx\r\n"
    )

    names = [line.partition(":")[0] for line in shown(copy).partition("\n\n")[0].splitlines()]

    assert names == ["Date", "From", "To", "Cc", "Subject", "Message-ID", "Keywords"]


def test_a_line_that_would_end_the_post_does_not() -> None:
    text = shown(HEAD + f"\r\nOne\r\n\r\n{SEPARATOR}\r\n\r\nTwo\r\n".encode())

    assert f"\n {SEPARATOR[1:]}\n" in text
    assert f"\n{SEPARATOR}\n" not in text


def test_long_fields_go_on_in_further_lines() -> None:
    names = ", ".join(f"somebody{n}@example.org" for n in range(9))

    head = shown(b"To: " + names.encode() + b"\r\n" + HEAD + b"\r\nx\r\n").partition("\n\n")[0]

    assert max(map(len, head.splitlines())) <= 78
    assert [line for line in head.splitlines() if line.startswith("    ")]


def test_ascii_stays_as_it_is_and_anything_else_is_utf_8() -> None:
    def made(text: str) -> EmailMessage:
        return read(digest.plain(Head(), "T", "P", [text]))

    plain, other, long = made("x"), made("Grüße, 中文"), made("x" * 2000)

    assert plain["Content-Transfer-Encoding"] == "7bit"
    assert (
        other["Content-Transfer-Encoding"]
        == long["Content-Transfer-Encoding"]
        == ("quoted-printable")
    )
    assert "Grüße, 中文" in other.get_content()
    assert "x" * 2000 in long.get_content()


@pytest.mark.parametrize(
    ("fields", "body", "seen"),
    [
        (b"Content-Type: text/plain; charset=no-such\r\n", b"Gr\xfc\xdfe", "Grüße"),
        (b"", "Grüße".encode(), "Grüße"),
        (b"Content-Type: text/html\r\n", b"<p>Hello <b>you</b></p>", "Hello you"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n", b"nothing at all", "nothing at all"),
        (
            b"Content-Type: multipart/mixed; boundary=a\r\n",
            b"--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n"
            b"Hello\r\n--b\r\n"
            b"Content-Type: text/html\r\n\r\n<p>Hallo\r\n--b--\r\n--a--",
            "Hello",
        ),
    ],
    ids=["unknown charset", "8-bit without a word", "HTML alone", "no part", "nested"],
)
def test_what_can_be_read_of_a_post_is_shown(fields: bytes, body: bytes, seen: str) -> None:
    assert shown(HEAD + fields + b"\r\n" + body + b"\r\n").partition("\n\n")[2] == seen


def test_of_an_attachment_name_type_and_size_are_told() -> None:
    copy = HEAD + (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nLook.\r\n--b\r\n"
        b'Content-Type: application/pdf; name="plan.pdf"\r\n\r\n'
        + b"x" * 1_234_567
        + b"\r\n--b--\r\n"
    )

    assert shown(copy).endswith("\n\nLook.\n\n[attachment: plan.pdf, application/pdf, 1.2 MB]")


def test_an_encrypted_post_says_that_it_is_one() -> None:
    copy = HEAD + (
        b"Content-Type: multipart/encrypted; boundary=b; "
        b'protocol="application/pgp-encrypted"\r\n\r\n--b\r\n'
        b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\n"
        b"Content-Type: application/octet-stream\r\n\r\nxxxx\r\n--b--\r\n"
    )

    assert "\n\n[geheim]\n" in shown(copy, Words(encrypted="geheim"))


def test_a_post_that_could_not_be_sent_says_so_in_both_forms() -> None:
    made = read(digest.mime(Head(), "P", [item(None), item(HEAD + b"\r\nx\r\n")], Words()))
    missing, sent = list(made.iter_parts())[1].iter_parts()

    assert shown(None).endswith("\n\n[this post could not be sent]")
    assert missing.get_content().rstrip().endswith("[this post could not be sent]")
    assert sent.get_content_type() == "message/rfc822"


@pytest.mark.parametrize(
    "copy",
    [HEAD + b"\r\nHello.\r\n", HEAD + SIGNED, HEAD + UTF8 + "\r\nGrüße\r\n".encode()],
    ids=["plain", "signed", "8-bit"],
)
def test_a_mime_digest_holds_each_post_byte_for_byte(copy: bytes) -> None:
    head, body = digest.mime(Head(), "Contents", [item(copy), item(copy, 2)], Words())
    made = read((head, body))
    contents, posts = made.iter_parts()

    assert (made.get_content_type(), posts.get_content_type()) == (
        "multipart/mixed",
        "multipart/digest",
    )
    assert contents.get_content().strip() == "Contents"
    assert len(list(posts.iter_parts())) == 2
    assert body.count(b"\r\n\r\n" + copy + b"\r\n--") == 2
    assert [part.defects for part in made.walk()] == [[]] * len(list(made.walk()))


def test_eight_bit_posts_are_declared_and_can_be_sent_where_only_seven_are_taken() -> None:
    copy = HEAD + UTF8 + "\r\nGrüße\r\n".encode()
    head, body = digest.mime(Head(), "P", [item(copy)], Words())
    made = read((head, body))
    [_, digests] = made.iter_parts()
    [one] = digests.iter_parts()
    for each in (made, digests, one):
        assert each["Content-Transfer-Encoding"] == "8bit"

    plain = seven_bit(head.to_bytes() + body)

    assert plain is not None
    [_, posts] = email.message_from_bytes(plain, policy=default).iter_parts()  # type: ignore[attr-defined]
    [one] = posts.iter_parts()
    assert one.get_content().get_content().strip() == "Grüße"


def test_the_table_of_contents_names_number_subject_and_author_and_shows_answers() -> None:
    items = [
        item(None, 9, "One"),
        item(None, 10, "Re: One", answers=True),
        Item(11, "", "bob@example.net", False, None),
        item(None, 12, "A very long subject " * 5),
    ]

    lines = digest.contents(items).splitlines()

    assert lines[:3] == [
        "   9  One (Ann Lee)",
        "  10    Re: One (Ann Lee)",
        "  11  (no subject) (bob@example.net)",
    ]
    assert len(lines) == 5
    assert all(len(line) <= 78 for line in lines)


@pytest.mark.parametrize("number", range(100))
def test_nothing_hostile_breaks_a_digest(number: int) -> None:
    one = item(_as_sent(message(Random(number))))

    text = digest.as_text(one, Words())
    plain = read(digest.plain(Head(), "T", digest.contents([one]), [text]))
    mime = read(digest.mime(Head(), "P", [one, one], Words()))

    assert plain.get_content().replace("\r\n", "\n").endswith("End of T\n********\n")
    assert len(list(list(mime.iter_parts())[1].iter_parts())) == 2


def _as_sent(raw: bytes) -> bytes | None:
    """Return the copy that those get who want each post; None where there is none."""
    settings = CopySettings("General", "general@example.org", "general.example.org")
    try:
        parsed = parse(raw)
    except MessageError:
        return None
    copy = list_copy(raw, parsed, settings, message_id="<x@example.org>", date=NOW)
    return None if copy.refusal else rendered(copy, raw)
