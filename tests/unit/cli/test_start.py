"""The first moments of a process: what is put off until the program is there."""

import signal
from collections.abc import Iterator

import pytest

from listbridge import cli
from listbridge.__main__ import main


@pytest.fixture
def blocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Note, for each run of the command line, whether a SIGHUP would wait."""
    noted: list[bool] = []

    def run() -> None:
        noted.append(signal.SIGHUP in signal.pthread_sigmask(signal.SIG_BLOCK, ()))

    monkeypatch.setattr(cli, "main", run)
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    yield noted
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.mark.parametrize(
    ("arguments", "waits"),
    [(["serve"], True), (["-v", "serve", "--watch"], True), (["poll-once"], False)],
)
def test_only_a_service_has_a_reload_wait_while_it_starts(
    monkeypatch: pytest.MonkeyPatch, blocked: list[bool], arguments: list[str], waits: bool
) -> None:
    monkeypatch.setattr("sys.argv", ["listbridge", *arguments])
    main()
    assert blocked == [waits]
