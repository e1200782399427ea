"""Late labels by version: how many there are and how often the prediction was right."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Score:
    """labels: counted labels; accuracy and its 95 % half-width (Wilson), None where no prediction
    had a class.

    error: mean absolute one of predicted values, None where none had a label.
    """

    labels: int
    accuracy: float | None
    margin: float | None
    error: float | None = None


def scores(
    outcomes: Iterable[tuple[str, str, int]], errors: Iterable[tuple[str, float]] = ()
) -> dict[str, Score]:
    """Scores by version.

    outcomes: (version, outcome, count), the outcome `right` or `wrong` where it can be judged
    errors: (version, mean absolute error)
    """
    of_values = dict(errors)
    counts: dict[str, Counter[str]] = {}
    for version, outcome, count in outcomes:
        counts.setdefault(version, Counter())[outcome] += count

    by_version = {}
    for version, outcome_counts in counts.items():
        by_version[version] = replace(_score(outcome_counts), error=of_values.get(version))
    return by_version


def _score(outcomes: dict[str, int]) -> Score:
    right, wrong = outcomes.get("right", 0), outcomes.get("wrong", 0)
    judged = right + wrong
    labels = sum(outcomes.values())
    if judged:
        return Score(labels, right / judged, half_width(right, judged))
    return Score(labels, None, None)


def half_width(right: int, total: int, z: float = 1.96) -> float:
    """Half the width of the Wilson interval of a share; E. B. Wilson, JASA 22 (1927)."""
    share = right / total
    return (
        z
        * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
        / (1 + z * z / total)
    )
