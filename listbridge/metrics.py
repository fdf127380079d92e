"""What this process counts and measures for Prometheus, and how gauges of the store are written.

docs/metrics.md says what each metric means.
"""

from collections.abc import Iterator, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

#: The media type of the text, for the answer's Content-Type.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: The value of a gauge, by the values of its labels in their order.
Gauge = Mapping[tuple[str, ...], float]

#: How a message can be decided, as `poll-once` counts it.
DECISIONS = (
    *("posts", "replies", "duplicates", "held", "rejected", "discarded"),
    *("commands", "bounces", "robots", "shunted"),
)

#: How an attempt at a delivery can end.
OUTCOMES = ("sent", "deferred", "failed", "uncertain")

_BY_CATEGORY = ("category",)
#: The gauges that are read from the store at each scrape, with their meaning and labels.
GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "listbridge_database_up": ("Whether the database could be read for this scrape.", ()),
    "listbridge_backlog_deliveries": (
        "Deliveries that are not finished, by state.",
        ("category", "state"),
    ),
    "listbridge_backlog_due_deliveries": (
        "Deliveries whose time to be sent has come.",
        _BY_CATEGORY,
    ),
    "listbridge_backlog_age_seconds": ("Age of the oldest message still to be sent.", _BY_CATEGORY),
    "listbridge_undecided_messages": ("Inbound messages not decided yet.", _BY_CATEGORY),
    "listbridge_shunted_messages": ("Inbound messages set aside for a person.", _BY_CATEGORY),
    "listbridge_held_posts": ("Posts that wait for a moderator.", _BY_CATEGORY),
    "listbridge_last_poll_timestamp_seconds": ("When the last pass ended.", _BY_CATEGORY),
    "listbridge_poll_overdue_seconds": ("How long the next pass has been due.", _BY_CATEGORY),
    "listbridge_poll_failures": ("Passes in a row that ended with trouble.", _BY_CATEGORY),
    "listbridge_account_paused": ("1 while an outgoing account is left alone.", ("account",)),
    "listbridge_leases": ("Mailboxes that some process is working on.", ()),
}


class Metrics:
    """The counters of one process; safe to use from several threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._polls = self._counter("polls", "Passes that ended.", "category", "outcome")
        self._fetched = self._counter("messages_fetched", "Messages read.", "category")
        self._deleted = self._counter("messages_deleted", "Messages seen to be gone.", "category")
        self._decided = self._counter("messages_decided", "Decisions.", "category", "decision")
        self._queued = self._counter("deliveries_queued", "Deliveries made.", "category")
        self._attempts = self._counter(
            "delivery_attempts", "Attempts at deliveries that ended.", "category", "outcome"
        )
        self._errors = self._counter("errors", "What went wrong.", "kind")
        self._duration = self._histogram(
            "poll_duration_seconds",
            "How long a pass took.",
            (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
        )
        self._lateness = self._histogram(
            "poll_lateness_seconds",
            "How long after its time a pass began.",
            (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900),
        )

    def polled(
        self,
        category: str,
        counts: Mapping[str, int],
        *,
        trouble: str | None,
        seconds: float,
        late: float | None = None,
    ) -> None:
        """Count a pass that ended: its numbers as `poll-once` names them, and what went wrong.

        `late` is how many seconds after its time it began; None where it had none, as after IDLE.
        """
        self._polls.labels(category, trouble or "ok").inc()
        for counter, name in (
            (self._fetched, "fetched"),
            (self._deleted, "deleted"),
            (self._queued, "queued"),
        ):
            counter.labels(category).inc(counts[name])
        for name in DECISIONS:
            if counts[name]:
                self._decided.labels(category, name).inc(counts[name])
        if trouble is not None:
            self.failed(trouble)
        self._duration.observe(seconds)
        if late is not None:
            self._lateness.observe(max(0.0, late))

    def sent(self, category: str, outcomes: Mapping[str, int]) -> None:
        """Count attempts that ended, by outcome; what was not tried is none."""
        for outcome in OUTCOMES:
            if number := outcomes.get(outcome, 0):
                self._attempts.labels(category, outcome).inc(number)

    def failed(self, kind: str) -> None:
        """Count something that went wrong, by its kind: one of few words, never a sentence."""
        self._errors.labels(kind).inc()

    def text(self, gauges: Mapping[str, Gauge]) -> bytes:
        """Return everything as Prometheus reads it, with these of `GAUGES`."""
        return generate_latest(_Together(self.registry, gauges))

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"listbridge_{name}", meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"listbridge_{name}", meaning, buckets=buckets, registry=self.registry)


class _Together:
    """The counters of this process followed by gauges of the store."""

    def __init__(self, registry: CollectorRegistry, gauges: Mapping[str, Gauge]) -> None:
        self._registry = registry
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            # One more series for each counter, with the time it was made, is of use to nobody.
            metric.samples = [x for x in metric.samples if not x.name.endswith("_created")]
            yield metric
        for name, values in self._gauges.items():
            meaning, labels = GAUGES[name]
            family = GaugeMetricFamily(name, meaning, labels=labels)
            for at, value in values.items():
                family.add_metric(at, value)
            yield family
