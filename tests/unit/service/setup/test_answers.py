"""What follows from an address, and from the present moment."""

import time
from datetime import UTC, date, datetime

import pytest

from listbridge.config.category_file import SLUG
from listbridge.service.setup import first_day, name_for, slug_for


@pytest.mark.parametrize(
    ("address", "slug"),
    [
        ("choir@example.org", "choir"),
        ("Summer.Choir+list@example.org", "summer.choir-list"),
        ("_x_@example.org", "x"),
        ("+++@example.org", "list"),
        ("übung@example.org", "bung"),
    ],
)
def test_a_slug_follows_from_the_address(address: str, slug: str) -> None:
    assert slug_for(address) == slug
    assert SLUG.fullmatch(slug)


@pytest.mark.parametrize(("slug", "name"), [("summer-choir", "Summer choir"), ("a.b_c", "A b c")])
def test_a_name_follows_from_the_slug(slug: str, name: str) -> None:
    assert name_for(slug) == name


@pytest.mark.parametrize(
    ("zone", "now", "day"),
    [
        ("UTC", datetime(2026, 11, 21, 9, tzinfo=UTC), date(2026, 11, 21)),
        # Sydney has the 21st already, most servers have not.
        ("AEST-10", datetime(2026, 11, 20, 23, tzinfo=UTC), date(2026, 11, 20)),
        # Los Angeles still has the 20th.
        ("PST8", datetime(2026, 11, 21, 3, tzinfo=UTC), date(2026, 11, 20)),
    ],
)
def test_mail_counts_from_the_day_it_is_here_or_in_utc(
    monkeypatch: pytest.MonkeyPatch, zone: str, now: datetime, day: date
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        found = first_day(now)
    time.tzset()

    assert found == day
