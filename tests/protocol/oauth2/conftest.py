"""An authorisation server, and a user whose consent it has."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from listbridge.oauth2 import OAuth2Settings
from tests.fakes.authorisation_server import AuthorisationServer

USER = "list@example.org"


@pytest.fixture
def server() -> Iterator[AuthorisationServer]:
    with AuthorisationServer() as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the tokens lie."""
    return tmp_path / "token.json"


@pytest.fixture
def settings(server: AuthorisationServer, tmp_path: Path) -> Callable[..., OAuth2Settings]:
    """Make settings for the server; keys may be added and replaced."""
    return lambda **fields: OAuth2Settings(**server.settings(tmp_path, **fields))
