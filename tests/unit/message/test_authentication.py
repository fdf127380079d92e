"""Authentication-Results (RFC 8601): what servers say, and whose word counts."""

import pytest

from listbridge.message import authentication
from listbridge.message.headers import split

GMAIL = (
    b"Authentication-Results: mx.google.com;\r\n"
    b"       dkim=pass header.i=@example.org header.s=s1 header.b=abc;\r\n"
    b"       spf=pass (google.com: domain of a@example.org designates 192.0.2.1 as permitted"
    b" sender; all is well) smtp.mailfrom=a@example.org;\r\n"
    b"       dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=example.org\r\n"
)
OUTLOOK = (
    b"Authentication-Results: spf=pass (sender IP is 192.0.2.1)\r\n"
    b" smtp.mailfrom=example.org; dkim=pass (signature was verified)\r\n"
    b" header.d=example.org;dmarc=bestguesspass action=none\r\n"
    b" header.from=example.org;compauth=pass reason=109\r\n"
)


def read(*fields: bytes) -> authentication.Authentication | None:
    head, _ = split(b"".join(fields) + b"From: a@example.org\r\n\r\nbody\r\n")
    return authentication.topmost(head)


def test_each_method_has_its_result_and_its_properties() -> None:
    found = read(GMAIL)

    assert found is not None
    assert found.server == "mx.google.com"
    assert [(one.method, one.value) for one in found.results] == [
        ("dkim", "pass"),
        ("spf", "pass"),
        ("dmarc", "pass"),
    ]
    assert found.of("dkim")[0].properties["header.i"] == "@example.org"
    assert found.of("dmarc")[0].properties == {"header.from": "example.org"}


def test_a_comment_says_nothing() -> None:
    found = read(
        b"Authentication-Results: mx.example; spf=fail (really; dkim=pass (twice)) x=y\r\n"
    )

    assert found is not None
    assert [(one.method, one.value) for one in found.results] == [("spf", "fail")]


def test_a_quoted_text_keeps_its_semicolons() -> None:
    found = read(b'Authentication-Results: mx.example; dkim=fail reason="bad; spf=pass"\r\n')

    assert found is not None
    assert [(one.method, one.value) for one in found.results] == [("dkim", "fail")]


def test_only_the_fields_on_top_by_the_same_server_count() -> None:
    forged = b"Authentication-Results: mx.example; dmarc=pass\r\n"
    found = read(
        b"Authentication-Results: mx.example; spf=fail\r\n",
        b"Authentication-Results: MX.EXAMPLE; dkim=none\r\n",
        b"Authentication-Results: elsewhere.example; dkim=pass\r\n",
        forged,
    )

    assert found is not None
    assert [(one.method, one.value) for one in found.results] == [("spf", "fail"), ("dkim", "none")]


@pytest.mark.parametrize(
    "value", [b"", b";", b"none", b"mx.example; none", b"((((", b'"', b"\xff;="]
)
def test_a_field_without_results_is_no_error(value: bytes) -> None:
    found = read(b"Authentication-Results: " + value + b"\r\n")

    assert found is not None
    assert found.results == ()


def test_a_message_without_the_field_has_nobody_to_judge_it() -> None:
    assert read() is None


def test_a_field_that_names_no_server_is_read_as_far_as_it_goes() -> None:
    found = read(OUTLOOK)

    assert found is not None
    assert [one.value for one in found.of("spf") + found.of("dkim")] == ["pass", "pass"]
