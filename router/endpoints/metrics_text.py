"""GET /metrics: the metrics of all workers, as Prometheus text or OpenMetrics.

Exemplars are in OpenMetrics alone: the text format has none."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    Exemplar,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from rollout.drift.statements import DriftReport
from rollout.state.ledger import Rollout
from rollout.verdict.bins import bin_edge_ms
from rollout.verdict.evidence import summed
from router.dispatch.routing_table import RoutingTable
from router.drift.drift_metrics import drift_values
from router.evidence.prediction_counters import VALUE_EDGES
from router.evidence.worker_metrics import ExampleRequest, Key, Snapshot, split_keys
from router.observability.metric_table import (
    BATCH_ROWS,
    COMPUTED,
    COUNTERS,
    GAUGES,
    METRICS,
    PREDICTION_VALUE,
    REQUEST_SECONDS,
    RouterMetric,
)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BATCH_SIZES = tuple(2.0**exponent for exponent in range(14))
STATES = ("none", "running", "paused", "held")
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
Values = Mapping[Key, float]


def names() -> list[str]:
    """The names of all metrics, as they are exposed."""
    return [metric.name for metric in METRICS]


@dataclass(frozen=True)
class Scraped:
    """What a scrape reads of the routing table and the history.

    asked: basis points by version. split_id: of the split in force."""

    asked: Mapping[str, int]
    split_id: str
    rollout: Rollout | None = None
    drift: DriftReport = field(default_factory=DriftReport)


def scraped(table: RoutingTable, drift: DriftReport) -> Scraped:
    """Of the present table."""
    return Scraped(dict(table.weights), table.split_id, table.ledger.rollout, drift)


class Exposition(Collector):
    """One scrape: the sum of all snapshots."""

    def __init__(self, snapshots: list[Snapshot], table: Scraped) -> None:
        self.live = [snapshot for snapshot in snapshots if not snapshot.gone]
        self.counts = split_keys(summed(snapshot.counts for snapshot in snapshots))
        self.gauges = split_keys(summed(snapshot.gauges for snapshot in self.live))
        self.table = table
        self.drawn = drawn_counts(self.gauges, table.split_id)

    def collect(self) -> Iterator[Family]:
        """All metric families."""
        for metric in COUNTERS:
            counter = CounterMetricFamily(
                metric.family, metric.meaning, labels=metric.labels, unit=metric.unit
            )
            for key, value in _under(self.counts, metric.counted):
                counter.add_metric(key, value)

            yield counter

        for metric in GAUGES:
            yield _gauge(metric, dict(_under(self.gauges, metric.counted)))

        yield self._seconds()
        yield self._batch_rows()
        yield self._values()
        yield from self._computed()

    def _seconds(self) -> Family:
        family, sums = _histogram(REQUEST_SECONDS), dict(_under(self.counts, "latency_sum"))
        examples = _by_bucket(self.live)
        for key, bins in _bins(self.counts, REQUEST_SECONDS.counted).items():
            buckets = _buckets(bins, SECONDS, lambda index: bin_edge_ms(int(index)) / 1000)
            own = examples.get(key, {})
            family.add_metric(
                key,
                [(*bucket, own[bucket[0]]) if bucket[0] in own else bucket for bucket in buckets],
                sums.get(key, 0.0),
            )

        return family

    def _batch_rows(self) -> Family:
        family, sums = _histogram(BATCH_ROWS), dict(_under(self.counts, "batch_rows_sum"))
        for key, sizes in _bins(self.counts, BATCH_ROWS.counted).items():
            buckets = _buckets(sizes, BATCH_SIZES, lambda exponent: 2.0 ** int(exponent))
            family.add_metric(key, buckets, sums.get(key, 0.0))

        return family

    def _values(self) -> Family:
        family = _histogram(PREDICTION_VALUE)
        for key, values in _bins(self.counts, PREDICTION_VALUE.counted).items():
            family.add_metric(key, _buckets(values, VALUE_EDGES, float), None)

        return family

    def _computed(self) -> Iterator[Family]:
        served = shares(self.drawn)
        values: dict[str, Values] = {
            "sluice_split_asked_ratio": {
                (version,): points / 10_000 for version, points in self.table.asked.items()
            },
            "sluice_split_served_ratio": {(version,): share for version, share in served.items()},
            "sluice_split_requests": {(version,): count for version, count in self.drawn.items()},
            "sluice_rollout_state": _states(self.table.rollout),
            "sluice_rollout_info": _info(self.table.rollout),
            "sluice_ledger_revision": {(): min((s.revision for s in self.live), default=0)},
            "sluice_ledger_age_seconds": {
                (): max((s.ledger_age_s for s in self.live), default=0.0)
            },
            "sluice_workers": {(): len(self.live)},
            **drift_values(self.table.drift),
        }
        for metric in COMPUTED:
            yield _gauge(metric, values[metric.name])


def exposition(snapshots: list[Snapshot], table: Scraped, accept: str = "") -> tuple[bytes, str]:
    """The metrics of all workers together, and their content type.

    accept: the request's header of that name; OpenMetrics, with exemplars, where it asks for it."""
    encode, content_type = choose_encoder(accept)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Exposition(snapshots, table))
    return encode(registry), content_type


def drawn_counts(gauges: dict[Key, float], split_id: str) -> dict[str, float]:
    """The requests drawn for each version since this split is in force, pinned ones excepted."""
    return {key[2]: value for key, value in gauges.items() if key[:2] == ("drawn", split_id)}


def shares(drawn: dict[str, float]) -> dict[str, float]:
    """Each version's share of the draws."""
    total = sum(drawn.values())
    if total:
        return {version: value / total for version, value in drawn.items()}
    return {}


def state_of(rollout: Rollout | None) -> str:
    """One of STATES."""
    if rollout is None:
        return "none"
    if rollout.held:
        return "held"
    return "paused" if rollout.paused else "running"


def _states(rollout: Rollout | None) -> Values:
    present = state_of(rollout)
    return {(state,): float(state == present) for state in STATES}


def _info(rollout: Rollout | None) -> Values:
    if rollout is None:
        return {}
    return {(rollout.strategy, rollout.candidate, rollout.stable): 1.0}


def _gauge(metric: RouterMetric, values: Values) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels, unit=metric.unit)
    for key, value in values.items():
        gauge.add_metric(key, value)

    return gauge


def _histogram(metric: RouterMetric) -> HistogramMetricFamily:
    return HistogramMetricFamily(
        metric.name, metric.meaning, labels=metric.labels, unit=metric.unit
    )


def _by_bucket(snapshots: list[Snapshot]) -> dict[Key, dict[str, Exemplar]]:
    """The newest exemplar of each bucket, by version and role."""
    newest: dict[Key, dict[str, ExampleRequest]] = {}
    for snapshot in snapshots:
        for request in snapshot.examples:
            own = newest.setdefault((request.version, request.role), {})
            edge = next((str(edge) for edge in SECONDS if request.seconds <= edge), "+Inf")
            if edge not in own or own[edge].at < request.at:
                own[edge] = request

    return {
        key: {edge: _exemplar(request) for edge, request in own.items()}
        for key, own in newest.items()
    }


def _exemplar(request: ExampleRequest) -> Exemplar:
    labels = {"version": request.version, "request_id": request.request_id}
    return Exemplar(labels, request.seconds, request.at)


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
