"""How an address is written into MAIL and RCPT."""

import pytest

from listbridge.submission.path import UnusableAddress, path_of


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("ann@example.org", "ann@example.org"),
        ("Ann.O'Neil+x@Example.ORG", "Ann.O'Neil+x@Example.ORG"),
        ("ann@bücher.test", "ann@xn--bcher-kva.test"),
        ("ann@straße.example", "ann@xn--strae-oqa.example"),
        ('"a@b"@example.org', '"a@b"@example.org'),
    ],
)
def test_only_the_domain_is_rewritten(address: str, path: str) -> None:
    assert path_of(address, smtputf8=False) == path


def test_a_local_part_outside_ascii_needs_smtputf8() -> None:
    with pytest.raises(UnusableAddress, match="SMTPUTF8"):
        path_of("jürgen@example.org", smtputf8=False)

    assert path_of("jürgen@bücher.test", smtputf8=True) == "jürgen@xn--bcher-kva.test"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "@example.org",
        "ann@",
        "ann@example.org\r\nDATA",
        "ann@example.org\n",
        "an\0n@example.org",
        "ann@example.org> BODY=8BITMIME",
        "<ann@example.org>",
        "an n@example.org",
        "ann@exa\u00a0mple.org",
        "ann@exam\u2028ple.org",
        "ann@exam\u0085ple.org",
        "j\ud800@example.org",
        "ann@\ud800.org",
        "ann@bü_cher.test",
        "ann@☃.example",
    ],
)
def test_what_could_break_a_command_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(UnusableAddress) as caught:
        path_of(address, smtputf8=True)

    assert "example.org" not in str(caught.value)
