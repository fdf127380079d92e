"""What the shell offers when the Tab key is pressed."""

from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from listbridge.cli import command
from tests.unit.test_docs import EVERY


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two categories."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LISTBRIDGE_CONFIG", raising=False)
    _write(tmp_path, "garden", "general")
    return tmp_path


def _write(folder: Path, *slugs: str) -> None:
    (folder / "categories").mkdir(parents=True)
    (folder / "listbridge.toml").touch()
    for slug in slugs:
        (folder / "categories" / f"{slug}.toml").touch()


def _offered(*arguments: str, incomplete: str = "") -> list[str]:
    shell = ShellComplete(command, {}, "listbridge", "_LISTBRIDGE_COMPLETE")
    return [one.value for one in shell.get_completions(list(arguments), incomplete)]


def test_categories_are_offered_by_their_slugs() -> None:
    assert _offered("posts", "list") == ["garden", "general"]


def test_only_what_fits_the_first_letters_is_offered() -> None:
    assert _offered("poll-once", "garden", incomplete="ge") == ["general"]


@pytest.mark.parametrize("before", [True, False])
def test_the_service_file_on_the_line_decides(folder: Path, before: bool) -> None:
    _write(folder / "other", "news")
    option, words = ("--config", "other/listbridge.toml"), ("posts", "list")

    assert _offered(*(option + words if before else words + option)) == ["news"]


@pytest.mark.parametrize("content", ["no TOML", 'nonsense = "x"', 'categories = "nowhere"'])
def test_a_wrong_service_file_is_no_error_here(folder: Path, content: str) -> None:
    (folder / "listbridge.toml").write_text(content)

    assert set(_offered("posts", "list")) <= {"garden", "general"}


def test_a_missing_service_file_is_no_error_here() -> None:
    assert _offered("--config", "missing.toml", "posts", "list") == []


@pytest.mark.parametrize("name", EVERY)
def test_every_category_that_can_be_named_can_be_completed(name: str) -> None:
    for argument in EVERY[name].params:
        if isinstance(argument, click.Argument) and argument.name in ("category", "categories"):
            assert _offered(*name.split()) == ["garden", "general"]
