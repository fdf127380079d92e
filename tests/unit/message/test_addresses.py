"""Strict addresses, and the one author of a post."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listbridge.guard import is_safe
from listbridge.message import addresses
from listbridge.message.errors import AddressError
from listbridge.message.headers import split


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("alice@example.org", "alice@example.org"),
        ("  Alice@Example.ORG ", "Alice@example.org"),
        ("u@Bücher.test", "u@xn--bcher-kva.test"),
        ("a+tag@sub.example", "a+tag@sub.example"),
    ],
)
def test_an_address_gets_one_form(text: str, address: str) -> None:
    assert addresses.normalise(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "@example.org",
        "alice@",
        "alice@localhost",
        "a@b@example.org",
        "alice@[192.0.2.1]",
        "Alice <alice@example.org>",
        "a..b@example.org",
        "alice@example.org\r\nRCPT TO:<x@example.net>",
        "alice\0@example.org",
        "al\u2028ice@example.org",
        "x" * 300 + "@example.org",
        "alice@example.org.",
        ".alice@example.org",
        "alice@-example.org",
        "alice@" + "x" * 64 + ".org",
        "<alice@example.org>",
        '"alice"@example.org',
        "alice@example.org, eve@evil.test",
        "alice@example.org(eve@evil.test)",
        "al\u200dice@example.org",
        "alice@exa\u00admple.org",
        "\u202ealice@example.org",
        "\u212aate@example.org",
        "ali\uff43e@example.org",
        "alice@\uff45xample.org",
        "alice@example\uff0eorg",
        "alice@example\u3002org",
        "al\udce9ice@example.org",
        "{5+}\r\nalice@example.org",
    ],
)
def test_what_is_not_one_plain_address_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        addresses.normalise(text)

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@given(st.emails() | st.text(max_size=40))
def test_normalising_twice_changes_nothing(text: str) -> None:
    try:
        once = addresses.normalise(text)
    except AddressError:
        return

    assert addresses.normalise(once) == once


@pytest.mark.parametrize(
    ("value", "address", "name"),
    [
        (b"alice@example.org", "alice@example.org", ""),
        (b"<alice@example.org>", "alice@example.org", ""),
        (b"Alice Archer <alice@example.org>", "alice@example.org", "Alice Archer"),
        (b'"Archer, Alice" <alice@example.org>', "alice@example.org", "Archer, Alice"),
        (b'"say \\"hi\\"" <alice@example.org>', "alice@example.org", 'say "hi"'),
        (b"J. R. Archer <alice@example.org>", "alice@example.org", "J. R. Archer"),
        (b"alice@example.org (Alice (the one))", "alice@example.org", "Alice (the one)"),
        (b"(work) Alice <alice@example.org> (note)", "alice@example.org", "Alice"),
        (b"=?utf-8?q?J=C3=BCrgen?= <j@example.org>", "j@example.org", "Jürgen"),
        (b"Jos\xe9 <jose@example.org>", "jose@example.org", "José"),
        (b'"eve@evil.test" <alice@example.org>', "alice@example.org", "eve@evil.test"),
        (b"alice@example.org <Alice@example.org>", "Alice@example.org", ""),
        (b"Alice [Work] <alice@example.org>", "alice@example.org", "Alice [Work]"),
        (b"=?utf-8?q?alice=40example.org?= <eve@evil.test>", "eve@evil.test", "alice@example.org"),
        (b"=?utf-8?q?=3Calice=40example.org=3E?= <eve@evil.test>", "eve@evil.test", None),
        (b"=?utf-8?q?a=0d=0aFrom=3A_alice?= <eve@evil.test>", "eve@evil.test", None),
        (b"=?utf-8?q?a=00b?= <eve@evil.test>", "eve@evil.test", None),
        # Letters that look alike make another address, and a member's is not taken for it.
        ("\u0430lice@example.org".encode(), "\u0430lice@example.org", ""),
        ("alice@ex\u0430mple.org".encode(), "alice@xn--exmple-4nf.org", ""),
        (b"Jos\xe9 (x) <alice@example.org>", "alice@example.org", "Jos\xe9"),
    ],
)
def test_a_plain_from_names_its_author(value: bytes, address: str, name: str | None) -> None:
    head, _ = split(b"From: " + value + b"\r\n\r\n")

    author = addresses.author(head)

    assert (author.address, author.problem) == (address, None)
    assert author.name == name or name is None
    assert is_safe(author.name)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Alice",
        b"undisclosed-recipients:;",
        b"alice@example.org <eve@evil.test>",
        b"alice@example.org, eve@evil.test",
        b"Alice <alice@example.org>, Eve <eve@evil.test>",
        b"alice@example.org,",
        b"alice@example.org)bob@evil.test",
        b"alice@example.org(<eve@evil.test>",
        b"<alice@example.org> <eve@evil.test>",
        b"<<alice@example.org>>",
        b"alice@example.org> <eve@evil.test",
        b"<alice@example.org",
        b"Team: alice@example.org;",
        b"<@relay.test:alice@example.org>",
        b"alice @example.org",
        b"alice@(x)example.org",
        b"alice bob@example.org",
        b'"alice@example.org',
        b"<alice@example.org> eve@evil.test",
        b"Archer, Alice <alice@example.org>",
        b"alice@example.org@evil.test",
        b"<>",
        b"=?utf-8?q?alice=40example.org?=",
        b"alice@example.org\\ <eve@evil.test>",
        b'"a b"@example.org',
        b'"alice"@example.org',
        b'"alice@example.org"@evil.test',
        b'"alice@example.org> "<eve@evil.test>x',
        b"alice@example.org\0 <eve@evil.test>",
        b"alice\0@example.org",
        b"=?utf-8?q?a=0d=0aFrom:_alice=40example.org?= <eve@evil.test>",
        b"alice@example.org\x0beve@evil.test",
        b"alice@example.org <eve@evil.test> (comment",
        b"(alice@example.org) eve@evil.test)",
        b"alice(x)@example.org",
        b"alice@example(.evil.test).org",
        b"@relay.test,@other.test:alice@example.org",
        b"<@relay.test,@other.test:alice@example.org>",
        b"Team: Alice <alice@example.org>, Eve <eve@evil.test>;",
        b"Team:;, alice@example.org",
        b"alice@example.org; eve@evil.test",
        b"alice@example.org eve@evil.test",
        b"alice@example.org\r\n\teve@evil.test",
        b"<alice@example.org>, <alice@example.org>",
        b"alice@example.org.",
        b"alice@.example.org",
        b"alice@example..org",
        b"alice@[127.0.0.1]",
        b"alice%example.org@",
        b"=?utf-8?q?alice?=@example.org",
        b"=?utf-8?q?=3Calice=40example.org=3E?=",
        b"alice@=?utf-8?q?example=2Eorg?=",
        b"alice@ex\xe4mple.org",
        b"\xe4lice@example.org",
        "\u212aate@example.org".encode(),
        "alice@\uff45xample.org".encode(),
        "alice\uff20example.org".encode(),
        "alice@example\u3002org".encode(),
        "al\u200bice@example.org".encode(),
        "al\x85ice@example.org".encode(),
        "al\u2028ice@example.org".encode(),
        b"x" * 300 + b"@example.org",
        b"a@example.org," * 200,
    ],
)
def test_a_from_that_could_be_read_in_two_ways_is_a_problem_and_never_a_guess(value: bytes) -> None:
    head, _ = split(b"From: " + value + b"\r\n\r\n")

    author = addresses.author(head)

    assert author.address is None
    assert author.problem


def test_two_from_fields_and_none_are_problems_that_say_so() -> None:
    none = addresses.author(split(b"To: x@example.org\r\n\r\n")[0])
    two = addresses.author(split(b"From: a@example.org\r\nFROM: a@example.org\r\n\r\n")[0])

    assert none.problem == "there is no From field"
    assert two.problem is not None
    assert "2 From fields" in two.problem


@given(st.text(alphabet='ab@.,<>()":; \\é=?', max_size=40))
def test_no_from_field_makes_the_reader_raise(text: str) -> None:
    author = addresses.author(split(b"From: " + text.encode() + b"\r\n\r\n")[0])

    assert (author.address is None) == (author.problem is not None)


def test_addresses_are_compared_without_regard_to_letters() -> None:
    assert addresses.key("Alice@example.org") == addresses.key("alice@EXAMPLE.org")
