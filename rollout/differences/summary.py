"""What differs between two versions' answers to the same rows, in numbers.

A row counts as changed where its user would notice: another class, a number beyond the tolerance,
or an error of one version only. Probabilities that moved without another class count apart. `today`
is the version that is compared with, `tomorrow` the candidate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollout.differences.surprising_groups import Group

WORST = 5


@dataclass(frozen=True)
class RowErrors:
    """Rows that only one version failed on, with one cause. column: at fault, None if unknown."""

    version: str
    column: str | None
    rows: int
    example: str


@dataclass(frozen=True)
class WorstChange:
    """One of the rows whose answers are furthest apart."""

    distance: float
    today: Any
    tomorrow: Any
    row: dict[str, Any]


@dataclass(frozen=True)
class LatencyDifference:
    """Milliseconds of a batch of `rows` rows; ratio: tomorrow's time over today's, median of all
    batches.
    """

    rows: int
    batches: int
    today_p50: float
    today_p99: float
    tomorrow_p50: float
    tomorrow_p99: float
    ratio: float


@dataclass(frozen=True)
class Differences:
    """Counts of rows. flips: another class or number; moved: numbers beyond the tolerance;
    failed_both: both versions gave an error. latency: None where it was not measured.
    """

    rows: int
    changed: int
    flips: int
    moved: int
    failed_both: int
    errors: list[RowErrors]
    mean_distance: float
    worst: list[WorstChange]
    for_whom: list[Group]
    latency: LatencyDifference | None

    @property
    def share(self) -> float:
        """The share of rows that changed."""
        if self.rows:
            return self.changed / self.rows
        return 0.0


def from_json(value: Mapping[str, Any]) -> Differences:
    """Differences without a latency, as another process sent them."""
    counts = {name: value[name] for name in ("rows", "changed", "flips", "moved", "failed_both")}
    return Differences(
        **counts,
        errors=[RowErrors(**error) for error in value["errors"]],
        mean_distance=value["mean_distance"],
        worst=[WorstChange(**change) for change in value["worst"]],
        for_whom=[Group(**group) for group in value["for_whom"]],
        latency=None,
    )
