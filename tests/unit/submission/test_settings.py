"""The settings of one outgoing account."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from listbridge.submission import OutgoingSettings


def test_only_the_host_is_required() -> None:
    settings = OutgoingSettings(host="smtp.example.org")

    assert settings.security == "tls"
    assert settings.max_recipients == 50
    assert settings.timeout == timedelta(seconds=60)
    assert settings.give_up_after == timedelta(days=5)


@pytest.mark.parametrize(("security", "port"), [("tls", 465), ("starttls", 587), ("none", 25)])
def test_the_port_follows_from_security(security: str, port: int) -> None:
    settings = OutgoingSettings.model_validate({"host": "h", "security": security})

    assert settings.effective_port == port


def test_the_account_is_user_host_and_port() -> None:
    anonymous = OutgoingSettings(host="SMTP.example.org", security="none")
    known = OutgoingSettings(host="smtp.example.org", username="ann@example.org", port=2525)

    assert anonymous.account == "@smtp.example.org:25"
    assert known.account == "ann@example.org@smtp.example.org:2525"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("host", ""),
        ("host", "smtp.example.org\r\nQUIT"),
        ("host", "two words"),
        ("port", 0),
        ("port", 70000),
        ("security", "ssl"),
        ("username", "ann\r\nbob"),
        ("hello_name", "bridge example"),
        ("hello_name", "bridge\r\nMAIL"),
        ("hello_name", "brücke.example"),
        ("max_connections", 0),
        ("max_recipients", 0),
        ("max_recipients", 101),
        ("max_per_hour", 0),
        ("timeout", "0s"),
        ("timeout", "sixty"),
        ("on_uncertain", "ignore"),
        ("hots", "smtp.example.org"),
    ],
)
def test_a_wrong_value_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError):
        OutgoingSettings.model_validate({"host": "smtp.example.org", key: value})


def test_a_password_shows_in_no_error_and_no_repr() -> None:
    with pytest.raises(ValidationError) as caught:
        OutgoingSettings.model_validate({"password": "hunter2", "port": -1})
    settings = OutgoingSettings.model_validate({"host": "h", "password": "hunter2"})

    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()
