"""What is normal: rates and thresholds of the stable version before it is compared. Frozen once.

It sets thresholds and the centres of the bets. A wrong one costs time to a verdict, never its
validity, as long as each version gets its share of what is counted. Of labels it may not
(rollout/verdict/signals/labels.py), so without labels from before there is no centre for them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rollout.verdict.bins import quantile_bin
from rollout.verdict.evidence import LABEL_LEVELS, Tally

ENOUGH = 200
"""Requests from which distributions are taken."""
ENOUGH_LABELS = 100
"""Labels from which the usual loss is taken."""
QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
DECILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
OF_VALUES = (0.01, *DECILES, 0.99)
ATOM = 0.05
"""A bin with this part of the values has an edge on both sides, or values could leave it unseen."""
UNKNOWN_ERRORS = 0.001
NOISE = 0.005
_PAIRS = ("waits", "values", "classes")
Thresholds = tuple[tuple[int, float], ...]
"""(first bin above, share of the requests that lie there)."""


@dataclass(frozen=True)
class Reference:
    """errors, refused, loss, noise: rates; waits, values: thresholds; classes: (name,
    share).

    loss: None while it is not known, and nobody may bet by it.
    """

    errors: float = UNKNOWN_ERRORS
    refused: float = UNKNOWN_ERRORS
    loss: float | None = None
    noise: float = NOISE
    waits: Thresholds = ()
    values: Thresholds = ()
    classes: tuple[tuple[str, float], ...] = ()

    def to_body(self) -> dict[str, Any]:
        """Plain JSON. `reference_of_body(to_body())` is the identity."""
        body = asdict(self)
        for name in _PAIRS:
            body[name] = list(map(list, body[name]))

        # Left out where it is not known: routers of before read no other thing but a number.
        if self.loss is None:
            del body["loss"]

        return body


def reference_of_body(body: Mapping[str, Any]) -> Reference:
    """The reference of plain JSON."""
    values = dict(body)
    for name in _PAIRS:
        if name in values:
            values[name] = tuple(map(tuple, values[name]))

    return Reference(**values)


def enough(tally: Tally) -> bool:
    """Whether distributions can be taken from this tally."""
    return sum(tally.get("waits", {}).values()) >= ENOUGH


def reference_of(tally: Tally) -> Reference:
    """The reference of the stable version's tally; rates are Laplace-smoothed, so that none is 0 or
    1.
    """
    finished = tally.get("finished", {})
    total = sum(finished.values())
    return Reference(
        errors=_smoothed(finished.get("error", 0), total, UNKNOWN_ERRORS),
        refused=_smoothed(finished.get("refused", 0), total, UNKNOWN_ERRORS),
        loss=loss_of(tally.get("labels", {})),
        waits=_thresholds(tally.get("waits", {}), QUANTILES),
        values=_thresholds(tally.get("values", {}), OF_VALUES),
        classes=_shares(tally.get("classes", {})),
    )


def loss_of(labels: Mapping[str, int]) -> float | None:
    """The mean loss of labels by level, smoothed; None where they are too few."""
    total = sum(labels.values())
    if total < ENOUGH_LABELS:
        return None

    lost = sum(int(level) * count for level, count in labels.items()) / (LABEL_LEVELS - 1)
    return min(max((lost + 1) / (total + 2), 0.001), 0.95)


def _smoothed(bad: int, total: int, unknown: float) -> float:
    # As if a thousand requests at the usual rate had come before.
    return min((bad + 1000 * unknown) / (total + 1000), 0.5)


def _thresholds(bins: Mapping[str, int], quantiles: tuple[float, ...]) -> Thresholds:
    total = sum(bins.values())
    if total < ENOUGH:
        return ()

    thresholds: dict[int, float] = {}
    for quantile in quantiles:
        index = quantile_bin(bins, quantile)
        edges = [index + 1]
        if bins.get(str(index), 0) >= ATOM * total:
            edges.append(index)

        for edge in edges:
            higher = sum(count for index, count in bins.items() if int(index) >= edge)
            thresholds[edge] = min(max((higher + 0.5) / (total + 1), 1e-4), 0.95)

    return tuple(sorted(thresholds.items()))


def _shares(classes: Mapping[str, int]) -> tuple[tuple[str, float], ...]:
    total = sum(classes.values())
    if total < ENOUGH:
        return ()

    shares = {}
    for name, count in sorted(classes.items()):
        shares[name] = (count + 1) / (total + len(classes) + 1)

    return tuple(shares.items())
