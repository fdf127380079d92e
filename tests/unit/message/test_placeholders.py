"""Placeholders stand for what a table says, and for nothing else."""

import pytest

from listbridge.message import placeholders

KNOWN = ("list_name", "list_address")
VALUES = {"list_name": "Chess {list_address}", "list_address": "chess@example.org"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("To {list_address}.", "To chess@example.org."),
        ("{list_name}", "Chess {list_address}"),  # what is put in is not looked at again
        ("{ list_name } {} {0} {LIST_NAME} }{ {", "{ list_name } {} {0} {LIST_NAME} }{ {"),
        ("{list_name.__class__} {list_name!r}", "{list_name.__class__} {list_name!r}"),
        ("{{list_address}}", "{chess@example.org}"),
    ],
)
def test_only_a_name_in_braces_is_replaced(text: str, expected: str) -> None:
    assert placeholders.filled(text, VALUES) == expected
    assert placeholders.unknown(text, KNOWN) is None


@pytest.mark.parametrize("text", ["{member}", "{list_name} {list_nam}", "{{member}}"])
def test_an_unknown_name_is_answered_with_the_known_ones(text: str) -> None:
    problem = placeholders.unknown(text, KNOWN)

    assert problem is not None
    assert problem.endswith("what may stand here is {list_name}, {list_address}")
