"""The folder of templates: what is right in it is used, and what is wrong loses no notice."""

from collections.abc import Callable
from pathlib import Path

import pytest

from listbridge.config import load
from listbridge.service.checking import check_everything

WriteCategory = Callable[..., Path]

RIGHT = '[welcome]\nsubject = "Hallo"\ntext = "Hallo $member"\n'
WRONG = '[welcome]\nsubject = "Hallo"\ntext = "Hallo $mebmer"\n'


@pytest.fixture
def words(category: WriteCategory) -> Path:
    category(top='language = "de"')
    Path("listbridge.toml").write_text('templates = "words"\n')
    made = Path("words")
    made.mkdir()
    return made


def test_a_text_of_one_s_own_is_the_category_s(words: Path) -> None:
    (words / "de.toml").write_text(RIGHT)

    found = load()

    assert found.warnings == ()
    assert found.categories["general"].texts["de"]["welcome"]["subject"] == "Hallo"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WRONG, "words/de.toml:3: welcome.text: $mebmer is not known here"),
        ("[welcome\n", "words/de.toml:1: is not valid TOML"),
        ("[wellcome]\n", "words/de.toml:1: wellcome: there is no such notice"),
    ],
)
def test_a_mistake_is_said_and_the_built_in_text_used(words: Path, text: str, said: str) -> None:
    (words / "de.toml").write_text(text)

    found = load()

    [warning] = found.warnings
    assert said in str(warning)
    assert "built-in text" in str(warning)
    assert found.categories["general"].texts.get("de", {}) == {}


def test_a_folder_that_is_missing_is_said_and_stops_nothing(words: Path) -> None:
    words.rmdir()

    found = load()

    assert "words: cannot be read" in str(found.warnings[0])
    assert "general" in found.categories


@pytest.mark.parametrize(("text", "ok"), [(RIGHT, True), (WRONG, False)])
def test_check_looks_at_them(words: Path, text: str, ok: bool) -> None:
    (words / "de.toml").write_text(text)

    found = list(check_everything(load(), [], offline=True, probe=False, done=lambda: None))

    assert [one.ok for one in found if one.what == "templates"] == [ok]


def test_a_language_that_nobody_wrote_is_said(words: Path, category: WriteCategory) -> None:
    category(top='language = "it"')

    [warning] = load().warnings

    assert "general.toml:1: language" in str(warning)
    assert "English is used" in str(warning)


def test_a_language_in_the_folder_is_one(words: Path, category: WriteCategory) -> None:
    category(top='language = "it"')
    (words / "it.toml").write_text(RIGHT)

    assert load().warnings == ()
