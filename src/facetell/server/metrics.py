"""What the service counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from facetell.detect.report import Report


class Metrics:
    """The counters of one app."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "facetell_requests_total",
            "Requests answered.",
            ["method", "route", "status"],
            registry=registry,
        )
        self.latency = Histogram(
            "facetell_request_seconds",
            "Time from a request's head to the end of its answer.",
            ["method", "route"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=registry,
        )
        self.verdicts = Counter(
            "facetell_files_total",
            "Files judged, by verdict, or by status where there is none.",
            ["kind", "outcome"],
            registry=registry,
        )
        self.failures = Counter(
            "facetell_failures_total",
            "What went wrong here: worker_died, time_limit, database, request.",
            ["what"],
            registry=registry,
        )
        self.queue = Gauge(
            "facetell_queue_files",
            "Files of jobs in the queue, of all servers that share it.",
            ["state"],
            registry=registry,
        )
        self.waiting = Gauge(
            "facetell_photos_waiting",
            "Requests to /v1/detect that wait for a worker of this server.",
            registry=registry,
        )

    def count(self, report: Report) -> None:
        self.verdicts.labels(str(report.kind), str(report.verdict or report.status)).inc()

    def text(self) -> bytes:
        return generate_latest(self._registry)
