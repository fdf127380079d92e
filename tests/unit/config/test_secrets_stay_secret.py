"""No secret of a configuration file is shown by anything that is made of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from listbridge.config import load
from listbridge.errors import ConfigError

Write = Callable[[str, str], Path]

SECRET = "hunter2"

WRONG_SECRETS = [
    f'password = ["{SECRET}"]',
    f'password = {{ litteral = "{SECRET}" }}',
    f'password = {{ "{SECRET}" = 1 }}',
    f'password = {{ env = "{SECRET}", file = "{SECRET}" }}',
    f'password = {{ command = "echo {SECRET}" }}',
    f'password = "{SECRET}\\n"',
    f"password = {SECRET}",
    f'oauth2 = "{SECRET}"',
    f'oauth2 = {{ "{SECRET}" = 1 }}',
    f'oauth2 = {{ provider = "{SECRET}" }}',
    f'oauth2 = {{ provider = "google", client_secret = ["{SECRET}"] }}',
    f'oauth2 = {{ provider = "google", client_secret = {{ "{SECRET}" = 1 }} }}',
    f'oauth2 = {{ provider = "google", client_id = "{SECRET}\\n" }}',
    f'oauth2 = {{ token_endpoint = "https://u:{SECRET}@h/t" }}',
    f'oauth2 = {{ provider = "microsoft", tenant = "{SECRET}/" }}',
    f'oauth2 = {{ provider = "google", secret_expires = "{SECRET}" }}',
    f'pasword = "{SECRET}"',
    f'port = "{SECRET}"',
    f'timeout = "{SECRET}"',
]


@pytest.mark.parametrize("half", ["incoming", "outgoing"])
@pytest.mark.parametrize("line", WRONG_SECRETS)
def test_error_in_a_category_file_repeats_no_secret(write: Write, half: str, line: str) -> None:
    write("categories/general.toml", f'address = "a@example.org"\n[{half}]\nhost = "h"\n{line}\n')

    configuration = load()

    assert configuration.broken["general"]
    assert SECRET not in repr(configuration)
    assert SECRET not in "".join(map(str, configuration.broken["general"]))


@pytest.mark.parametrize("line", WRONG_SECRETS)
def test_error_in_the_service_file_repeats_no_secret(write: Write, line: str) -> None:
    write("listbridge.toml", f'[mail_sessions.default.outgoing]\nhost = "h"\n{line}\n')

    with pytest.raises(ConfigError) as caught:
        load()

    assert SECRET not in str(caught.value)


def test_repr_of_a_configuration_shows_no_secret(write: Write) -> None:
    write(
        "listbridge.toml",
        f'database = "postgresql+psycopg://u:{SECRET}@h/d"\n'
        f'[mail_sessions.default.properties]\n"mail.smtp.password" = "{SECRET}"\n'
        f'[mail_sessions.default.incoming]\nhost = "h"\npassword = "{SECRET}"\n'
        f'[mail_sessions.default.outgoing]\nhost = "h"\npassword = "{SECRET}"\n',
    )
    write("categories/general.toml", 'address = "a@example.org"\nmail_session = "default"\n')

    configuration = load()

    general = configuration.categories["general"]
    assert general.incoming is not None
    assert general.incoming.password is not None
    assert general.incoming.password.reveal() == SECRET
    assert SECRET not in repr(configuration)
    assert SECRET not in str(configuration.service)


def test_repr_shows_no_oauth2_secret(write: Write) -> None:
    text = f'host = "h"\noauth2 = {{ provider = "google", client_secret = "{SECRET}" }}\n'
    write(
        "categories/general.toml",
        f'address = "a@example.org"\n[incoming]\n{text}[outgoing]\n{text}',
    )

    configuration = load()

    assert "general" in configuration.categories
    assert SECRET not in repr(configuration)
