"""The ways in which the SMTP tests are run; BDAT has tests of its own."""

import pytest

from tests.fakes.smtp_server import SmtpServer

#: What a server announces, by the way in which we then talk to it.
WAYS = {"lock_step": (), "pipelined": ("PIPELINING",)}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test once for each way; only what the server announces differs."""
    monkeypatch.setattr(SmtpServer, "also_offers", WAYS[request.param])
    return str(request.param)
