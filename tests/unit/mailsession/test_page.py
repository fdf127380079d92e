"""docs/javamail-properties.md lists every property, and what the table says of it."""

import re
from pathlib import Path

import pytest

from listbridge.mailsession.javamail.names import ROWS, Effect, Row

PAGE = (Path(__file__).parents[3] / "docs" / "javamail-properties.md").read_text(encoding="utf-8")
HEADINGS = {
    Effect.TAKES: "## What takes effect",
    Effect.REFUSED: "## What cannot be honoured",
    Effect.NOTHING: "## What means nothing here",
}


def _line(row: Row) -> str:
    names = ", ".join(f"`{name}`" for name in row.names)
    key = f" {f'`{row.key}`' if row.key else ''} |" if row.effect is Effect.TAKES else ""
    return f"| {names} |{key} {row.why} |"


def _rows(effect: Effect) -> list[str]:
    section = PAGE.split(HEADINGS[effect])[1].split("\n## ")[0]
    return re.findall(r"^\| `.*\|$", section, re.MULTILINE)


@pytest.mark.parametrize("effect", Effect)
def test_the_page_has_the_rows_of_the_table(effect: Effect) -> None:
    assert _rows(effect) == [_line(row) for row in ROWS if row.effect is effect]


def test_no_property_stands_in_two_rows() -> None:
    names = [name for row in ROWS for name in row.names]
    assert len(names) == len(set(names))
