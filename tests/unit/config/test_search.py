"""Which service file is read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from listbridge.config.search import service_file
from listbridge.errors import ConfigError

Write = Callable[[str, str], Path]


def test_named_file_comes_before_all_others(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    named, other = write("named.toml", ""), write("other.toml", "")
    monkeypatch.setenv("LISTBRIDGE_CONFIG", str(other))

    assert service_file(named) == named


def test_environment_comes_before_the_current_folder(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = write("other.toml", "")
    write("listbridge.toml", "")
    monkeypatch.setenv("LISTBRIDGE_CONFIG", str(other))

    assert service_file(None) == other


def test_current_folder_comes_before_the_users_own(write: Write) -> None:
    here = write("listbridge.toml", "")
    write("../xdg/listbridge/listbridge.toml", "")

    assert service_file(None) == here


def test_users_own_file_is_found(write: Write) -> None:
    own = write("../xdg/listbridge/listbridge.toml", "")

    found = service_file(None)

    assert found is not None
    assert found.samefile(own)


def test_users_own_file_is_in_dot_config_unless_said_otherwise(
    write: Write, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = write("home/.config/listbridge/listbridge.toml", "")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(folder / "home"))

    assert service_file(None) == own


def test_relative_name_becomes_absolute(write: Write) -> None:
    path = write("sub/listbridge.toml", "")

    assert service_file(Path("sub/listbridge.toml")) == path


def test_named_file_that_is_missing_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"no service file nowhere\.toml, which --config names"):
        service_file(Path("nowhere.toml"))


def test_missing_file_of_the_environment_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTBRIDGE_CONFIG", "nowhere.toml")

    with pytest.raises(ConfigError, match="LISTBRIDGE_CONFIG"):
        service_file(None)
