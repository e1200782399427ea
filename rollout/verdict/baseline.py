"""What is taken to be normal, from the stable version's own counts before it is compared. Frozen
once.

It sets thresholds and the centres of the bets. A wrong one costs time to a verdict, never its
validity."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rollout.verdict.evidence import LABEL_LEVELS, Tally

ENOUGH = 200
"""Requests from which distributions are taken."""
QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
DECILES = tuple(place / 10 for place in range(1, 10))
UNKNOWN_ERRORS = 0.001
UNKNOWN_LOSS = 0.2
NOISE = 0.005
Thresholds = tuple[tuple[int, float], ...]
"""(first bin above, share of the requests that lie there)."""


@dataclass(frozen=True)
class Reference:
    """errors, refused, loss, noise: rates; waits, values: thresholds; classes: (name, share)."""

    errors: float = UNKNOWN_ERRORS
    refused: float = UNKNOWN_ERRORS
    loss: float = UNKNOWN_LOSS
    noise: float = NOISE
    waits: Thresholds = ()
    values: Thresholds = ()
    classes: tuple[tuple[str, float], ...] = ()

    def to_body(self) -> dict[str, Any]:
        """Plain JSON. `reference_of_body(to_body())` is the identity."""
        return {
            name: [list(each) for each in v] if isinstance(v, tuple) else v
            for name, v in asdict(self).items()
        }


def reference_of_body(body: Mapping[str, Any]) -> Reference:
    """The reference of plain JSON."""
    read: dict[str, Any] = {
        n: tuple(map(tuple, v)) if isinstance(v, list) else v for n, v in body.items()
    }
    return Reference(**read)


def enough(tally: Tally) -> bool:
    """Whether distributions can be taken from this tally."""
    return sum(tally.get("waits", {}).values()) >= ENOUGH


def reference_of(tally: Tally) -> Reference:
    """The reference of the stable version's tally; rates are Laplace-smoothed, so that none is 0 or
    1.
    """
    finished = tally.get("finished", {})
    total = sum(finished.values())
    labels = tally.get("labels", {})
    labelled = sum(labels.values())
    lost = sum(int(level) * count for level, count in labels.items()) / (LABEL_LEVELS - 1)
    return Reference(
        errors=_smoothed(finished.get("error", 0), total, UNKNOWN_ERRORS),
        refused=_smoothed(finished.get("refused", 0), total, UNKNOWN_ERRORS),
        loss=min(max((lost + 1) / (labelled + 2), 0.01), 0.95) if labelled >= 20 else UNKNOWN_LOSS,
        waits=_thresholds(tally.get("waits", {}), QUANTILES),
        values=_thresholds(tally.get("values", {}), DECILES),
        classes=_shares(tally.get("classes", {})),
    )


def _smoothed(bad: int, total: int, unknown: float) -> float:
    # As if a thousand requests at the usual rate had come before.
    return min((bad + 1000 * unknown) / (total + 1000), 0.5)


def _thresholds(bins: Mapping[str, int], quantiles: tuple[float, ...]) -> Thresholds:
    total = sum(bins.values())
    if total < ENOUGH:
        return ()

    found: dict[int, float] = {}
    ordered = sorted((int(index), count) for index, count in bins.items())
    for quantile in quantiles:
        reached, above = 0, ordered[-1][0] + 1
        for index, count in ordered:
            reached += count
            if reached >= quantile * total:
                above = index + 1
                break
        higher = sum(count for index, count in ordered if index >= above)
        found[above] = min(max((higher + 0.5) / (total + 1), 1e-4), 0.95)

    return tuple(sorted(found.items()))


def _shares(classes: Mapping[str, int]) -> tuple[tuple[str, float], ...]:
    total = sum(classes.values())
    if total < ENOUGH:
        return ()

    return tuple(
        (name, (count + 1) / (total + len(classes) + 1)) for name, count in sorted(classes.items())
    )
