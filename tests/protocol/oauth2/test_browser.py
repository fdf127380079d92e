"""Consent in a browser that comes back (RFC 8252), and what could be slipped in on the way."""

import urllib.error
import urllib.request
from collections.abc import Callable
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from listbridge.oauth2 import OAuth2Settings, TokenRefused, browser, tokens
from listbridge.oauth2.tokens import Client
from tests.fakes.authorisation_server import AuthorisationServer

USER = "list@example.org"


@pytest.fixture
def who(settings: Callable[..., OAuth2Settings]) -> Client:
    return tokens.client(settings(), USER)


def test_the_answer_becomes_tokens(server: AuthorisationServer, who: Client) -> None:
    server.user = USER
    asked = browser.question(who, ("mail",), 7)

    given = browser.exchange(who, asked, server.visit(asked.url))

    assert given.access_token
    assert given.refresh_token


def test_the_address_names_user_scope_and_way_back(who: Client) -> None:
    asked = parse_qs(urlsplit(browser.question(who, ("a", "b"), 7).url).query)

    assert asked["scope"] == ["a b"]
    assert asked["login_hint"] == [USER]
    assert asked["redirect_uri"] == ["http://127.0.0.1:7/"]


def test_google_is_asked_for_a_lasting_consent() -> None:
    google = OAuth2Settings(provider="google", client_id="x", token_file="t")  # type: ignore[arg-type]

    asked = parse_qs(urlsplit(browser.question(tokens.client(google, USER), (), 7).url).query)

    assert (asked["access_type"], asked["prompt"]) == (["offline"], ["consent"])


def test_no_two_questions_are_alike(who: Client) -> None:
    one, other = (browser.question(who, (), 7) for _ in range(2))
    assert one.state != other.state
    assert one.verifier != other.verifier
    assert 43 <= len(one.verifier) <= 128  # RFC 7636 4.1
    assert one.verifier not in one.url


@pytest.mark.parametrize(
    "address",
    ["", "x", "http://127.0.0.1:7/?code=c", "http://[", "http://127.0.0.1:7/?state=\udcff"],
)
def test_an_answer_to_nothing_we_asked_is_not_taken(
    server: AuthorisationServer, who: Client, address: str
) -> None:
    """Else somebody could have us use his own account (RFC 6749 10.12)."""
    asked = browser.question(who, (), 7)

    with pytest.raises(TokenRefused, match="not the address"):
        browser.exchange(who, asked, address)

    assert server.requests == []


def test_a_stolen_code_is_worth_nothing(server: AuthorisationServer, who: Client) -> None:
    asked = browser.question(who, (), 7)
    address = server.visit(asked.url)
    thief = browser.question(who, (), 7)
    stolen = address.replace(asked.state, thief.state)

    with pytest.raises(TokenRefused, match="invalid_grant"):
        browser.exchange(who, thief, stolen)


def test_a_no_in_the_browser_is_said(server: AuthorisationServer, who: Client) -> None:
    server.denies = True
    asked = browser.question(who, (), 7)

    with pytest.raises(TokenRefused, match="the consent was refused"):
        browser.exchange(who, asked, server.visit(asked.url))


def test_only_the_answer_ends_the_wait(server: AuthorisationServer, who: Client) -> None:
    with browser.Return() as back:
        asked = browser.question(who, (), back.port)
        address = server.visit(asked.url)

        def visits() -> None:
            for one in (address.replace("state=", "state=x"), address):
                try:
                    with urllib.request.urlopen(one, timeout=60) as page:
                        page.read()
                except urllib.error.HTTPError as err:
                    err.close()

        person = Thread(target=visits)
        person.start()
        came = back.wait(asked, 100)
        person.join(60)

    assert browser.exchange(who, asked, came).access_token


def test_nobody_is_waited_for_for_ever(who: Client) -> None:
    with browser.Return() as back, pytest.raises(TokenRefused, match="in time"):
        back.wait(browser.question(who, (), back.port), 0.01)
