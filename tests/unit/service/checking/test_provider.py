"""What `check` says of a provider it knows."""

import pytest

from listbridge.category import Category
from listbridge.service.checking.provider import check_provider
from listbridge.submission import OutgoingSettings


def found(host: str, **keys: object) -> dict[str, tuple[bool, str]]:
    values = {"host": host, "username": "ann@gmail.com", **keys}
    outgoing = OutgoingSettings.model_validate(values)
    category = Category(slug="chess", address="chess@example.org", outgoing=outgoing)
    return {one.what: (one.ok, one.seen) for one in check_provider(category)}


def test_a_known_limit_that_nothing_keeps_is_wrong() -> None:
    ok, seen = found("smtp.gmail.com")["outgoing max_per_day"]

    assert not ok
    assert "allows 500 recipients a day" in seen


@pytest.mark.parametrize("own", [100, 500, 2000])
def test_a_limit_of_ones_own_is_taken_as_meant(own: int) -> None:
    ok, seen = found("smtp.gmail.com", max_per_day=own)["outgoing max_per_day"]

    assert ok
    assert f"{own} are set" in seen


def test_an_address_that_has_to_be_an_alias_is_told() -> None:
    ok, seen = found("smtp.gmail.com", max_per_day=1)["outgoing sender"]

    assert ok
    assert "chess@example.org has to be an alias of ann@gmail.com" in seen


def test_of_a_host_that_nobody_knows_nothing_is_said() -> None:
    assert found("smtp.example.org") == {}
