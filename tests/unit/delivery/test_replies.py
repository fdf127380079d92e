"""From and Reply-To of real copies, in every combination, are what docs/replies.md says."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from listbridge.delivery import fanout
from listbridge.dmarc import Policy
from listbridge.message import Head, parse, replies, split
from listbridge.submission import OutgoingSettings
from tests.fakes.office import ADDRESS, general

PAGE = Path(__file__).parents[3] / "docs" / "replies.md"
ALICE = "Alice <alice@example.net>"
OWN = "Desk <desk@example.net>"
LIST = f'"Chess" <{ADDRESS}>'
PLACES = {"author": ALICE, "own": OWN, "list": LIST}
POLICIES = (Policy.NONE, Policy.ABSENT, Policy.QUARANTINE, Policy.REJECT, Policy.UNKNOWN)
COMBINATIONS = list(
    product(
        ("auto", "author", "list", "wrap"),
        POLICIES,
        ("list", "author", "both"),
        (True, False),
        (True, False),
    )
)


def copy_head(
    from_: str, policy: Policy, reply_to: str, *, is_member: bool = True, own: str = "", **more: Any
) -> Head:
    fields = f"From: {ALICE}\r\nMessage-ID: <a@b>\r\n" + (f"Reply-To: {own}\r\n" if own else "")
    raw = f"{fields}\r\ntext\r\n".encode()
    category = general(
        name="Chess",
        outgoing=OutgoingSettings(host="relay.example.org"),
        message={"from": from_, "reply_to": reply_to, **more},
    )
    copy, _ = fanout.copy_for(
        category,
        raw,
        parse(raw),
        message_id="<a@b>",
        date=datetime(2026, 11, 20, tzinfo=UTC),
        is_member=is_member,
        policy=policy,
    )
    return split(copy.head)[0]


def documented() -> Iterator[list[str]]:
    """Yield the cells of each row of the page's table."""
    _, _, table = PAGE.read_text("utf-8").partition("| reply_to |")
    for line in table.splitlines()[2:]:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def test_the_page_shows_the_table_of_the_code() -> None:
    def cells(row: replies.Row) -> list[str]:
        return [
            row.reply_to,
            {True: "member", False: "other", None: "any"}[row.is_member],
            {True: "yes", False: "no", None: "any"}[row.has_own],
            {True: "author", False: "list", None: "any"}[row.keeps_from],
            ", ".join(row.places) or "none",
            row.reply,
            row.to_all,
        ]

    assert list(documented()) == [cells(row) for row in replies.TABLE]


@pytest.mark.parametrize(("from_", "policy", "reply_to", "is_member", "has_own"), COMBINATIONS)
def test_a_copy_has_the_from_and_reply_to_of_the_page(
    from_: str, policy: Policy, reply_to: str, is_member: bool, has_own: bool
) -> None:
    keeps = from_ == "author" or (from_ == "auto" and policy in (Policy.NONE, Policy.ABSENT))
    wanted = [
        reply_to,
        "member" if is_member else "other",
        "yes" if has_own else "no",
        "author" if keeps else "list",
    ]
    [row] = [
        row
        for row in documented()
        if all(a in ("any", b) for a, b in zip(row[:4], wanted, strict=True))
    ]
    places = [PLACES[place] for place in row[4].split(", ") if place != "none"]

    head = copy_head(from_, policy, reply_to, is_member=is_member, own=OWN if has_own else "")

    assert head.text("From") == (ALICE if keeps else f'"Alice via Chess" <{ADDRESS}>')
    assert head.text("Reply-To") == ", ".join(places)


@pytest.mark.parametrize(("from_", "policy", "reply_to", "is_member", "has_own"), COMBINATIONS)
def test_reply_reaches_whom_the_page_says(
    from_: str, policy: Policy, reply_to: str, is_member: bool, has_own: bool
) -> None:
    """RFC 5322 3.6.2: an answer goes to Reply-To, and to From where there is none."""
    head = copy_head(from_, policy, reply_to, is_member=is_member, own=OWN if has_own else "")
    reached = head.text("Reply-To") or head.text("From")

    row = replies.row(
        reply_to,  # type: ignore[arg-type]
        is_member=is_member,
        has_own=has_own,
        keeps_from=head.text("From") == ALICE,
    )

    author, the_list = "@example.net" in reached, ADDRESS in reached
    assert (author, the_list) == {
        "the author": (True, False),
        "the list": (False, True),
        "both": (True, True),
    }[row.reply]


@pytest.mark.parametrize("case", [*product(("list", "author", "both"), *[(True, False)] * 3)])
def test_exactly_one_row_answers_each_case(case: tuple[Any, ...]) -> None:
    def fits(row: replies.Row) -> bool:
        stated = (row.reply_to, row.is_member, row.has_own, row.keeps_from)
        return all(a is None or a == b for a, b in zip(stated, case, strict=True))

    assert len([row for row in replies.TABLE if fits(row)]) == 1


@pytest.mark.parametrize("is_member", [True, False])
@pytest.mark.parametrize("reply_to", ["author", "both"])
def test_a_reply_to_that_names_the_list_leaves_it_alone(reply_to: str, is_member: bool) -> None:
    own = f"General <{ADDRESS.upper()}>"

    head = copy_head("list", Policy.NONE, reply_to, is_member=is_member, own=own)

    assert head.text("Reply-To") == own


@pytest.mark.parametrize("own", [ALICE, OWN, f"{OWN},\r\n\t{ALICE}"])
def test_a_reply_to_that_stays_keeps_its_bytes(own: str) -> None:
    head = copy_head("author", Policy.NONE, "author", own=own)

    assert [f.raw for f in head.all("Reply-To")] == [f"Reply-To: {own}\r\n".encode()]
