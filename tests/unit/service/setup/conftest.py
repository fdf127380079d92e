"""Answers that make a good list; a test changes what it is about."""

from collections.abc import Callable
from typing import Any

import pytest

from listbridge.secret import Secret
from listbridge.service.setup import Answers, Server


@pytest.fixture
def answers() -> Callable[..., Answers]:
    """Make answers; the keywords replace some of them."""

    def make(**changed: Any) -> Answers:
        given: dict[str, Any] = {
            "address": "choir@example.org",
            "slug": "choir",
            "name": "Choir",
            "password": Secret.model_validate("opensesame"),
            "incoming": Server("imap", "imap.example.org"),
            "outgoing": Server("smtp", "smtp.example.org", "starttls"),
            "username": "choir@example.org",
            "outgoing_username": "choir@example.org",
        }
        return Answers(**given | changed)

    return make
