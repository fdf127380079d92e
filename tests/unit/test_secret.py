"""Secrets: where they are read from, and which places are refused."""

import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import pytest

from listbridge.errors import SecretError
from listbridge.secret import Secret

PASSWORD = "correct horse"


class _Desktop(keyring.backend.KeyringBackend):
    """A keyring that one person has opened."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        if service == "locked":
            raise keyring.errors.KeyringLocked(PASSWORD)
        return PASSWORD if (service, username) == ("mail", "ann") else None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError


@pytest.fixture
def desktop() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(_Desktop())
    yield
    keyring.set_keyring(before)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "pass word"
    file.write_text(f"{PASSWORD}\nsecond line\n")
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640])
def test_a_file_of_the_owner_and_his_group_is_read(file: Path, mode: int) -> None:
    file.chmod(mode)

    assert Secret(file=file).reveal() == PASSWORD


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o620, 0o644, 0o666])
def test_a_file_that_others_can_get_at_is_refused_with_the_cure(file: Path, mode: int) -> None:
    file.chmod(mode)

    with pytest.raises(SecretError) as caught:
        Secret(file=file).reveal()

    assert caught.value.cure == f"chmod 600 '{file}'"


def test_what_systemd_hands_over_is_taken_whatever_its_mode(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.chmod(0o644)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(file.parent))

    assert Secret(file=file).reveal() == PASSWORD


@pytest.mark.usefixtures("desktop")
def test_a_password_comes_from_the_keyring() -> None:
    assert Secret(keyring=("mail", "ann")).reveal() == PASSWORD


@pytest.mark.usefixtures("desktop")
@pytest.mark.parametrize(
    ("entry", "cure"),
    [
        (("mail", "bob b"), "keyring set mail 'bob b'"),
        (("locked", "ann"), "unlock the keyring"),
    ],
)
def test_a_keyring_without_the_password_says_so(entry: tuple[str, str], cure: str) -> None:
    with pytest.raises(SecretError) as caught:
        Secret(keyring=entry).reveal()

    assert cure in str(caught.value.cure)
    assert PASSWORD not in str(caught.value)


def test_a_missing_keyring_library_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)

    with pytest.raises(SecretError) as caught:
        Secret(keyring=("mail", "ann")).reveal()

    assert caught.value.cure == "pip install 'listbridge[keyring]'"


def test_the_mark_that_windows_puts_in_front_is_no_part_of_a_password(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfopensesame\r\n")

    assert Secret(file=file).reveal() == "opensesame"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("/none",), "cannot be run: No such file or directory"),
        (("false",), "ended with exit status 1"),
    ],
)
def test_a_command_that_fails_is_to_be_run_by_hand(command: tuple[str, ...], why: str) -> None:
    with pytest.raises(SecretError, match=why) as caught:
        Secret(command=command).reveal()

    assert caught.value.cure is not None
    assert "by hand" in caught.value.cure


SEVERAL = "first line\nsecond line\n"


def test_a_secret_of_several_lines_is_read_whole_from_everywhere(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(SEVERAL)
    monkeypatch.setenv("SEVERAL", SEVERAL)
    command = (sys.executable, "-c", f"print({SEVERAL!r}, end='')")
    places = [Secret(file=file), Secret(env="SEVERAL"), Secret(command=command)]

    assert [one.reveal_all("DKIM key") for one in places] == [SEVERAL] * 3


def test_it_is_called_what_it_is_where_it_is_missing(tmp_path: Path) -> None:
    for one in (Secret(file=tmp_path / "none"), Secret(env="NONE"), Secret(command=("/none",))):
        with pytest.raises(SecretError, match="DKIM key"):
            one.reveal_all("DKIM key")
