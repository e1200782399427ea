"""A service's Prometheus metrics, of all its workers together (multi-process mode)."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """The metrics of one process. Belongs to one app."""

    def __init__(self, version: str, runtime: str) -> None:
        own = CollectorRegistry()
        labels = ("version",)
        self.requests = Counter(
            "sluice_service_requests",
            "Requests by the status of their answer",
            (*labels, "code"),
            registry=own,
        )
        self.rows = Counter(
            "sluice_service_rows",
            "Rows by outcome: predicted or refused",
            (*labels, "outcome"),
            registry=own,
        )
        self.seconds = Histogram(
            "sluice_service_predict_duration_seconds",
            "Time in the model",
            labels,
            registry=own,
            buckets=SECONDS,
        )
        self.batch = Histogram(
            "sluice_service_batch_rows", "Rows of a request", labels, registry=own, buckets=ROWS
        )
        info = Gauge(
            "sluice_service_info",
            "1; the label tells the runtime in use",
            (*labels, "runtime"),
            registry=own,
            multiprocess_mode="livemax",
        )
        info.labels(version, runtime).set(1)
        self.version = version
        self._seconds = self.seconds.labels(version)
        self._batch = self.batch.labels(version)
        self._good = self.rows.labels(version, "predicted")
        self._bad = self.rows.labels(version, "refused")
        self._ok = self.requests.labels(version, "200")

    def predicted(self, good: int, bad: int, seconds: float) -> None:
        """Count one batch that went through the model."""
        self._seconds.observe(seconds)
        self._batch.observe(good + bad)
        self._good.inc(good)
        if bad:
            self._bad.inc(bad)

    def answered(self, status: int) -> None:
        """Count one answer."""
        if status == 200:
            self._ok.inc()
        else:
            self.requests.labels(self.version, str(status)).inc()


def exposition(accept: str = "") -> tuple[bytes, str]:
    """The metrics of all workers of this process group, and their content type.

    accept: the request's header of that name; OpenMetrics where it asks for it."""
    encode, content_type = choose_encoder(accept)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return encode(registry), content_type
