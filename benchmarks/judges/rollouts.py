"""Simulated canaries under traffic that does not hold still; all their signals, drawn from a seeded
generator.

The weight goes up and down, the load and every rate follow a daily cycle and a step of their own,
labels come late. The versions differ in nothing but what `faulty` says: the signal in which the
candidate is exactly on its margin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from benchmarks.judges.ours import Came, alone, evidence
from rollout.state.policy import Policy
from rollout.state.split import ALL
from rollout.verdict.baseline import Reference, reference_of
from rollout.verdict.bins import bin_edge_ms, ratio_bins, ratio_of
from rollout.verdict.evidence import LABEL_LEVELS, Evidence
from rollout.verdict.verdict import margin_of

LOOKS = 240
WEIGHTS = (100, 200, 500, 1000, 2500, 5000)
CLASSES = ("none", "slight", "some", "long", "lost")
HISTORY = 5_000
LATE = {0: 0.5, 8: 0.3, 40: 0.2}
"""By how many looks labels come late, and how many do."""
KINDS = ("finished", "waits", "classes", "labels", "timing")
WAITS = range(40, 220)
"""Latency bins from 0.6 ms to 1.3 s."""
REACH = 4.5
"""Standard deviations of the noise to which ratios are drawn."""


@dataclass(frozen=True)
class Rates:
    """What the stable version does, at every look (looks, ...): rates, or shares of names that sum
    to 1.
    """

    errors: np.ndarray
    refused: np.ndarray
    waits: np.ndarray
    classes: np.ndarray
    labels: np.ndarray


def rollouts(
    rng: np.random.Generator,
    runs: int,
    judged: Policy,
    faulty: str = "",
    kinds: Sequence[str] = KINDS,
) -> tuple[Evidence, Reference]:
    """Rollouts (runs, LOOKS) of 20,000 to 300,000 requests, and the reference taken before them.

    Weights and rates are drawn too, once for all of these runs.
    """
    requests = np.exp(rng.uniform(np.log(20_000), np.log(300_000)))
    return planned(
        rng,
        rng.poisson(requests / LOOKS * _drift(rng), (runs, LOOKS)),
        _ramp(rng),
        judged,
        faulty,
        kinds,
    )


def planned(
    rng: np.random.Generator,
    came: np.ndarray,
    weights: np.ndarray,
    judged: Policy,
    faulty: str = "",
    kinds: Sequence[str] = KINDS,
) -> tuple[Evidence, Reference]:
    """The same of requests (runs, LOOKS) and weights (LOOKS,) that are given."""
    rates = _rates(rng)
    reference = _before(rng, rates)
    routed = rng.binomial(came, weights / ALL)
    both = np.stack([routed, came - routed], -1)
    worse = {faulty: margin_of(alone(judged, faulty)[0], reference)} if faulty else {}
    return evidence(_outcomes(rng, both, rates, worse, kinds), weights), reference


def noise(factor: float, sigma: float, slow: float = 0.0) -> tuple[list[str], np.ndarray]:
    """Ratio bins and their chances, of two times with lognormal noise; `slow` of the batches take
    twice as long.
    """
    reach = abs(np.log(factor)) + REACH * sigma + np.log(2) * (slow > 0)
    bins = range(ratio_bins(float(np.exp(-reach))), ratio_bins(float(np.exp(reach))) + 1)
    edges = np.log([ratio_of(index) for index in bins[1:]])
    below = (1 - slow) * ndtr((edges - np.log(factor)) / sigma) + slow * ndtr(
        (edges - np.log(2 * factor)) / sigma
    )
    return [str(index) for index in bins], np.diff(below, prepend=0.0, append=1.0)


def _outcomes(
    rng: np.random.Generator,
    both: np.ndarray,
    rates: Rates,
    worse: Mapping[str, float],
    kinds: Sequence[str],
) -> dict[str, list[Came]]:
    """What came at each look by kind. both: requests (runs, looks, 2)."""
    error = rng.binomial(both, _by_version(rates.errors, worse.get("errors", 0.0)))
    refused = rng.binomial(both - error, _by_version(rates.refused, worse.get("refusals", 0.0)))
    ok = both - error - refused
    outcomes = {
        "drawn": [Came(["all"], both[..., None])],
        "finished": [Came(["ok", "error", "refused"], np.stack([ok, error, refused], -1))],
    }
    if "waits" in kinds:
        outcomes["waits"] = [
            Came([str(index) for index in WAITS], rng.multinomial(ok, rates.waits[:, None]))
        ]

    if "classes" in kinds:
        outcomes["classes"] = [Came(CLASSES, rng.multinomial(ok, rates.classes[:, None]))]

    if "labels" in kinds:
        outcomes["labels"] = _labels(rng, ok, rates.labels, worse.get("labels", 0.0))

    if "timing" in kinds:
        outcomes["timing"] = [_timing(rng, both.shape[:2], 1 + worse.get("latency", 0.0))]

    return outcomes


def _by_version(rate: np.ndarray, more: float) -> np.ndarray:
    return np.stack([rate + more, rate], -1)


def _labels(
    rng: np.random.Generator, ok: np.ndarray, shares: np.ndarray, more: float
) -> list[Came]:
    """Some answers get a label, part of it late. Where the candidate is worse, some of its losses
    are the whole.
    """
    levels = np.arange(LABEL_LEVELS)
    lost = shares @ levels / levels[-1]
    whole = more / (1 - lost[:, None])
    rates = (1 - whole) * shares + whole * (levels == levels[-1])
    labelled = rng.multinomial(rng.binomial(ok, rng.uniform(0.2, 1.0)), list(LATE.values()))
    chances = np.stack([rates, shares], 1)
    names = [str(level) for level in levels]
    return [
        Came(names, rng.multinomial(labelled[..., index], chances), looks)
        for index, looks in enumerate(LATE)
    ]


def _timing(rng: np.random.Generator, shape: tuple[int, ...], factor: float) -> Came:
    """Timed pairs of batches; that of two equal versions either one is the slower is equally
    likely.
    """
    names, chances = noise(factor, float(np.exp(rng.uniform(np.log(0.05), np.log(0.5)))))
    pairs = rng.multinomial(rng.poisson(rng.uniform(1, 60), shape), chances)
    return Came(names, np.stack([pairs, np.zeros_like(pairs)], 2))


def _before(rng: np.random.Generator, rates: Rates) -> Reference:
    """The reference of a quiet hour in which the rates stood as they do at the first look."""
    finished = rng.multinomial(
        HISTORY, [1 - rates.errors[0] - rates.refused[0], rates.errors[0], rates.refused[0]]
    )
    tally = {
        "finished": dict(zip(("ok", "error", "refused"), finished.tolist(), strict=True)),
        "waits": _drawn(rng, WAITS, rates.waits[0]),
        "classes": _drawn(rng, CLASSES, rates.classes[0]),
        "labels": _drawn(rng, range(LABEL_LEVELS), rates.labels[0]),
    }
    return reference_of(tally)


def _drawn(
    rng: np.random.Generator, names: Sequence[str] | range, shares: np.ndarray
) -> dict[str, int]:
    counts = rng.multinomial(HISTORY, shares).tolist()
    return {str(name): count for name, count in zip(names, counts, strict=True) if count}


def _ramp(rng: np.random.Generator) -> np.ndarray:
    """Up to six steps to any weight, up or down, at any time."""
    steps = np.sort(rng.integers(1, LOOKS, rng.integers(1, 6)))
    weights = rng.choice(WEIGHTS, len(steps) + 1)
    return np.asarray(weights[np.searchsorted(steps, np.arange(LOOKS), side="right")])


def _drift(rng: np.random.Generator) -> np.ndarray:
    """A daily cycle of up to 60 % of the mean, and at some time a step by a factor of up to 3."""
    time = np.arange(LOOKS) / LOOKS
    cycle = 1 + rng.uniform(0, 0.6) * np.sin(
        2 * np.pi * (rng.uniform(0.5, 3) * time + rng.random())
    )
    return np.asarray(
        cycle * np.where(time > rng.random(), np.exp(rng.uniform(-np.log(3), np.log(3))), 1.0)
    )


def _rates(rng: np.random.Generator) -> Rates:
    errors, refused = (
        np.minimum(np.exp(rng.uniform(np.log(5e-4), np.log(0.03))) * _drift(rng), 0.3) for _ in "12"
    )
    classes = rng.dirichlet([2.0] * len(CLASSES)) * np.stack([_drift(rng) for _ in CLASSES], -1)
    spread = rng.dirichlet([0.3] * LABEL_LEVELS) * np.stack(
        [_drift(rng) for _ in range(LABEL_LEVELS)], -1
    )
    return Rates(errors, refused, _waits(rng), _summing_to_one(classes), _summing_to_one(spread))


def _waits(rng: np.random.Generator) -> np.ndarray:
    """Shares of the latency bins (looks, bins): lognormal about a median that drifts."""
    median_ms = rng.uniform(10, 60) * _drift(rng)
    edges = np.array([bin_edge_ms(index) for index in WAITS[:-1]])
    below = ndtr(np.log(edges / median_ms[:, None]) / rng.uniform(0.2, 0.7))
    return np.diff(below, prepend=0.0, append=1.0)


def _summing_to_one(shares: np.ndarray) -> np.ndarray:
    return np.asarray(shares / shares.sum(-1, keepdims=True))
