"""What servers' words about a refused login are taken to mean."""

import tomllib
from pathlib import Path

import pytest

from listbridge import refusals

_FIXTURE = Path(__file__).parents[2] / "fixtures" / "refusals.toml"
COLLECTED = tomllib.loads(_FIXTURE.read_text(encoding="utf-8"))["refusal"]


@pytest.mark.parametrize("said", COLLECTED, ids=lambda said: f"{said['server']}: {said['means']}")
def test_the_words_of_real_servers_are_understood(said: dict[str, str]) -> None:
    understood = refusals.understand(said["words"])

    assert (understood is None) is (said["means"] == "")
    assert understood is None or said["means"] in understood.meaning


@pytest.mark.parametrize("said", COLLECTED, ids=lambda said: said["server"])
def test_where_words_were_found_is_said(said: dict[str, str]) -> None:
    assert said["source"].startswith(("https://", "reported", "the server itself"))


def test_only_what_passes_by_itself_is_tried_again_unchanged() -> None:
    passing = {
        said["means"]
        for said in COLLECTED
        if (meant := refusals.understand(said["words"])) and meant.passing
    }

    assert passing == {"too many connections", "too many logins"}


def test_a_megabyte_of_words_costs_no_time() -> None:
    assert refusals.understand("too many " * 100_000) is None
