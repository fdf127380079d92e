"""Which account sends the alerts, and what is said if none can."""

from collections.abc import Callable
from pathlib import Path

import pytest

from listbridge.config import load
from listbridge.errors import ConfigError

Write = Callable[[str, str], Path]

TO = '[alerts]\nto = ["postmaster@example.org"]\n'
NAMED = TO + 'mail_session = "a"\n'
A = '[mail_sessions.a.outgoing]\nhost = "smtp.example.org"\nusername = "lists@example.org"\n'
B = '[mail_sessions.b.outgoing]\nhost = "smtp.example.net"\n'


@pytest.mark.parametrize("text", [NAMED + A, TO + A, NAMED + A + B])
def test_it_is_the_session_that_is_named_or_the_only_one(text: str, write: Write) -> None:
    write("listbridge.toml", text)

    settings = load().service.alert_settings

    assert settings is not None
    assert settings.account == "lists@example.org@smtp.example.org:465"


def test_its_paths_count_from_the_service_files_folder(write: Write, folder: Path) -> None:
    write("listbridge.toml", NAMED + A + 'ca_file = "ca.pem"\npassword = { file = "secret" }\n')

    settings = load().service.alert_settings

    assert settings is not None
    assert settings.ca_file == folder / "ca.pem"
    assert settings.password is not None
    assert settings.password.file == folder / "secret"


@pytest.mark.parametrize("text", ["", A, '[alerts]\nmail_session = "a"\n' + A])
def test_where_nobody_is_told_there_is_none(text: str, write: Write) -> None:
    write("listbridge.toml", text)

    assert load().service.alert_settings is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            TO,
            "listbridge.toml:1: alerts.mail_session: required with `to`: the mail session that "
            "sends; define one, with a table [mail_sessions.NAME.outgoing]",
        ),
        (
            TO + A + B,
            "listbridge.toml:1: alerts.mail_session: required with `to`: the mail session that "
            "sends; name one of 'a', 'b'",
        ),
        (
            NAMED + '[mail_sessions.a.incoming]\nhost = "imap.example.org"\n',
            "listbridge.toml:3: alerts.mail_session: the mail session 'a' has no outgoing host, "
            "so it cannot send alerts; give it one, or name another mail session",
        ),
        (
            TO + "[mail_sessions.a.outgoing]\nmax_connections = 1\n",
            "listbridge.toml:1: alerts.mail_session: the mail session 'a' has no outgoing host, "
            "so it cannot send alerts; give it one, or name another mail session",
        ),
        (
            NAMED + B,
            "listbridge.toml:3: alerts.mail_session: there is no mail session 'a'; "
            "the nearest known one is 'b'",
        ),
        (
            NAMED + A + "port = 0\n",
            "listbridge.toml:7: mail_sessions.a.outgoing.port: expected a number of at least 1",
        ),
    ],
)
def test_what_cannot_send_is_one_problem(text: str, expected: str, write: Write) -> None:
    write("listbridge.toml", text)

    with pytest.raises(ConfigError) as caught:
        load()

    assert str(caught.value) == expected


def test_a_profile_supplies_the_host(write: Write) -> None:
    session = '[mail_sessions.a]\nprovider = "gmail"\nusername = "ann@gmail.com"\npassword = "x"\n'
    write("listbridge.toml", NAMED + session)

    settings = load().service.alert_settings

    assert settings is not None
    assert (settings.host, settings.username) == ("smtp.gmail.com", "ann@gmail.com")


def test_a_user_name_that_only_a_category_fills_in_sends_no_alerts(write: Write) -> None:
    write("listbridge.toml", NAMED + A.replace("lists@", "{slug}@"))

    with pytest.raises(ConfigError, match=r"has \{slug\} in it, which only a category fills in"):
        load()
