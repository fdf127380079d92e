"""Whether the owner of a lease lives, where /proc does not show everybody's processes."""

import os

import pytest

from storage import owner


@pytest.fixture
def somebody(monkeypatch: pytest.MonkeyPatch) -> str:
    """A process that /proc says nothing of."""
    machine = owner.this_process().rpartition("#")[0]
    monkeypatch.setattr(owner, "_started", lambda pid: "")
    return f"{machine}#4711@99"


def _answer(error: type[OSError]) -> object:
    def kill(pid: int, signal: int) -> None:
        assert signal == 0
        raise error

    return kill


def test_a_process_that_is_hidden_from_us_is_not_taken_for_dead(
    somebody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "kill", _answer(PermissionError))

    assert owner.is_alive(somebody) is None


def test_a_process_that_there_is_not_is_dead(
    somebody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "kill", _answer(ProcessLookupError))

    assert owner.is_alive(somebody) is False
