"""The differences between two versions' answers to replayed rows. Pure: pairs in, numbers out.

What counts as changed: rollout/differences/summary.py. `today` is the released version, `tomorrow`
the candidate.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import truediv
from statistics import fmean, median
from typing import Any

from deployment.plan.traffic_replay import Batch, Pair, ReplayResult
from rollout.differences.summary import (
    WORST,
    Differences,
    LatencyDifference,
    RowErrors,
    WorstChange,
)
from rollout.differences.surprising_groups import groups
from service.comparison import same


@dataclass(frozen=True)
class Change:
    """How one pair differs. distance: between two numbers, or the largest between two lists.

    None where one of them is no number.
    """

    flip: bool
    moved: bool
    one_failed: bool
    distance: float | None

    @property
    def changed(self) -> bool:
        """Whether the user would notice: a probability that moved without another class is not."""
        return self.flip or self.one_failed


def differences(
    result: ReplayResult, today: str, tomorrow: str, tolerance: float, by_largest: bool = True
) -> Differences:
    """Everything that differs; today and tomorrow name the versions.

    by_largest: the largest of a list of predictions names its class, as of probabilities.
    """
    pairs = result.pairs
    changes = [compare(pair, tolerance, by_largest) for pair in pairs]
    changed = [change.changed for change in changes]
    distances = [change.distance for change in changes]
    return Differences(
        rows=len(pairs),
        changed=sum(changed),
        flips=sum(change.flip for change in changes),
        moved=sum(change.moved for change in changes),
        failed_both=sum(map(_both_failed, pairs)),
        errors=_errors(pairs, today, tomorrow),
        mean_distance=_mean(distances),
        worst=_worst(pairs, distances),
        for_whom=groups([pair.row for pair in pairs], changed, distances),
        latency=latency(result.batches),
    )


def compare(pair: Pair, tolerance: float, by_largest: bool = True) -> Change:
    """How one pair differs: the largest of a list of probabilities gives the class; any other value
    changes by moving. Of further outputs it counts whether they moved.
    """
    if pair.today.error or pair.tomorrow.error:
        return Change(False, False, not _both_failed(pair), None)

    today, tomorrow = pair.today.prediction, pair.tomorrow.prediction
    differs = not same(today, tomorrow, tolerance)
    others_moved = not same(dict(pair.today.others), dict(pair.tomorrow.others), tolerance)
    distance = _distance(today, tomorrow)
    if by_largest and isinstance(today, list) and isinstance(tomorrow, list):
        return Change(_classes_flip(today, tomorrow), differs or others_moved, False, distance)

    moved = differs and distance is not None
    return Change(differs, moved or others_moved, False, distance)


def _classes_flip(today: list[Any], tomorrow: list[Any]) -> bool:
    """Whether the largest stands elsewhere, of several targets for one of them."""
    if len(today) != len(tomorrow):
        return True

    if today and isinstance(today[0], list):
        return any(map(_classes_flip, today, tomorrow))

    return _largest_at(today) != _largest_at(tomorrow)


def latency(batches: Sequence[Batch]) -> LatencyDifference | None:
    """Of the batches that both versions answered in full; None without any."""
    if not batches:
        return None

    today = [batch.today_s for batch in batches]
    tomorrow = [batch.tomorrow_s for batch in batches]
    return LatencyDifference(
        rows=batches[0].rows,
        batches=len(batches),
        today_p50=_ms(today, 0.5),
        today_p99=_ms(today, 0.99),
        tomorrow_p50=_ms(tomorrow, 0.5),
        tomorrow_p99=_ms(tomorrow, 0.99),
        ratio=round(median(map(truediv, tomorrow, today)), 3),
    )


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _mean(distances: Iterable[float | None]) -> float:
    """Of those that are known, 0 without any."""
    known = [distance for distance in distances if distance is not None]
    if known:
        return fmean(known)
    return 0.0


def _ms(seconds: Sequence[float], share: float) -> float:
    return round(1000 * quantile(seconds, share), 3)


def _both_failed(pair: Pair) -> bool:
    return bool(pair.today.error and pair.tomorrow.error)


def _errors(pairs: Sequence[Pair], today: str, tomorrow: str) -> list[RowErrors]:
    """The rows that only one version failed on, by version and column, most frequent first."""
    counts: Counter[tuple[str, str | None]] = Counter()
    examples: dict[tuple[str, str | None], str] = {}
    for pair in pairs:
        if _both_failed(pair):
            continue

        for version, answer in ((today, pair.today), (tomorrow, pair.tomorrow)):
            if answer.error:
                cause = version, answer.column
                counts[cause] += 1
                examples.setdefault(cause, answer.error)

    return [RowErrors(*cause, rows, examples[cause]) for cause, rows in counts.most_common()]


def _worst(pairs: Sequence[Pair], distances: Sequence[float | None]) -> list[WorstChange]:
    """The pairs that are furthest apart, the first rows first where several are equally far."""
    changes = []
    for pair, distance in zip(pairs, distances, strict=True):
        if distance:
            today, tomorrow = pair.today.prediction, pair.tomorrow.prediction
            changes.append(WorstChange(distance, today, tomorrow, pair.row))

    return sorted(changes, key=lambda change: -change.distance)[:WORST]


def _distance(today: Any, tomorrow: Any) -> float | None:
    """Between two numbers, or the largest between two lists; None where that is not defined."""
    if _is_number(today) and _is_number(tomorrow):
        return float(abs(today - tomorrow))

    if not isinstance(today, list) or not isinstance(tomorrow, list):
        return None

    if not today or len(today) != len(tomorrow):
        return None
    return _largest(map(_distance, today, tomorrow))


def _largest(distances: Iterable[float | None]) -> float | None:
    """None where one of them is not defined."""
    largest = 0.0
    for distance in distances:
        if distance is None:
            return None
        largest = max(largest, distance)

    return largest


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _largest_at(values: list[Any]) -> int:
    """The index of the largest, -1 of an empty list."""
    if values:
        return values.index(max(values))
    return -1
