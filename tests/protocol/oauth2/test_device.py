"""Consent by a code typed in elsewhere (RFC 8628)."""

from collections.abc import Callable
from typing import Any

import pytest

from listbridge.oauth2 import OAuth2Settings, TokenRefused, TokenUnavailable, device, tokens
from listbridge.oauth2.tokens import Client
from tests.fakes.authorisation_server import AuthorisationServer, says

USER = "list@example.org"


@pytest.fixture
def who(settings: Callable[..., OAuth2Settings]) -> Client:
    return tokens.client(settings(), USER)


@pytest.fixture
def slept() -> list[float]:
    """How long was waited each time."""
    return []


def test_the_person_is_waited_for(
    server: AuthorisationServer, who: Client, slept: list[float]
) -> None:
    server.pending = ["authorization_pending", "authorization_pending"]

    prompt = device.begin(who, ("mail",))
    given = device.wait(who, prompt, slept.append)

    assert (prompt.page, prompt.user_code) == ("https://login.example.org/device", "ABCD-EFGH")
    assert given.refresh_token
    assert slept == [1, 1, 1]
    assert server.requests[0].fields["scope"] == "mail"
    assert "client_secret" not in server.requests[0].fields


def test_it_goes_slower_when_told_to(
    server: AuthorisationServer, who: Client, slept: list[float]
) -> None:
    server.pending = ["slow_down", "authorization_pending", "slow_down"]

    device.wait(who, device.begin(who, ()), slept.append)

    assert slept == [1, 6, 6, 11]


def test_a_server_that_stumbles_is_asked_again(
    server: AuthorisationServer, who: Client, slept: list[float]
) -> None:
    prompt = device.begin(who, ())
    server.instead["/token"] = says(502, b"<html>bad gateway</html>")

    def recovers(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            server.instead.clear()

    assert device.wait(who, prompt, recovers).access_token


@pytest.mark.parametrize("error", ["access_denied", "authorization_declined"])
def test_a_no_is_a_no(server: AuthorisationServer, who: Client, error: str) -> None:
    server.pending = [error]

    with pytest.raises(TokenRefused, match="was refused"):
        device.wait(who, device.begin(who, ()), lambda _: None)


def test_a_code_that_ran_out_is_said(server: AuthorisationServer, who: Client) -> None:
    server.pending = ["expired_token"]

    with pytest.raises(TokenRefused, match="in time; begin again"):
        device.wait(who, device.begin(who, ()), lambda _: None)


def test_it_ends_even_if_the_server_never_says_so(
    server: AuthorisationServer, who: Client, slept: list[float]
) -> None:
    server.more = {"expires_in": 30, "interval": 5}
    server.pending = ["authorization_pending"] * 100

    with pytest.raises(TokenRefused, match="in time"):
        device.wait(who, device.begin(who, ()), slept.append)

    assert sum(slept) == 30


@pytest.mark.parametrize(
    "odd",
    [
        {"interval": 0},
        {"interval": -5},
        {"interval": "x"},
        {"interval": None},
        {"expires_in": "soon"},
        {"expires_in": 1e400},
        {"interval": 1e400},
    ],
)
def test_odd_times_do_not_matter(
    server: AuthorisationServer, who: Client, slept: list[float], odd: dict[str, Any]
) -> None:
    server.more = odd

    assert device.wait(who, device.begin(who, ()), slept.append).access_token
    assert 0 < slept[0] <= 60


@pytest.mark.parametrize(
    "odd",
    [{"user_code": None}, {"user_code": "a\x1b[2J"}, {"verification_uri": 1}, {"device_code": ""}],
)
def test_a_code_that_cannot_be_shown_is_an_error(
    server: AuthorisationServer, who: Client, odd: dict[str, Any]
) -> None:
    server.more = odd

    with pytest.raises(TokenUnavailable, match="gave no code"):
        device.begin(who, ())


def test_an_unknown_client_is_said_at_once(server: AuthorisationServer, who: Client) -> None:
    server.instead["/device"] = says(400, {"error": "unauthorized_client"})

    with pytest.raises(TokenRefused, match="the client may not do this"):
        device.begin(who, ())
