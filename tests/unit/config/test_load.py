"""All files together."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from listbridge.config import load

Write = Callable[[str, str], Path]
WriteCategory = Callable[..., Path]


def test_broken_category_stops_only_itself(write: Write, category: WriteCategory) -> None:
    category("good")
    category("wrong", top="adress = 1")
    write("categories/syntax.toml", 'address = "a@example.org"\n[incoming\n')

    configuration = load()

    assert list(configuration.categories) == ["good"]
    assert set(configuration.broken) == {"wrong", "syntax"}
    assert str(configuration.broken["syntax"][0]).startswith(
        "categories/syntax.toml:2: is not valid TOML"
    )


def test_unreadable_entries_stop_only_themselves(category: WriteCategory, folder: Path) -> None:
    category("good")
    (folder / "categories/dir.toml").mkdir()
    (folder / "categories/gone.toml").symlink_to("nowhere")
    (folder / "categories/latin.toml").write_bytes(b'address = "\xe4@example.org"')
    (folder / "categories/deep.toml").write_text("a = " + "[" * 5000 + "]" * 5000)
    (folder / os.fsdecode(b"categories/na\xefve.toml")).write_text("")

    configuration = load()

    assert list(configuration.categories) == ["good"]
    assert set(configuration.broken) == {"dir", "gone", "latin", "deep", "na\\xefve"}
    for some in configuration.broken.values():
        assert str(some[0]).encode("utf-8")


def test_other_files_are_left_alone(category: WriteCategory, write: Write) -> None:
    category("good")
    for name in (".hidden.toml", "old.toml~", "general.subscribers", "README", ".toml"):
        write(f"categories/{name}", "not a category")

    configuration = load()

    assert [*configuration.categories, *configuration.broken] == ["good"]


def test_service_file_is_no_category_where_they_share_a_folder(write: Write) -> None:
    write("listbridge.toml", 'categories = "."\n')
    write("general.toml", 'address = "a@example.org"\nincoming.host = "h"\n')

    configuration = load()

    assert [*configuration.categories, *configuration.broken] == ["general"]


def test_files_outside_the_current_folder_are_named_in_full(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = write("listbridge.toml", "")
    path = write("categories/general.toml", "x = 1\n")
    monkeypatch.chdir(tmp_path / "current/categories")
    assert str(load(service).broken["general"][0]).startswith("general.toml: address: ")

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert load(service).broken["general"][0].file == path


def test_configuration_cannot_be_changed(category: WriteCategory) -> None:
    category()
    general = load().categories["general"]

    with pytest.raises(ValueError, match="frozen"):
        general.name = "other"  # type: ignore[misc]


def test_a_file_of_ten_megabytes_is_refused_unread(write: Callable[[str, str], Path]) -> None:
    write("categories/huge.toml", f'address = "a@example.org"\nname = "{"x" * 10_000_000}"\n')

    [problem] = load().broken["huge"]

    assert "has more than 4000000 bytes" in str(problem)
