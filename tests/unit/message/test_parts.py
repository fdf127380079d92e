"""The MIME tree by offsets, and the caps on reading it."""

import binascii
import email
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from listbridge.message import limits, parts
from listbridge.message.errors import TooComplex
from listbridge.message.parts import Part

Sample = Callable[[str], bytes]


def multipart(boundary: bytes, inside: bytes) -> bytes:
    return b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n\r\n' + inside


def shape(part: Part) -> list[object]:
    return [part.type, *(shape(child) for child in part.children)]


def test_the_tree_of_a_nested_message_is_found(sample: Sample) -> None:
    raw = sample("mime/alternative_with_inline_image")

    root = parts.tree(raw)

    alternative: list[object] = ["multipart/alternative", ["text/plain"], ["text/html"]]
    assert shape(root) == ["multipart/related", alternative, ["image/png"]]
    assert parts.body(raw, root.children[0].children[0]) == b"Here is the logo.\r\n"


@pytest.mark.parametrize(
    "name",
    [
        "mime/alternative_with_inline_image",
        "mime/attachment_rfc2231",
        "mime/forwarded_message",
        "signed/pgp_mime",
        "broken/unclosed_multipart",
    ],
)
def test_the_decoded_parts_are_those_of_the_standard_library(sample: Sample, name: str) -> None:
    raw = sample(name)

    ours = [parts.payload(raw, p) for p in _leaves(parts.tree(raw))]

    theirs = [p for p in email.message_from_bytes(raw).walk() if not p.is_multipart()]
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == (other.get_payload(decode=True) or mine)


def _leaves(part: Part) -> list[Part]:
    if not part.children:
        return [part]
    return [leaf for child in part.children for leaf in _leaves(child)]


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n", b"\r"])
def test_boundaries_are_found_behind_every_kind_of_line_end(line_end: bytes) -> None:
    lines = [b"Content-Type: multipart/mixed; boundary=b", b"", b"--b", b"", b"one", b"--b  "]
    raw = line_end.join([*lines, b"", b"two", b"--b--", b"epilogue"])

    root = parts.tree(raw)

    assert [parts.body(raw, child) for child in root.children] == [b"one", b"two"]


def test_a_longer_boundary_is_not_taken_for_a_shorter_one() -> None:
    inner = multipart(b"ab", b"--ab\r\n\r\none\r\n--ab--\r\n")
    raw = multipart(b"a", b"--a\r\n" + inner + b"--a--\r\n")

    assert shape(parts.tree(raw)) == ["multipart/mixed", ["multipart/mixed", ["text/plain"]]]


def test_a_multipart_without_its_boundary_has_no_parts() -> None:
    assert parts.tree(b"Content-Type: multipart/mixed\r\n\r\ntext").children == ()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"A: " + b"x" * 300_000, "256 KB"),
        (b"A: " + b"x" * 70_000 + b"\r\n\r\n", "64 KB"),
        (b"A: b\n" * 2_001 + b"\n", "2,000 fields"),
        (multipart(b"b", b"--b\n\nx\n" * 1_001), "1,000 parts"),
        (b"Content-Type: message/rfc822\n\n" * 101 + b"x", "100 deep"),
        (multipart(b"b", (b"--b\n" + multipart(b"c", b"")) * 101), "100 boundaries"),
        (multipart(b"b", b"--bx\n" * 30_000), "look like boundaries"),
        (multipart(b"b", (b"--b\n" + b"A: b\n" * 1_900 + b"\n") * 12), "20,000 header fields"),
        (multipart(b"b", b"--b\n" + b"A: " + b"b\n " * 30_000 + b"\n\n"), "64 KB"),
    ],
)
def test_a_message_over_a_cap_is_refused_with_the_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(TooComplex, match=reason):
        parts.tree(raw)


def test_a_message_at_the_caps_is_read() -> None:
    raw = multipart(b"b", b"--b\n\nx\n" * (limits.PARTS - 1))

    assert len(parts.tree(raw).children) == limits.PARTS - 1


@pytest.mark.parametrize(
    ("data", "encoding", "octets"),
    [
        (b"aGVs\r\nbG8=", "base64", b"hello"),
        (b"aGVsbG8", "base64", b"hello"),
        (b"a G!V-s", "base64", b"hel"),
        (b"=C3=A4=\r\nb", "quoted-printable", b"\xc3\xa4b"),
        (b"=ZZ", "quoted-printable", b"=ZZ"),
        (b"raw", "x-uuencode", b"raw"),
        (b"raw", "", b"raw"),
    ],
)
def test_transfer_encodings_are_undone_and_garbage_does_not_raise(
    data: bytes, encoding: str, octets: bytes
) -> None:
    assert parts.decoded(data, encoding) == octets


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.text(alphabet="=A\r\n \t", max_size=60))
def test_quoted_printable_in_pieces_is_that_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr(parts, "_CHUNK", 4)
    raw = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + body.encode()

    assert b"".join(parts.chunks(raw, parts.tree(raw))) == binascii.a2b_qp(body.encode())


@given(
    st.text("QUJD=\r\n -", max_size=60).map(str.encode),
    st.sampled_from(["base64", "quoted-printable", "8bit"]),
)
def test_a_payload_in_pieces_is_the_payload(body: bytes, encoding: str) -> None:
    raw = f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body
    root = parts.tree(raw)

    assert b"".join(parts.payload_pieces(raw, root)) == parts.payload(raw, root)
