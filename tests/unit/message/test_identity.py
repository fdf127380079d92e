"""A message is known again whatever the way did to it."""

from collections.abc import Callable

import pytest

from listbridge.message.identity import derived_message_id, fingerprint, raw_hash
from listbridge.message.recode import encoded

Sample = Callable[[str], bytes]

BODY = "Grüße\r\nzweite Zeile\r\n".encode()
HEAD = (
    b"From: Alice Archer <alice@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= an alle\r\n"
    b"Date: Fri, 20 Nov 2026 10:15:00 +0100\r\nContent-Type: text/plain; charset=utf-8\r\n"
)
RAW = HEAD + b"Content-Transfer-Encoding: 8bit\r\n\r\n" + BODY


def multipart(boundary: bytes, last: bytes = b"\r\n") -> bytes:
    inside = b"\r\n--%s\r\n\r\none\r\n--%s\r\nContent-Type: text/html\r\n\r\ntwo\r\n--%s--" + last
    head = b"From: a@example.org\r\nContent-Type: multipart/mixed; boundary=" + boundary + b"\r\n"
    return head + inside % (boundary, boundary, boundary)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(b"Received: from a\r\nReturn-Path: <x@y>\r\n" + RAW, id="trace"),
        pytest.param(b"List-Id: <x.y>\r\nDKIM-Signature: a=b\r\n" + RAW, id="list and signature"),
        pytest.param(RAW.replace(b"\r\n", b"\n"), id="line ends"),
        pytest.param(RAW + b"\r\n", id="blank line at the end"),
        pytest.param(RAW.removesuffix(b"\r\n"), id="no line end at the end"),
        pytest.param(RAW.replace(b" an alle", b"\r\n an alle"), id="folding"),
        pytest.param(
            RAW.replace(b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=", b"=?utf-8?b?R3LDvMOfZQ==?="), id="words"
        ),
        pytest.param(RAW.replace(b"10:15:00 +0100", b"09:15:00 +0000"), id="time zone"),
        *(
            pytest.param(
                HEAD + b"Content-Transfer-Encoding: %s\r\n\r\n" % e.encode() + encoded(BODY, e),
                id=e,
            )
            for e in ("base64", "quoted-printable")
        ),
    ],
)
def test_the_fingerprint_survives_what_the_way_does(other: bytes) -> None:
    assert fingerprint(other) == fingerprint(RAW)
    assert raw_hash(other) != raw_hash(RAW)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(RAW.replace(b"alice@", b"bob@"), id="author"),
        pytest.param(RAW.replace(b"an alle", b"an keinen"), id="subject"),
        pytest.param(RAW.replace(b"10:15", b"10:16"), id="date"),
        pytest.param(RAW.replace(b"zweite", b"dritte"), id="words"),
        pytest.param(RAW.replace(b"text/plain", b"text/html"), id="type"),
    ],
)
def test_another_content_has_another_fingerprint(other: bytes) -> None:
    assert fingerprint(other) != fingerprint(RAW)


def test_boundary_and_epilogue_do_not_count_but_the_order_does() -> None:
    raw = multipart(b"first")

    assert fingerprint(multipart(b"second", b"\r\nepilogue")) == fingerprint(raw)
    assert fingerprint(raw.replace(b"one", b"two", 1)) != fingerprint(raw)


def test_what_an_attached_message_says_counts(sample: Sample) -> None:
    raw = sample("mime/forwarded_message")

    assert fingerprint(raw.replace(b"Buy now", b"Buy later")) != fingerprint(raw)


def test_a_large_attachment_is_hashed_in_pieces_as_it_would_be_whole() -> None:
    octets = bytes(range(256)) * 12_000 + b"\r"
    head = b"Content-Type: application/x\r\nContent-Transfer-Encoding: "

    in_base64 = fingerprint(head + b"base64\r\n\r\n" + encoded(octets, "base64"))

    assert in_base64 == fingerprint(head + b"binary\r\n\r\n" + octets)


def test_a_derived_message_id_is_always_the_same(sample: Sample) -> None:
    raw = sample("plain/no_message_id")

    assert derived_message_id(raw) == derived_message_id(raw)
    assert derived_message_id(raw) == f"<{raw_hash(raw)[:32]}@listbridge.invalid>"
    assert derived_message_id(raw + b"x") != derived_message_id(raw)
