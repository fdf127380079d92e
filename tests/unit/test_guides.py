"""Every command line in the guides and in the operator's manual can be typed as it stands there."""

import re
from pathlib import Path

import pytest

from tests import command_lines

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "operations.md", DOCS / "oauth2.md", *sorted((DOCS / "guides").glob("*.md"))]
LINES = [(page.name, line) for page in PAGES for line in command_lines.in_file(page)]
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


def test_every_page_has_command_lines() -> None:
    assert {page for page, _ in LINES} == {page.name for page in PAGES}


@pytest.mark.parametrize(("page", "line"), LINES)
def test_a_command_line_names_commands_and_options_that_there_are(page: str, line: str) -> None:
    assert command_lines.problem(line) is None


@pytest.mark.parametrize(
    "line", ["nonsense", "posts", "posts nonsense", "audit --nonsense", "--nonsense audit"]
)
def test_a_wrong_command_line_is_noticed(line: str) -> None:
    assert command_lines.problem(line)


def test_the_end_of_a_command_line_is_found() -> None:
    text = "    cd lists && listbridge --config a.toml poll-once --dry-run > log 2>&1  # tries it"

    [line] = command_lines.in_text(text)

    assert command_lines.problem(line) is None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for file, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        if not file.startswith("https:"):
            target = (page.parent / file).resolve() if file else page
            assert target.is_file(), file
            assert not anchor or anchor in _anchors(target), anchor


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
