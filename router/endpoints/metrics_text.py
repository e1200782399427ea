"""GET /metrics: the metrics of all workers as Prometheus text."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from rollout.verdict.bins import bin_edge_ms
from rollout.verdict.evidence import summed
from router.evidence.prediction_counters import VALUE_EDGES
from router.evidence.worker_metrics import Key, Snapshot, split_keys

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BATCH_ROWS = tuple(2.0**exponent for exponent in range(14))
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily

# (name, meaning, label names, prefix of the counts)
COUNTERS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    (
        "sluice_requests",
        "Requests, by the version that was drawn for them",
        ("version", "role", "code"),
        "requests",
    ),
    ("sluice_predictions", "Predictions, by class", ("version", "class"), "predictions"),
    (
        "sluice_shadow_compared",
        "Answers of shadows compared with the user's",
        ("version", "outcome"),
        "shadow",
    ),
    ("sluice_shadow_dropped", "Copies that found no room", ("version",), "shadow_dropped"),
    ("sluice_fallback", "Requests another version answered", ("version", "reason"), "fallback"),
    ("sluice_feedback", "Late labels", ("version", "outcome"), "feedback"),
    (
        "sluice_complaints",
        "Error codes in the platform's log of a version",
        ("version", "code"),
        "complaints",
    ),
    ("sluice_refused", "Answers that were no prediction", ("code",), "refused"),
)
GAUGES: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    (
        "sluice_verdict",
        "Evidence against the candidate of a judged rollout, as a part of what decides "
        "(logarithms; 1 decides)",
        ("signal",),
        "verdict",
    ),
    ("sluice_in_flight", "Rows under way to a version", ("version",), "in_flight"),
    ("sluice_queue_rows", "Rows that wait for a version", ("version",), "queue_rows"),
)
HISTOGRAMS = {
    "sluice_request_seconds": "Seconds from draw to answer",
    "sluice_batch_rows": "Rows in a batch",
    "sluice_prediction_value": "Predicted values of a regression",
}
SINGLES = {
    "sluice_split_weight": "Share of the traffic, asked and served",
    "sluice_ledger_revision": "Revision the slowest worker follows",
    "sluice_ledger_age_seconds": "Seconds since the ledger answered",
    "sluice_workers": "Router workers",
}


def names() -> list[str]:
    """The names of all metrics, as they are exposed."""
    counters = [f"{name}_total" for name, *_ in COUNTERS]
    gauges = [name for name, *_ in GAUGES]
    return [*counters, *gauges, *HISTOGRAMS, *SINGLES]


class Exposition(Collector):
    """One scrape: the sum of all snapshots."""

    def __init__(self, snapshots: list[Snapshot], asked: dict[str, int], split_id: str) -> None:
        self.live = [snapshot for snapshot in snapshots if not snapshot.gone]
        self.counts = split_keys(summed(snapshot.counts for snapshot in snapshots))
        self.gauges = split_keys(summed(snapshot.gauges for snapshot in self.live))
        self.asked = asked
        self.served = shares(drawn_counts(self.gauges, split_id))

    def collect(self) -> Iterator[Family]:
        """All metric families."""
        for name, meaning, labels, prefix in COUNTERS:
            counter = CounterMetricFamily(name, meaning, labels=labels)
            for key, value in _under(self.counts, prefix):
                counter.add_metric(key, value)

            yield counter

        for name, meaning, labels, prefix in GAUGES:
            gauge = GaugeMetricFamily(name, meaning, labels=labels)
            for key, value in _under(self.gauges, prefix):
                gauge.add_metric(key, value)

            yield gauge

        yield self._seconds()
        yield self._batch_rows()
        yield self._values()
        yield from self._table()

    def _seconds(self) -> Family:
        family = HistogramMetricFamily(
            "sluice_request_seconds",
            HISTOGRAMS["sluice_request_seconds"],
            labels=("version", "role"),
        )
        sums = dict(_under(self.counts, "latency_sum"))
        for key, bins in _bins(self.counts, "latency").items():
            buckets = _buckets(bins, SECONDS, lambda index: bin_edge_ms(int(index)) / 1000)
            family.add_metric(key, buckets, sums.get(key, 0.0))

        return family

    def _batch_rows(self) -> Family:
        family = HistogramMetricFamily(
            "sluice_batch_rows", HISTOGRAMS["sluice_batch_rows"], labels=("version",)
        )
        sums = dict(_under(self.counts, "batch_rows_sum"))
        for key, sizes in _bins(self.counts, "batch_rows").items():
            buckets = _buckets(sizes, BATCH_ROWS, lambda exponent: 2.0 ** int(exponent))
            family.add_metric(key, buckets, sums.get(key, 0.0))

        return family

    def _values(self) -> Family:
        family = HistogramMetricFamily(
            "sluice_prediction_value", HISTOGRAMS["sluice_prediction_value"], labels=("version",)
        )
        for key, values in _bins(self.counts, "values").items():
            family.add_metric(key, _buckets(values, VALUE_EDGES, float), None)

        return family

    def _table(self) -> Iterator[Family]:
        weights = GaugeMetricFamily(
            "sluice_split_weight", SINGLES["sluice_split_weight"], labels=("version", "kind")
        )
        for version, points in self.asked.items():
            weights.add_metric((version, "asked"), points / 10_000)

        for version, share in self.served.items():
            weights.add_metric((version, "served"), share)

        yield weights
        singles = {
            "sluice_ledger_revision": min((s.revision for s in self.live), default=0),
            "sluice_ledger_age_seconds": max((s.ledger_age_s for s in self.live), default=0.0),
            "sluice_workers": len(self.live),
        }
        for name, value in singles.items():
            yield GaugeMetricFamily(name, SINGLES[name], value=value)


def exposition(snapshots: list[Snapshot], asked: dict[str, int], split_id: str) -> bytes:
    """Prometheus text of all workers together."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Exposition(snapshots, asked, split_id))
    return generate_latest(registry)


def drawn_counts(gauges: dict[Key, float], split_id: str) -> dict[str, float]:
    """The requests drawn for each version since this split is in force, pinned ones excepted."""
    return {key[2]: value for key, value in gauges.items() if key[:2] == ("drawn", split_id)}


def shares(drawn: dict[str, float]) -> dict[str, float]:
    """Each version's share of the draws."""
    total = sum(drawn.values())
    if total:
        return {version: value / total for version, value in drawn.items()}
    return {}


def _under(counts: dict[Key, float], prefix: str) -> list[tuple[Key, float]]:
    return sorted((key[1:], value) for key, value in counts.items() if key[0] == prefix)


def _bins(counts: dict[Key, float], prefix: str) -> dict[Key, dict[str, float]]:
    tables: dict[Key, dict[str, float]] = {}
    for key, value in _under(counts, prefix):
        tables.setdefault(key[:-1], {})[key[-1]] = value
    return tables


def _buckets(
    counts: dict[str, float], edges: Iterable[float], upper_edge: Callable[[str], float]
) -> list[tuple[str, float]]:
    """Cumulative histogram buckets. upper_edge: of a key of `counts`."""
    buckets = []
    for edge in edges:
        buckets.append((str(edge), sum(n for key, n in counts.items() if upper_edge(key) <= edge)))

    return [*buckets, ("+Inf", sum(counts.values()))]
