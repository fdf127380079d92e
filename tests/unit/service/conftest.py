"""An installation with one category, whose mailbox and account are in memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from listbridge.bootstrap import Installation
from listbridge.category import Category
from listbridge.config import Configuration
from listbridge.config.models import Service
from listbridge.delivery.worker import Account
from listbridge.service import once, rehearsal
from listbridge.submission import OutgoingSettings
from storage.database import Database
from tests.fakes.courier import RecordingCourier
from tests.fakes.mailbox import FakeServer
from tests.fakes.office import general

Install = Callable[..., Installation]


@pytest.fixture
def install(
    db: Database, category_id: int, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> Install:
    """Make the installation; the arguments are the category's settings."""
    monkeypatch.setattr(once, "open_mailbox", server.open)
    monkeypatch.setattr(rehearsal, "open_mailbox", server.open)

    def made(**settings: Any) -> Installation:
        category = category_with(server, **settings)
        service = Service(file=None, folder=Path.cwd(), categories=Path.cwd())
        configuration = Configuration(service, {"general": category}, {}, ())
        return Installation(configuration, db, {"general": category_id}, {})

    return made


@pytest.fixture
def courier(monkeypatch: pytest.MonkeyPatch) -> RecordingCourier:
    """What takes over the mail of every account."""
    one = RecordingCourier()
    monkeypatch.setattr(once.Accounts, "of", lambda self, settings: Account(one))
    return one


def category_with(server: FakeServer, **settings: Any) -> Category:
    """Return a category that reads from the server and can send."""
    sending = OutgoingSettings(host="smtp.example.org")
    return general(**{"incoming": server.settings, "outgoing": sending, **settings})
