"""Where tokens are kept, which login counts, and what is asked for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from listbridge.config import load
from listbridge.oauth2 import OAuth2Settings

WriteCategory = Callable[..., Path]
Write = Callable[[str, str], Path]
GOOGLE = 'oauth2 = { provider = "google", client_secret = { file = "secrets/c" } }'


def incoming() -> OAuth2Settings:
    settings = load().categories["general"].incoming
    assert settings is not None
    assert settings.oauth2 is not None
    return settings.oauth2


def test_tokens_lie_beside_the_database(category: WriteCategory, write: Write) -> None:
    """It is where the program may write; the service file's folder often is not."""
    write("listbridge.toml", 'database = "sqlite:////var/lib/listbridge/listbridge.db"\n')
    category(incoming=GOOGLE)

    assert incoming().token_file == Path(
        "/var/lib/listbridge/tokens/google-general@example.org.json"
    )


def test_with_postgresql_they_lie_beside_the_service_file(
    category: WriteCategory, write: Write, folder: Path
) -> None:
    write("listbridge.toml", 'database = "postgresql://h/d"\n')
    category(incoming=GOOGLE)

    assert incoming().token_file == folder / "tokens/google-general@example.org.json"


def test_a_client_secrets_file_counts_from_the_service_file(
    category: WriteCategory, folder: Path
) -> None:
    category(incoming=GOOGLE)

    one = incoming()

    assert one.client_secret is not None
    assert one.client_secret.file == folder / "secrets/c"


def test_a_token_file_that_is_named_counts_from_the_service_file(
    category: WriteCategory, folder: Path
) -> None:
    category(incoming='oauth2 = { provider = "google", token_file = "t/x.json" }')
    assert incoming().token_file == folder / "t/x.json"


def test_a_user_name_cannot_lead_out_of_the_folder(category: WriteCategory, folder: Path) -> None:
    category(incoming=f'username = "../../x"\n{GOOGLE}')
    assert incoming().token_file == folder / "tokens/google-..%2F..%2Fx.json"


@pytest.mark.parametrize(
    ("supplied", "own"),
    [("password", "oauth2"), ("oauth2", "password")],
)
def test_the_categorys_own_login_replaces_the_sessions(
    category: WriteCategory, write: Write, supplied: str, own: str
) -> None:
    values = {"password": 'password = "x"', "oauth2": 'oauth2 = { provider = "google" }'}
    write("listbridge.toml", f"[mail_sessions.a.incoming]\n{values[supplied]}\n")
    category(top='incoming_session = "a"', incoming=values[own])

    settings = load().categories["general"].incoming

    assert settings is not None
    assert getattr(settings, own) is not None
    assert getattr(settings, supplied) is None


def test_microsoft_is_asked_for_what_is_needed_and_no_more() -> None:
    one = OAuth2Settings(provider="microsoft")

    assert one.scopes("imap", "smtp") == (
        "https://outlook.office.com/IMAP.AccessAsUser.All",
        "https://outlook.office.com/SMTP.Send",
        "offline_access",
        "openid",
        "profile",
    )


def test_google_has_one_scope_for_everything() -> None:
    scopes = OAuth2Settings(provider="google").scopes("imap", "pop3", "smtp")
    assert scopes == ("https://mail.google.com/", "openid", "email")


def test_the_tenant_stands_in_microsofts_addresses() -> None:
    one = OAuth2Settings(provider="microsoft", tenant="contoso.example")
    usual = OAuth2Settings(provider="microsoft")

    assert one.token_url == "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
    assert usual.device_url.startswith("https://login.microsoftonline.com/common/")


def test_an_application_of_its_own_right_asks_for_all_that_it_may() -> None:
    one = OAuth2Settings(
        provider="microsoft",
        flow="client_credentials",
        client_secret="x",  # type: ignore[arg-type]
    )
    assert one.scopes("imap") == ("https://outlook.office365.com/.default",)


@pytest.mark.parametrize(
    ("fields", "flow"),
    [
        ({"provider": "google"}, "browser"),
        ({"provider": "microsoft"}, "device"),
        ({"token_endpoint": "https://h/t", "authorization_endpoint": "https://h/a"}, "browser"),
        ({"token_endpoint": "https://h/t", "device_endpoint": "https://h/d"}, "device"),
        ({"token_endpoint": "https://h/t"}, "client_credentials"),
    ],
)
def test_the_usual_flow_is_what_the_provider_has(fields: dict[str, str], flow: str) -> None:
    assert OAuth2Settings(**fields).effective_flow == flow  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:80/t", "http://[::1]/t", "http://localhost/t", "https://h.example/t?x=y"],
)
def test_an_endpoint_on_this_machine_may_be_in_the_clear(url: str) -> None:
    assert OAuth2Settings(token_endpoint=url).token_url == url


@pytest.mark.parametrize(
    "url",
    ["http://h.example/t", "ftp://h/t", "https://", "https://u:p@h/t", "https://h:x/t", "/t"],
)
def test_an_endpoint_elsewhere_has_to_be_encrypted(url: str) -> None:
    with pytest.raises(ValueError, match="write a"):
        OAuth2Settings(token_endpoint=url)
