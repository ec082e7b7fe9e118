"""What the service counts and measures, in the names of Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from handlers.rules.recording import Answer

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Metrics:
    """The metrics of one service; each has a registry of its own, so that several can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.deliveries = Counter(
            "drawbar_deliveries", "Deliveries by how they were answered.", ["subscription", "answer"], registry=self.registry
        )
        self.batches = Counter(
            "drawbar_batches_repeated",
            "Batches whose eventBatchId was known: the same again (duplicate), or with other events (conflict).",
            ["subscription", "message"],
            registry=self.registry,
        )
        self.events = Counter("drawbar_events", "Events by what became of them.", ["outcome"], registry=self.registry)
        self.signature_failures = Counter(
            "drawbar_signature_failures",
            "Deliveries refused, by subscription and reason.",
            ["subscription", "reason"],
            registry=self.registry,
        )
        self.commit_seconds = Histogram(
            "drawbar_commit_seconds", "From a group's first statement to its commit.", buckets=_SECONDS, registry=self.registry
        )
        self.group_deliveries = Histogram(
            "drawbar_group_deliveries", "Deliveries in one transaction.", buckets=_SIZES, registry=self.registry
        )
        self.queue_deliveries = Gauge("drawbar_queue_deliveries", "Deliveries that wait for the writer.", registry=self.registry)
        self.queue_bytes = Gauge("drawbar_queue_bytes", "Bytes of the bodies that wait for the writer.", registry=self.registry)
        self.store_available = Gauge(
            "drawbar_store_available", "1 if the store answered when the metrics were asked for, else 0.", registry=self.registry
        )
        self.quarantine_waiting = Gauge("drawbar_quarantine_waiting", "Quarantine entries that wait.", registry=self.registry)
        self.quarantine_oldest_seconds = Gauge(
            "drawbar_quarantine_oldest_seconds", "Age of the oldest quarantine entry that waits.", registry=self.registry
        )
        self.last_delivery_seconds = Gauge(
            "drawbar_last_delivery_seconds",
            "Seconds since a subscription's last delivery, or a feed's last events; absent before the first.",
            ["subscription"],
            registry=self.registry,
        )
        self.feed_answers = Counter(
            "drawbar_feed_answers",
            "Answers of a feed: with events (stored), without (empty), not readable (unreadable).",
            ["feed", "answer"],
            registry=self.registry,
        )
        self.feed_failures = Counter(
            "drawbar_feed_failures", "Requests to a feed that failed and were waited for.", ["feed"], registry=self.registry
        )
        self.feed_polling = Gauge(
            "drawbar_feed_polling",
            "1 while this process reads a feed, 0 while another one does or nobody can.",
            ["feed"],
            registry=self.registry,
        )

        self.provider_runs = Counter(
            "drawbar_provider_runs", "Runs of providers by how they ended.", ["provider", "status"], registry=self.registry
        )
        self.provider_records = Counter(
            "drawbar_provider_records",
            "Records of providers by what became of them.",
            ["provider", "stream", "outcome"],
            registry=self.registry,
        )
        self.provider_last_success = Gauge(
            "drawbar_provider_last_success_time_seconds",
            "When this process last made a run of a provider that succeeded, in Unix seconds.",
            ["provider"],
            registry=self.registry,
        )
        self.alerts = Counter(
            "drawbar_alerts",
            "Alerts sent, by what came of it: delivered, retried (another attempt follows), dead (none does), gone (disabled).",
            ["target", "outcome"],
            registry=self.registry,
        )
        self.alerts_waiting = Gauge("drawbar_alerts_waiting", "Alerts that wait to be sent.", ["target"], registry=self.registry)
        self.alerts_dead = Gauge(
            "drawbar_alerts_dead",
            "Alerts that could not be delivered, as long as they are kept.",
            ["target"],
            registry=self.registry,
        )
        self.alerts_sending = Gauge(
            "drawbar_alerts_sending",
            "1 while this process sends to a target, 0 while another one does.",
            ["target"],
            registry=self.registry,
        )

    def count(self, name: str, answer: Answer) -> None:
        """Count what became of the events of a delivery by a subscription or a feed."""
        counts = {
            "applied": answer.applied,
            "duplicate": answer.duplicates,
            "quarantined": answer.quarantined,
            "ignored": answer.ignored,
        }
        for outcome, count in counts.items():
            if count:
                self.events.labels(outcome).inc(count)
        if answer.message in {"conflict", "duplicate"}:
            self.batches.labels(name, answer.message).inc()

    def render(self) -> bytes:
        """All metrics in the text format of Prometheus."""
        return generate_latest(self.registry)
