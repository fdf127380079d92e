"""What is counted, how it is written, and that the document names every metric."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from listbridge.intake.tally import Tally
from listbridge.metrics import DECISIONS, GAUGES, OUTCOMES, Gauge, Metrics
from storage.states import DeliveryState

DOCUMENT = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def _samples(metrics: Metrics, **gauges: Gauge) -> dict[str, float]:
    """Every sample by its name with its labels, as Prometheus would read it."""
    families = text_string_to_metric_families(metrics.text(gauges).decode())
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
    }


def _counts(**more: int) -> dict[str, int]:
    names = ("fetched", "deleted", "queued", *DECISIONS)
    return {name: more.get(name, 0) for name in names}


def _polled(metrics: Metrics, trouble: str | None = None, **counts: int) -> None:
    metrics.polled("general", _counts(**counts), trouble=trouble, seconds=0.2, late=3)


def test_a_pass_is_counted_with_its_numbers(metrics: Metrics) -> None:
    _polled(metrics, fetched=4, deleted=4, posts=1, robots=3, queued=40)
    _polled(metrics, fetched=1, deleted=0, posts=1)

    found = _samples(metrics)

    assert found["listbridge_polls_total general ok"] == 2
    assert found["listbridge_messages_fetched_total general"] == 5
    assert found["listbridge_messages_deleted_total general"] == 4
    assert found["listbridge_messages_decided_total general posts"] == 2
    assert found["listbridge_messages_decided_total general robots"] == 3
    assert found["listbridge_deliveries_queued_total general"] == 40


def test_a_pass_with_trouble_is_an_error_of_that_kind(metrics: Metrics) -> None:
    _polled(metrics, trouble="login")
    _polled(metrics)

    found = _samples(metrics)

    assert found["listbridge_polls_total general login"] == 1
    assert found["listbridge_polls_total general ok"] == 1
    assert found["listbridge_errors_total login"] == 1


def test_how_long_a_pass_took_and_how_late_it_was_are_measured(metrics: Metrics) -> None:
    _polled(metrics)

    found = _samples(metrics)

    assert found["listbridge_poll_duration_seconds_sum"] == pytest.approx(0.2)
    assert found["listbridge_poll_lateness_seconds_sum"] == 3


def test_a_pass_that_had_no_time_was_not_late(metrics: Metrics) -> None:
    metrics.polled("general", _counts(), trouble=None, seconds=1)

    assert _samples(metrics)["listbridge_poll_lateness_seconds_count"] == 0


def test_a_pass_before_its_time_was_not_late_by_less_than_nothing(metrics: Metrics) -> None:
    metrics.polled("general", _counts(), trouble=None, seconds=1, late=-5)

    assert _samples(metrics)["listbridge_poll_lateness_seconds_sum"] == 0


def test_attempts_are_counted_by_outcome_and_what_was_not_tried_is_none(metrics: Metrics) -> None:
    metrics.sent("general", {DeliveryState.SENT: 3, DeliveryState.PENDING: 2})

    attempts = {
        name: value
        for name, value in _samples(metrics).items()
        if name.startswith("listbridge_delivery_attempts_total")
    }

    assert attempts == {"listbridge_delivery_attempts_total general sent": 3}


def test_a_gauge_stands_with_its_labels(metrics: Metrics) -> None:
    found = _samples(metrics, listbridge_held_posts={("general",): 2, ("quiet",): 0})

    assert found["listbridge_held_posts general"] == 2
    assert found["listbridge_held_posts quiet"] == 0


def test_two_processes_in_one_test_run_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.failed("ours")

    assert "listbridge_errors_total ours" not in _samples(other)


def test_no_series_says_when_a_counter_was_made(metrics: Metrics) -> None:
    _polled(metrics)

    assert [name for name in _samples(metrics) if "_created" in name] == []


def test_what_is_counted_are_numbers_of_poll_once() -> None:
    tally = Tally("general")
    assert all(getattr(tally, name) == 0 for name in _counts())


def test_outcomes_are_states_of_a_delivery() -> None:
    assert set(OUTCOMES) < {state.value for state in DeliveryState}


def test_the_document_names_every_metric_with_its_labels_and_no_other(metrics: Metrics) -> None:
    counted = {
        family.name + "_total" * (family.type == "counter")
        for family in metrics.registry.collect()
        if family.name.startswith("listbridge_")
    }
    rows = re.findall(r"^\| `(listbridge_\w+)` \|([^|]*)\|", DOCUMENT, re.MULTILINE)
    described = {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in rows}

    assert described.keys() == counted | GAUGES.keys()
    assert {name: described[name] for name in GAUGES} == {x: y[1] for x, y in GAUGES.items()}
