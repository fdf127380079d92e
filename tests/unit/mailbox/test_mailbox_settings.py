import datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from listbridge.mailbox import IncomingSettings, LoginRefused
from listbridge.mailbox.connect import password_of


def settings(**fields: object) -> IncomingSettings:
    return IncomingSettings(
        **({"host": "Mail.Example.org", "username": "general@example.org"} | fields)  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("protocol", "security", "port"),
    [
        ("imap", "tls", 993),
        ("imap", "starttls", 143),
        ("imap", "none", 143),
        ("pop3", "tls", 995),
        ("pop3", "starttls", 110),
        ("pop3", "none", 110),
    ],
)
def test_port_follows_protocol_and_security(protocol: str, security: str, port: int) -> None:
    assert settings(protocol=protocol, security=security).effective_port == port


def test_configured_port_wins() -> None:
    assert settings(port=10993).effective_port == 10993


def test_defaults_are_those_of_the_manual() -> None:
    plain = settings()

    assert plain.protocol == "imap"
    assert plain.security == "tls"
    assert plain.folder == "INBOX"
    assert plain.after_fetch == "delete"
    assert plain.target == "Processed"
    assert plain.idle
    assert plain.timeout == datetime.timedelta(seconds=60)


def test_key_names_user_host_and_folder() -> None:
    assert settings().key == "imap://general@example.org@mail.example.org/INBOX"


def test_standard_port_is_no_part_of_the_key() -> None:
    assert settings(port=143, security="starttls").key == settings().key


def test_unusual_port_is_part_of_the_key() -> None:
    assert settings(port=10993).key == "imap://general@example.org@mail.example.org:10993/INBOX"


def test_inbox_is_the_same_in_any_spelling() -> None:
    assert settings(folder="inbox").key == settings().key


def test_other_folders_are_told_apart_by_case() -> None:
    assert settings(folder="Lists").key != settings(folder="lists").key


def test_pop_and_imap_on_the_inbox_are_the_same_place() -> None:
    assert settings(protocol="pop3").place == settings().place
    assert settings(protocol="pop3").key != settings().key


def test_slash_in_a_user_name_cannot_look_like_a_folder() -> None:
    odd = settings(username="a@h/x", host="h2")

    assert odd.place == "a@h%2Fx@h2/INBOX"


@pytest.mark.parametrize("field", ["host", "username", "folder", "move_to"])
@pytest.mark.parametrize("text", ["a\r\nb", "a\nb", "a\rb", "a\0b", "a\u2028b", "a\x85b"])
def test_control_characters_are_refused_in_every_text(field: str, text: str) -> None:
    with pytest.raises(ValidationError, match="control character"):
        settings(**{field: text})


@pytest.mark.parametrize("host", ["", "a b", "imap://host", "user@host"])
def test_host_is_only_a_name(host: str) -> None:
    with pytest.raises(ValidationError):
        settings(host=host)


@pytest.mark.parametrize("port", [0, 65536])
def test_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(ValidationError):
        settings(port=port)


@pytest.mark.parametrize("after_fetch", ["move", "trash"])
def test_pop_cannot_move(after_fetch: str) -> None:
    with pytest.raises(ValidationError, match="needs IMAP"):
        settings(protocol="pop3", after_fetch=after_fetch)


def test_moving_into_the_folder_that_is_read_is_refused() -> None:
    with pytest.raises(ValidationError, match="name another"):
        settings(after_fetch="move", move_to="Inbox")


def test_time_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 1s"):
        settings(timeout="0s")


def test_password_is_not_in_the_representation() -> None:
    assert "hunter2" not in repr(settings(password="hunter2"))


def test_a_password_that_is_not_where_it_should_be_is_trouble_with_the_login(
    tmp_path: Path,
) -> None:
    """Nobody need wait whether the server comes back by itself."""
    with pytest.raises(LoginRefused, match="cannot be read"):
        password_of(settings(password={"file": tmp_path / "none"}))
