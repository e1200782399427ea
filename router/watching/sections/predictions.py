"""What the versions predict, against each other: shares of classes, or of ranges of values."""

from dataclasses import dataclass

from rollout.history.series import VersionCounts
from router.watching.sources.page_sources import PageSources

MOST_ROWS = 12


@dataclass(frozen=True)
class PredictedShare:
    """One class, or all values up to an edge. shares: by version, parts of one."""

    label: str
    shares: dict[str, float]


@dataclass(frozen=True)
class Predictions:
    """kind: `class` or `value up to`. totals: predictions by version. left_out: further rows."""

    kind: str
    totals: dict[str, int]
    rows: list[PredictedShare]
    left_out: int = 0


def predictions(sources: PageSources) -> Predictions | None:
    """Of the stable version and the candidate, in the time shown; None where nothing was counted.

    Values are by the edges of the bins that are counted."""
    counts = {}
    for name in sources.names:
        counted = sources.since_rollout.get(name)
        if counted is not None and (counted.of("predictions") or counted.of("values")):
            counts[name] = counted

    if not counts:
        return None

    kind = "predictions"
    if not any(counted.of(kind) for counted in counts.values()):
        kind = "values"

    totals = {}
    for name, counted in counts.items():
        totals[name] = int(sum(counted.of(kind).values()))

    labels, rows = _labels(counts, kind), []
    for label in labels[:MOST_ROWS]:
        rows.append(_row(label, counts, kind, totals))

    word = "class" if kind == "predictions" else "value up to"
    return Predictions(word, totals, rows, max(0, len(labels) - MOST_ROWS))


def _labels(counts: dict[str, VersionCounts], kind: str) -> list[str]:
    """Classes, the most frequent first; values in their order."""
    numbers: dict[str, float] = {}
    for counted in counts.values():
        for label, number in counted.of(kind).items():
            numbers[label] = numbers.get(label, 0) + number

    if kind == "values":
        return sorted(numbers, key=float)
    return sorted(numbers, key=lambda label: (-numbers[label], label))


def _row(
    label: str, counts: dict[str, VersionCounts], kind: str, totals: dict[str, int]
) -> PredictedShare:
    shares = {}
    for name, counted in counts.items():
        if totals[name]:
            shares[name] = counted.of(kind).get(label, 0) / totals[name]

    return PredictedShare(label, shares)
