"""What differs between two versions' answers to the same rows. Pure: from pairs to numbers.

A row changed where its user would notice: another class, a number further apart than the tolerance,
or an error on one side only. Probabilities that moved without changing the class are counted beside
it."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from deployment.plan.recordings import Row
from deployment.plan.replay import Batch, Pair, Replayed, Said
from deployment.plan.segments import Group, groups
from service.comparison import same

WORST = 5


@dataclass(frozen=True)
class RowErrors:
    """Rows that only one version failed on, with one cause. column: the one at fault, None where
    none is named.
    """

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
    row: Row


@dataclass(frozen=True)
class LatencyDifference:
    """Milliseconds of a batch of `rows` rows; ratio: the candidate's time over the other's, median
    of all batches.
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
    """flips: another class or number; moved: numbers beyond the tolerance; failed_both: an error on
    both sides.
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
        """Of all rows, how many changed."""
        if self.rows:
            return self.changed / self.rows
        return 0.0


@dataclass(frozen=True)
class Change:
    """One pair judged. distance: between two numbers, or the largest between two lists; None
    without two numbers.
    """

    flip: bool
    moved: bool
    one_failed: bool
    distance: float | None

    @property
    def changed(self) -> bool:
        """Whether its user would notice; a probability that moved without another class is none."""
        return self.flip or self.one_failed


def differences(replayed: Replayed, today: str, tomorrow: str, tolerance: float) -> Differences:
    """Everything that differs; today and tomorrow name the versions."""
    pairs = replayed.pairs
    changes = [judged(pair, tolerance) for pair in pairs]
    changed = [change.changed for change in changes]
    distances = [change.distance for change in changes]
    return Differences(
        rows=len(pairs),
        changed=sum(changed),
        flips=sum(change.flip for change in changes),
        moved=sum(change.moved for change in changes),
        failed_both=sum(bool(pair.today.error and pair.tomorrow.error) for pair in pairs),
        errors=_errors(pairs, today, tomorrow),
        mean_distance=fmean(found)
        if (found := [each for each in distances if each is not None])
        else 0.0,
        worst=_worst(pairs, distances),
        for_whom=groups([pair.row for pair in pairs], changed, distances),
        latency=latency(replayed.batches),
    )


def judged(pair: Pair, tolerance: float) -> Change:
    """One pair: lists are probabilities, whose class is the largest; numbers of a regression change
    by moving.
    """
    if pair.today.error or pair.tomorrow.error:
        return Change(False, False, bool(pair.today.error) != bool(pair.tomorrow.error), None)

    mine, theirs = pair.today.prediction, pair.tomorrow.prediction
    moved = not same(mine, theirs, tolerance)
    distance = _distance(mine, theirs)
    if isinstance(mine, list) and isinstance(theirs, list):
        flip = len(mine) != len(theirs) or _place_of_largest(mine) != _place_of_largest(theirs)
        return Change(flip, moved, False, distance)

    return Change(moved, moved and distance is not None, False, distance)


def latency(batches: Sequence[Batch]) -> LatencyDifference | None:
    """Of the batches that both versions answered in full; None without any."""
    if not batches:
        return None

    mine, theirs = [batch.today_s for batch in batches], [batch.tomorrow_s for batch in batches]
    return LatencyDifference(
        rows=batches[0].rows,
        batches=len(batches),
        today_p50=_ms(mine, 0.5),
        today_p99=_ms(mine, 0.99),
        tomorrow_p50=_ms(theirs, 0.5),
        tomorrow_p99=_ms(theirs, 0.99),
        ratio=round(median(batch.tomorrow_s / batch.today_s for batch in batches), 3),
    )


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _ms(seconds: Sequence[float], share: float) -> float:
    return round(1000 * quantile(seconds, share), 3)


def _errors(pairs: Sequence[Pair], today: str, tomorrow: str) -> list[RowErrors]:
    counted: Counter[tuple[str, str | None]] = Counter()
    examples: dict[tuple[str, str | None], str] = {}
    for pair in pairs:
        version, failed = _only_failure(pair, today, tomorrow)
        if failed is not None:
            counted[version, failed.column] += 1
            examples.setdefault((version, failed.column), failed.error)

    return [RowErrors(*key, rows, examples[key]) for key, rows in counted.most_common()]


def _only_failure(pair: Pair, today: str, tomorrow: str) -> tuple[str, Said | None]:
    if bool(pair.today.error) == bool(pair.tomorrow.error):
        return "", None
    if pair.today.error:
        return (today, pair.today)
    return (tomorrow, pair.tomorrow)


def _worst(pairs: Sequence[Pair], distances: Sequence[float | None]) -> list[WorstChange]:
    far = [(distance, place) for place, distance in enumerate(distances) if distance]
    furthest = sorted(far, key=lambda each: (-each[0], each[1]))[:WORST]
    return [
        WorstChange(
            distance,
            pairs[place].today.prediction,
            pairs[place].tomorrow.prediction,
            pairs[place].row,
        )
        for distance, place in furthest
    ]


def _distance(mine: Any, theirs: Any) -> float | None:
    if isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs) and mine:
        apart = [_distance(a, b) for a, b in zip(mine, theirs, strict=True)]
        if None in apart:
            return None
        return max(each for each in apart if each is not None)
    if _is_number(mine) and _is_number(theirs):
        return float(abs(mine - theirs))
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _place_of_largest(values: list[Any]) -> int:
    if values:
        return values.index(max(values))
    return -1
