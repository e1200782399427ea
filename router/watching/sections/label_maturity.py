"""Late labels: how right the versions were, how sure that is, and how many labels are to come."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from rollout.history.counts import merged_cells
from rollout.history.series import VersionCounts
from router.watching.sources.page_sources import PageSources

NORMAL_95 = 1.96


@dataclass(frozen=True)
class Maturity:
    """The labels of one version. low, high: of the accuracy, 95 % (Wilson), each part of one;
    labelled: the part of its answers that have a label; typical_s, late_s: how long after its
    prediction a label comes, the half and 9 in 10 of them. None: not known.
    """

    name: str
    answers: int
    labels: int
    accuracy: float | None
    low: float | None
    high: float | None
    error: float | None
    typical_s: float | None
    late_s: float | None

    @property
    def labelled(self) -> float | None:
        """The part of its answers that have a label."""
        if not self.answers:
            return None
        return min(1.0, self.labels / self.answers)


def maturity(sources: PageSources) -> list[Maturity]:
    """Of all versions that are shown and have answers."""
    rows = []
    for name in sources.names:
        counts = sources.since_rollout.get(name)
        if counts is not None and (counts.requests or counts.labels):
            rows.append(_of(name, counts))

    return rows


def _of(name: str, counts: VersionCounts) -> Maturity:
    low, high = _wilson(counts)
    return Maturity(
        name,
        counts.requests,
        counts.labels,
        counts.accuracy,
        low,
        high,
        counts.mean_absolute_error,
        counts.label_delay_s(0.5),
        counts.label_delay_s(0.9),
    )


def usual_delay_s(counts: Iterable[VersionCounts]) -> float | None:
    """How late 9 in 10 of all versions' labels come at most; None without labels."""
    together = merged_cells(one.cell for one in counts)
    return VersionCounts(together).label_delay_s(0.9)


def _wilson(counts: VersionCounts) -> tuple[float | None, float | None]:
    labels = counts.of("labels")
    right, wrong = float(labels.get("right", 0)), float(labels.get("wrong", 0))
    total = right + wrong
    if not total:
        return None, None

    part, square = right / total, NORMAL_95**2
    middle = (part + square / (2 * total)) / (1 + square / total)
    spread = NORMAL_95 * math.sqrt(part * (1 - part) / total + square / (4 * total**2))
    half = spread / (1 + square / total)
    return max(0.0, middle - half), min(1.0, middle + half)
