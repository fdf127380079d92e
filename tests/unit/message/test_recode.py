"""Single parts are encoded anew, and every other byte stays."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listbridge.message import content, parts, recode
from listbridge.message.headers import body_start, split
from listbridge.message.identity import fingerprint
from listbridge.message.recode import Unalterable, seven_bit
from listbridge.message.wire import BLANK_LINE, clean, is_deliverable

Sample = Callable[[str], bytes]

LONG = b"x" * 1200


def mixed(*inside: bytes) -> bytes:
    head = b"From: a@example.org\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    return head + b"".join(b"--b\r\n" + part + b"\r\n" for part in inside) + b"--b--\r\n"


def deliverable(raw: bytes) -> bytes:
    head, start = split(raw)[0], body_start(raw)
    head, body = recode.deliverable(head, raw, start)
    if body is None:
        return head.to_bytes() + raw[start:]
    assert body.startswith(BLANK_LINE)
    return head.to_bytes() + body.removeprefix(BLANK_LINE)


def test_only_the_part_with_the_long_line_changes() -> None:
    before, after = b"X-A:  odd\r\n\r\nkept \r\n", b"Content-Type: text/html\r\n\r\nkept\r\n"
    raw = mixed(before, b"Content-Type: text/plain\r\n\r\n" + LONG, after)

    result = deliverable(raw)

    assert is_deliverable(result)
    assert b"--b\r\n" + before + b"\r\n--b" in result
    assert b"--b\r\n" + after + b"\r\n--b--\r\n" in result
    assert b"Content-Transfer-Encoding: quoted-printable" in result
    assert fingerprint(result) == fingerprint(raw)


@pytest.mark.parametrize(
    ("head", "body", "encoding"),
    [
        (b"Content-Type: application/x\r\n", LONG, b"base64"),
        (b"Content-Type: application/x\r\n", b"a\0b", b"base64"),
        (b"Content-Type: text/plain\r\n", b"a\0b", b"quoted-printable"),
        (b"", LONG, b"quoted-printable"),
        (b"Content-Transfer-Encoding: base64\r\n", b"QUJD" * 400, b"base64"),
        (b"Content-Transfer-Encoding: Quoted-Printable\r\n", b"=41" * 400, b"quoted-printable"),
        (b"Content-Type: text/plain; charset=utf-16\r\n", "ä\r\n".encode("utf-16"), b"base64"),
    ],
)
def test_text_becomes_quoted_printable_and_everything_else_base64(
    head: bytes, body: bytes, encoding: bytes
) -> None:
    raw = b"From: a@example.org\r\n" + head + b"\r\n" + body

    result = deliverable(raw)

    assert is_deliverable(result)
    assert b"Content-Transfer-Encoding: " + encoding + b"\r\n" in result
    assert b"MIME-Version: 1.0\r\n" in result
    assert fingerprint(result) == fingerprint(raw)


def test_an_attached_message_is_gone_into() -> None:
    inner = b"Subject: inner\r\n\r\n" + LONG
    raw = mixed(b"Content-Type: message/rfc822\r\n\r\n" + inner)

    result = deliverable(raw)

    assert is_deliverable(result)
    assert b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n" in result
    assert fingerprint(result) == fingerprint(raw)


def test_bad_lines_between_the_parts_go_and_delimiters_stay() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + LONG
        + b"\r\n--b"
        + b" " * 1100
        + b"\r\n\r\none\r\n--b--\r\nNUL \0\r\n"
    )

    result = deliverable(raw)

    assert result.endswith(b"\r\n\r\n--b\r\n\r\none\r\n--b--\r\n")
    assert is_deliverable(result)


@pytest.mark.parametrize(
    "raw",
    [
        b"Content-Transfer-Encoding: x-uuencode\r\n\r\n" + LONG,
        b"Content-Type: multipart/mixed\r\n\r\n" + LONG,
        b"Content-Type: application/pkcs7-mime\r\n\r\n" + LONG,
        b"\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n" + LONG,
        mixed(
            b"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\n" + LONG + b"\r\n--s--"
        ),
        b"X: " + LONG + b"\r\n\r\ntext",
    ],
)
def test_what_cannot_or_must_not_be_altered_is_refused(raw: bytes) -> None:
    with pytest.raises(Unalterable):
        deliverable(raw)


def test_a_signed_part_does_not_protect_its_neighbour() -> None:
    signed = b"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\nwords\r\n--s--"
    raw = mixed(signed, b"\r\n" + LONG)

    assert b"--b\r\n" + signed + b"\r\n--b" in deliverable(raw)


def test_a_message_in_ascii_needs_no_8bitmime(sample: Sample) -> None:
    raw = sample("plain/simple")

    assert seven_bit(raw) is raw


@pytest.mark.parametrize(
    "name", ["encodings/utf8_8bit", "encodings/latin1_undeclared", "broken/long_line"]
)
def test_8_bit_mail_is_written_in_ascii_and_says_the_same(sample: Sample, name: str) -> None:
    raw = clean(deliverable(sample(name)))

    result = seven_bit(raw)

    assert result is not None
    assert result.isascii()
    assert fingerprint(result) == fingerprint(raw)


def test_containers_no_longer_claim_to_be_8bit() -> None:
    part = "Content-Type: text/plain; charset=utf-8\r\n\r\nä".encode()
    raw = mixed(part).replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", 1)

    result = seven_bit(raw)

    assert result is not None
    assert b"8bit" not in result
    assert fingerprint(result) == fingerprint(raw)


def test_signed_8_bit_mail_cannot_go_to_such_a_server() -> None:
    raw = b"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\n\xe4\r\n--s--\r\n"

    assert seven_bit(raw) is None


def test_a_signed_message_with_an_8_bit_subject_can() -> None:
    body = b"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\nx\r\n--s--\r\n"

    result = seven_bit("Subject: für\r\n".encode() + body)

    assert result is not None
    assert result.endswith(body)


def test_a_boundary_in_8_bit_cannot_either() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=\xe4\r\n\r\n--\xe4\r\n\r\nx\r\n--\xe4--\r\n"

    assert seven_bit(raw) is None


def test_8_bit_fields_keep_their_blanks_and_their_structure() -> None:
    fields = "Subject: für Bücher und so\r\nTo: é<a@example.org>\r\nDKIM-Signature: h=to\r\n"
    name = 'Content-Disposition: attachment; filename="Größe (2).pdf"; x=y\r\n'
    raw = f"{fields}{name}\r\nx\r\n".encode()

    result = seven_bit(raw)

    assert result is not None
    head = split(result)[0]
    assert head.text("Subject") == "für Bücher und so"
    assert head.value("To").endswith(b"<a@example.org>")
    assert content.read(head).filename == "Größe (2).pdf"
    assert head.first("DKIM-Signature") is None


@given(
    st.lists(st.binary(max_size=90) | st.sampled_from([b"\r", b"\n", b" ", b".", b"=" * 80])),
    st.sampled_from(["base64", "quoted-printable"]),
)
def test_in_whatever_pieces_a_part_comes_it_says_the_same(
    pieces: list[bytes], encoding: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recode, "_PIECE", 60)  # beyond it a line is cut
        written = b"".join(recode.encoded_pieces(pieces, encoding))

    assert all(len(line) <= 76 for line in written.split(b"\r\n"))
    octets = b"".join(pieces)
    if encoding == "quoted-printable":
        octets = clean(octets.replace(b"\0", b"0"))
        written = written.replace(b"=00", b"0")
    assert parts.decoded(written, encoding) == octets
