"""Six ways to be worse, and how many requests each judge needs to find out, on the same simulated
traffic.

Ours shares alpha among five signals (1 % each), with restarts; the rivals have the one signal for
themselves and look every minute. Kayenta sees only some of the runs, as it takes long."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.judges import gate, kayenta, ours, repeated_tests, traffic
from benchmarks.judges.ours import Came
from benchmarks.judges.rollouts import noise
from rollout.state.split import ALL
from rollout.verdict.baseline import Reference, reference_of
from rollout.verdict.bins import bin_edge_ms, latency_bin
from rollout.verdict.evidence import LABEL_LEVELS
from rollout.verdict.verdict import against

WEIGHT = round(traffic.SHARE * ALL)
LOOKS_A_MINUTE = 20
LOOKS = LOOKS_A_MINUTE * traffic.MINUTES
LATENCY_LOOKS = 8 * traffic.MINUTES
HISTORY = 20_000
KAYENTA_PART = 5
"""Kayenta sees one run of so many."""
ACCURACY_GATE = 0.225
"""Half-way to the regression, in the gate's favour: neither product has one for late labels."""
CLASSES = ("other", "positive")
BATCHES = 5_000
BATCH_LOOKS = 500
LATE_REQUESTS = 150_000
_EDGES_MS = np.array([bin_edge_ms(index) for index in range(latency_bin(20.0) + 1)])

Detections = dict[str, list[float]]
"""Requests until each judge rolled back, a run each; inf where it never did."""


@dataclass(frozen=True)
class Row:
    """One regression. rates: bad requests of candidate and stable; change: of latencies, where it
    is one.

    trial: median and 90th percentile of the requests our judge needed in the trial it was designed
    with (numpy, a start of bets only, exact centres, a look every 100 or 200 requests). gate: limit
    of a minute's value."""

    name: str
    healthy: str
    signal: str
    trial: tuple[int, int]
    rates: tuple[float, float] = (0.0, 0.0)
    change: Callable[[np.ndarray], np.ndarray] = traffic.unchanged
    gate: float | None = None

    @property
    def two_sided(self) -> bool:
        """Whether a change to either side counts."""
        return self.signal == "prediction"


ROWS = (
    Row(
        "errors 0.1 to 1 %",
        "errors 0.1 %",
        "errors",
        (10_000, 22_700),
        (0.01, 0.001),
        gate=gate.BAD_REQUESTS,
    ),
    Row(
        "errors 1 to 2 %",
        "errors 1 %",
        "errors",
        (29_500, 61_400),
        (0.02, 0.01),
        gate=gate.BAD_REQUESTS,
    ),
    Row("latency x1.2", "latency", "wait", (4_000, 7_600), change=traffic.slower, gate=gate.P99_MS),
    Row(
        "slowest 2 % twice as slow",
        "latency",
        "wait",
        (4_900, 11_200),
        change=traffic.slow_tail,
        gate=gate.P99_MS,
    ),
    Row(
        "prediction rate 20 to 25 %",
        "prediction rate 20 %",
        "prediction",
        (17_800, 35_200),
        (0.25, 0.2),
    ),
    Row(
        "accuracy 0.80 to 0.75",
        "accuracy 0.80",
        "labels",
        (15_900, 31_800),
        (0.25, 0.2),
        gate=ACCURACY_GATE,
    ),
)


def detections(row: Row, healthy: bool, rng: np.random.Generator, runs: int) -> Detections:
    """What each judge needed, in runs of 100,000 requests. healthy: with a candidate that is as the
    stable version.
    """
    if row.signal == "wait":
        return _latency(rng, traffic.unchanged if healthy else row.change, runs)
    candidate, stable = row.rates
    return _rates(rng, row, stable if healthy else candidate, stable, runs)


def _rates(
    rng: np.random.Generator, row: Row, candidate: float, stable: float, runs: int
) -> Detections:
    tables = traffic.tables(rng, runs, candidate, stable, LOOKS)
    minutes = tables[:, LOOKS_A_MINUTE - 1 :: LOOKS_A_MINUTE]
    values = traffic.bad_rates(minutes)
    candidates, stables = values[..., traffic.CANDIDATE], values[..., traffic.STABLE]
    outcomes = {
        "ours": _ours(
            row.signal,
            _came(row.signal, tables),
            _history(rng, row.signal, stable),
            traffic.REQUESTS,
        ),
        "kayenta": [
            _at_minute(
                kayenta.first_failure(
                    candidates[run], stables[run], "either" if row.two_sided else "increase"
                )
            )
            for run in range(0, runs, KAYENTA_PART)
        ],
        "repeated": ours.first(
            repeated_tests.chi_square(minutes, row.two_sided), traffic.looks_after()
        ).tolist(),
    }
    if row.gate is not None:
        outcomes["gate"] = [_at_minute(gate.first_failure(rates, row.gate)) for rates in candidates]

    return outcomes


def _ours(
    signal: str, came: dict[str, list[Came]], reference: Reference, requests: int, late: int = 0
) -> list[float]:
    looks = came[next(iter(came))][0].counts.shape[1]
    seen = ours.evidence(came, np.full(looks, WEIGHT))
    rule, needed = ours.alone(ours.FIVE, signal)
    logs = against(rule, ours.periods(seen), reference)
    return list(ours.first(logs >= needed, traffic.looks_after(looks, requests)) - late)


def _came(signal: str, tables: np.ndarray) -> dict[str, list[Came]]:
    """Tables (runs, looks, 2, 2) of good and bad as counts of a signal."""
    came = np.diff(tables, axis=1, prepend=0)
    finished = {
        "finished": [
            Came(
                ["ok", "error"],
                came if signal == "errors" else came.sum(-1, keepdims=True) * [1, 0],
            )
        ]
    }
    if signal == "prediction":
        return {**finished, "classes": [Came(CLASSES, came)]}
    if signal == "labels":
        return {**finished, "labels": [Came(["0", str(LABEL_LEVELS - 1)], came)]}

    return finished


def _history(rng: np.random.Generator, signal: str, rate: float) -> Reference:
    """The reference of what the stable version did before."""
    bad = int(rng.binomial(HISTORY, rate))
    tally: dict[str, dict[str, int]] = {"finished": {"ok": HISTORY}}
    if signal == "errors":
        tally["finished"] = {"ok": HISTORY - bad, "error": bad}
    elif signal == "labels":
        tally["labels"] = {"0": HISTORY - bad, str(LABEL_LEVELS - 1): bad}
    else:
        # Shares of classes are taken as soon as there are latencies to take thresholds of.
        tally |= {
            "classes": dict(zip(CLASSES, (HISTORY - bad, bad), strict=True)),
            "waits": {"0": HISTORY},
        }

    return reference_of(tally)


def _latency(
    rng: np.random.Generator, change: Callable[[np.ndarray], np.ndarray], runs: int
) -> Detections:
    drawn = [traffic.latencies(rng, change) for _ in range(runs)]
    moments = [repeated_tests.welch(*run.moments()) for run in drawn]
    p99 = [run.each_minute(traffic.p99) for run in drawn]
    return {
        "ours": _ours("wait", _waits(drawn), _quantiles(rng), traffic.REQUESTS),
        "kayenta": [_kayenta(drawn[run], p99[run]) for run in range(0, runs, KAYENTA_PART)],
        "repeated": ours.first(np.array(moments), traffic.looks_after()).tolist(),
        "gate": [
            _at_minute(gate.first_failure(minutes[:, traffic.CANDIDATE], gate.P99_MS))
            for minutes in p99
        ],
    }


def _waits(drawn: list[traffic.Latencies]) -> dict[str, list[Came]]:
    bins = [np.searchsorted(_EDGES_MS, run.ms, side="right") for run in drawn]
    low, high = min(indices.min() for indices in bins), max(indices.max() for indices in bins)
    levels = int(high - low) + 1
    tables: list[np.ndarray] = []
    for run, indices in zip(drawn, bins, strict=True):
        tables.append(run.tables(indices - low, levels, LATENCY_LOOKS))

    came = np.diff(np.stack(tables), axis=1, prepend=0)
    names = [str(low + level) for level in range(levels)]
    return {"finished": [Came(["ok"], came.sum(-1, keepdims=True))], "waits": [Came(names, came)]}


def _quantiles(rng: np.random.Generator) -> Reference:
    bins = np.searchsorted(_EDGES_MS, traffic.latencies(rng, requests=HISTORY).ms, side="right")
    names, counts = np.unique(bins, return_counts=True)
    waits = {str(name): int(count) for name, count in zip(names, counts, strict=True)}
    return reference_of({"finished": {"ok": HISTORY}, "waits": waits})


def _kayenta(run: traffic.Latencies, p99: np.ndarray) -> float:
    """Mean and 99th percentile of each minute; one failed metric is enough."""
    return min(
        _at_minute(
            kayenta.first_failure(
                values[:, traffic.CANDIDATE], values[:, traffic.STABLE], "increase"
            )
        )
        for values in (run.each_minute(lambda ms: float(np.mean(ms))), p99)
    )


def _at_minute(minute: int | None) -> float:
    return np.inf if minute is None else float(traffic.looks_after()[minute - 1])


def timed(
    factor: float, slow: float, sigma: float, rng: np.random.Generator, runs: int
) -> list[float]:
    """Timed pairs of batches until latency rolls back; its tolerance is the default one, its share
    of alpha is 1 %.

    slow: that share of the candidate's batches takes twice as long. The candidate serves one
    request a pair."""
    names, chances = noise(factor, sigma, slow)
    pairs = rng.multinomial(BATCHES // BATCH_LOOKS, chances, (runs, BATCH_LOOKS))
    served = np.stack([pairs.sum(-1, keepdims=True)] * 2, 2)
    came = {
        "finished": [Came(["ok"], served)],
        "timing": [Came(names, np.stack([pairs, np.zeros_like(pairs)], 2))],
    }
    seen = ours.evidence(came, np.full(BATCH_LOOKS, WEIGHT))
    rule, _ = ours.alone(ours.CANARY, "latency")
    _, needed = ours.alone(ours.FIVE, "latency")
    reached = against(rule, ours.periods(seen), Reference()) >= needed
    return list(ours.first(reached, traffic.looks_after(BATCH_LOOKS, BATCHES)))


def onset(rng: np.random.Generator, runs: int) -> list[float]:
    """Requests from request 50,000, when the errors rise from 0.1 to 1 %, until the rollback."""
    row = ROWS[0]
    third = LATE_REQUESTS // 3
    healthy = traffic.tables(rng, runs, row.rates[1], row.rates[1], LOOKS, requests=third)
    broken = traffic.tables(rng, runs, *row.rates, 2 * LOOKS, requests=2 * third)
    tables = np.concatenate([healthy, healthy[:, -1:] + broken], axis=1)
    reference = _history(rng, row.signal, row.rates[1])
    return _ours(row.signal, _came(row.signal, tables), reference, LATE_REQUESTS, late=third)
