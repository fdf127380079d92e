"""When digests are due, by the clock on the wall."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from listbridge.category import DigestSettings
from listbridge.delivery.digest_times import next_due


@pytest.fixture(params=["UTC", "Europe/Berlin", "America/New_York"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let the machine be in that time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def due(settings: dict[str, str], now: str) -> str:
    """Return what is due next, both as the clock of the machine has it."""
    found = next_due(
        DigestSettings.model_validate(settings), datetime.fromisoformat(now).astimezone(UTC)
    )
    return f"{found.astimezone():%Y-%m-%dT%H:%M}"


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(
    ("settings", "now", "expected"),
    [
        ({}, "2026-11-05T06:59:59", "2026-11-05T07:00"),
        ({}, "2026-11-05T07:00", "2026-11-06T07:00"),
        ({"at": "23:30"}, "2026-12-31T23:31", "2027-01-01T23:30"),
        ({"every": "weekly"}, "2026-11-05T06:00", "2026-11-09T07:00"),
        ({"every": "weekly"}, "2026-11-09T06:00", "2026-11-09T07:00"),
        ({"every": "weekly"}, "2026-11-09T08:00", "2026-11-16T07:00"),
    ],
)
def test_they_are_due_at_their_hour_by_the_machines_clock(
    settings: dict[str, str], now: str, expected: str
) -> None:
    assert due(settings, now) == expected


@pytest.mark.parametrize("zone", ["Europe/Berlin"], indirect=True)
@pytest.mark.usefixtures("zone")
def test_the_hour_stays_the_same_when_clocks_are_changed() -> None:
    assert due({}, "2026-03-28T08:00") == "2026-03-29T07:00"
    assert due({}, "2026-10-24T08:00") == "2026-10-25T07:00"
