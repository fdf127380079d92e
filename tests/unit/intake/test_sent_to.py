"""To which of the categories that share a mailbox a message was sent, by its header alone."""

import pytest

from listbridge import message
from listbridge.intake.sent_to import NotForUs, sent_to
from listbridge.message import addresses

GENERAL, DEV, OPS = "general@example.org", "dev@example.org", "ops@example.org"
ADDRESSES = {"general": GENERAL, "dev": DEV, "ops": OPS}
ELSEWHERE = "bob@example.net"


def routed(
    *fields: str, account: str = "mail@example.org", addresses: dict[str, str] = ADDRESSES
) -> list[str]:
    raw = "".join(f"{one}\r\n" for one in fields) + "\r\nhello\r\n"
    return sent_to(message.head(raw.encode("utf-8", "surrogateescape")), addresses, account)


@pytest.mark.parametrize(
    ("fields", "slugs"),
    [
        ((f"To: {DEV}",), ["dev"]),
        ((f"Cc: Bob <{ELSEWHERE}>, The developers <{DEV}>",), ["dev"]),
        ((f"To: {OPS}, {GENERAL}",), ["general", "ops"]),
        ((f"To: {OPS}", f"Cc: {DEV}"), ["dev", "ops"]),
        ((f"To: {ELSEWHERE}", f"To: {DEV}"), ["dev"]),
        (("To: DEV@Example.ORG",), ["dev"]),
        ((f"Delivered-To: {OPS}", f"To: {ELSEWHERE}"), ["ops"]),
        ((f"Delivered-To: {ELSEWHERE}", f"Delivered-To: {OPS}"), ["ops"]),
        ((f"X-Original-To: {DEV}", f"Delivered-To: {OPS}"), ["dev", "ops"]),
        ((f"Envelope-to: <{DEV}>",), ["dev"]),
        ((f"X-Envelope-To: {DEV}",), ["dev"]),
        ((f"Resent-To: {DEV}", f"To: {ELSEWHERE}"), ["dev"]),
        ((f"Resent-Cc: {DEV}", f"To: {GENERAL}"), ["general", "dev"]),
        ((f"To: The lists: {GENERAL}, {DEV};",), ["general", "dev"]),
        (("To: undisclosed-recipients:;", f"Delivered-To: {DEV}"), ["dev"]),
        ((f"To: {DEV},",), ["dev"]),
        ((f"To: Doe, John <{ELSEWHERE}>, {DEV}",), ["dev"]),
        ((f"To: =?utf-8?q?Entwickler?= <{DEV}>",), ["dev"]),
        ((f"Delivered-To: mailing list {OPS}", f"To: {DEV}"), ["dev"]),
        (("To: dev-request@example.org",), ["dev"]),
        (("To: dev-leave@example.org", "Delivered-To: dev+help@example.org"), ["dev"]),
    ],
)
def test_every_address_of_the_header_counts(fields: tuple[str, ...], slugs: list[str]) -> None:
    assert routed(*fields) == slugs


@pytest.mark.parametrize("address", ["dev+tag@example.org", "Dev+a+b@example.org"])
def test_a_tag_is_ignored_where_the_address_without_it_is_a_categorys(address: str) -> None:
    assert routed(f"To: {address}") == ["dev"]


@pytest.mark.parametrize(
    ("address", "slug"),
    [
        ("me@example.org", "all"),
        ("me+dev@example.org", "dev"),
        ("me+dev+x@example.org", "dev"),
        ("me+other@example.org", "all"),
    ],
)
def test_of_categories_that_differ_by_a_tag_the_one_with_the_most_of_it_is_meant(
    address: str, slug: str
) -> None:
    addresses = {"all": "me@example.org", "dev": "me+dev@example.org"}

    assert routed(f"To: {address}", addresses=addresses) == [slug]


@pytest.mark.parametrize("name", ["Delivered-To", "X-Original-To", "Envelope-To"])
@pytest.mark.parametrize("account", [GENERAL, "General@example.org", "general"])
def test_the_account_that_a_server_notes_of_everything_counts_only_alone(
    name: str, account: str
) -> None:
    noted = f"{name}: {GENERAL}"

    assert routed(noted, f"To: {DEV}", account=account) == ["dev"]
    assert routed(noted, f"X-Envelope-To: {DEV}", account=account) == ["dev"]
    assert routed(noted, f"To: {ELSEWHERE}", account=account) == ["general"]
    assert routed(noted, f"To: {GENERAL}, {DEV}", account=account) == ["general", "dev"]


def test_who_is_written_to_by_the_accounts_own_address_is_meant() -> None:
    assert routed(f"To: {GENERAL}", f"Delivered-To: {GENERAL}", account=GENERAL) == ["general"]


@pytest.mark.parametrize(
    "field",
    [
        f"To: {ELSEWHERE}",
        "To: xdev@example.org",
        "To: dev@example.org.evil.example",
        "To: dev@evil.example",
        "To: dev-archive@example.org",
        f'To: "{DEV}" <{ELSEWHERE}>',
        f"Subject: {DEV}",
        f"X-To: {DEV}",
        "To: + @example.org",
        "Subject: no recipient at all",
    ],
)
def test_what_was_sent_to_none_is_refused_with_what_was_looked_for(field: str) -> None:
    with pytest.raises(NotForUs, match=f"^it was sent to none of {DEV}, {GENERAL}, {OPS}, which"):
        routed(field)


@pytest.mark.parametrize(
    "field",
    [
        f'To: "{DEV} <{GENERAL}>',
        f"To: {DEV} {GENERAL}",
        f"To: {DEV} <{ELSEWHERE}>",
        f"To: ({DEV} {GENERAL}",
    ],
)
def test_what_can_be_read_in_two_ways_is_left_to_a_person(field: str) -> None:
    with pytest.raises(NotForUs, match=r"may name .*dev@example\.org"):
        routed(field)


def test_a_doubt_about_an_address_that_is_certain_elsewhere_is_none() -> None:
    assert routed(f"To: {DEV} {GENERAL}", f"Cc: {DEV}, {GENERAL}") == ["general", "dev"]


def test_many_addresses_are_named_by_the_first_few() -> None:
    addresses = {f"c{n}": f"c{n}@example.org" for n in range(9)}

    with pytest.raises(NotForUs, match=r"c0@.*c4@example\.org and 4 more, which share"):
        routed(f"To: {ELSEWHERE}", addresses=addresses)


def test_a_list_is_found_behind_hundreds_of_colleagues() -> None:
    colleagues = ", ".join(f"colleague-{n}@example.org" for n in range(1500))

    assert routed(f"To: {colleagues}, {DEV}") == ["dev"]


@pytest.mark.parametrize(
    "spam",
    [
        ", ".join(f"dev{n}x@example.org" for n in range(2500)),
        "dev@example.org " * 4_000,
        ", ".join(f"<dev+{'+' * 40}{n}@example.net@example.org>" for n in range(600)),
        "ü@example.org," * 4_000,
        "(" * 30_000 + ")" * 30_000,
        ":;" * 30_000,
    ],
)
def test_of_a_hostile_header_few_addresses_are_checked(
    spam: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = 0

    def counted(text: str) -> str:
        nonlocal checked
        checked += 1
        return normalise(text)

    normalise = addresses.normalise
    monkeypatch.setattr(addresses, "normalise", counted)

    with pytest.raises(NotForUs):
        routed(*(f"{name}: {spam}" for name in ("To", "Cc", "Delivered-To")))

    assert checked <= 200


def test_an_alias_for_commands_that_is_a_category_is_that_one() -> None:
    both = {"dev": DEV, "help": "dev-help@example.org"}

    assert routed("To: dev-help@example.org", addresses=both) == ["help"]
