"""What a subscriber file says."""

import pytest

from listbridge.membership import subscriber_file
from listbridge.membership.subscriber_file import BadLine, Entry, parse, told


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("alice@example.org", Entry("alice@example.org", "")),
        ("  alice@EXAMPLE.org \r", Entry("alice@example.org", "")),
        ("Alice@example.org # joined in May", Entry("Alice@example.org", "")),
        ("a#1@example.org", Entry("a#1@example.org", "")),
        ("<alice@example.org>", Entry("alice@example.org", "")),
        ("Alice Doe <alice@example.org>", Entry("alice@example.org", "Alice Doe")),
        ("Alice <alice@example.org>\t# <bob@example.org>", Entry("alice@example.org", "Alice")),
        ('"Doe, Alice" <alice@example.org>', Entry("alice@example.org", "Doe, Alice")),
        (r'"Alice \"Al\" # 1" <alice@example.org>', Entry("alice@example.org", 'Alice "Al" # 1')),
        ("C# Users <c@example.org>", Entry("c@example.org", "C# Users")),
        ("Jürgen <j@bücher.example>", Entry("j@xn--bcher-kva.example", "Jürgen")),
    ],
)
def test_line_names_a_subscriber(line: str, entry: Entry) -> None:
    assert parse(line) == ([entry], [])


@pytest.mark.parametrize("line", ["", "   ", "# alice@example.org", "  # Alice <a@example.org>"])
def test_line_names_nobody(line: str) -> None:
    assert parse(line) == ([], [])


@pytest.mark.parametrize(
    "line",
    [
        "alice",
        "alice@example.org bob@example.org",
        "alice@example.org, bob@example.org",
        "Alice <alice@example.org> <bob@example.org>",
        "Alice # <alice@example.org>",
        "Alice <alice@example.org",
        "Alice <>",
        "Alice\x00 <alice@example.org>",
        "Alice\u2028 <alice@example.org>",
        "alice\x85bob@example.org",
        '"Alice <alice@example.org>',
        "alice@example.org#",
    ],
)
def test_line_that_cannot_be_read_is_reported(line: str) -> None:
    entries, bad = parse(line)

    assert entries == []
    assert [one.number for one in bad] == [1]


def test_bad_lines_are_numbered_as_editors_do() -> None:
    entries, bad = parse(
        "# list\r\nalice@example.org\r\n\r\nbob\r\n\x0ccarol@example.org\nx\u2028y\n"
    )

    assert [one.address for one in entries] == ["alice@example.org", "carol@example.org"]
    assert [one.number for one in bad] == [4, 6]


def test_bad_line_says_what_to_do() -> None:
    assert parse("a b")[1] == [BadLine(1, "write one address, or Name <address>")]


def test_order_of_the_file_is_kept() -> None:
    entries, _ = parse("b@example.org\na@example.org\nb@example.org\n")

    assert [one.address[0] for one in entries] == ["b", "a", "b"]


def test_of_many_lines_that_cannot_be_read_a_few_are_named() -> None:
    _, bad = parse("nobody\n" * 10_000)

    sentence = told(bad)

    assert len(sentence) < 3000
    assert sentence.startswith("line 1: ")
    assert sentence.endswith("; and 9980 more lines like these")


def test_an_address_that_is_known_is_not_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []

    def normalise(address: str) -> str:
        checked.append(address)
        return address

    monkeypatch.setattr(subscriber_file, "normalise", normalise)

    entries, bad = parse("ann@example.org\nBob <bob@example.org>\n#c\n", {"ann@example.org"})

    assert (entries, bad) == ([Entry("ann@example.org", ""), Entry("bob@example.org", "Bob")], [])
    assert checked == ["bob@example.org"]
