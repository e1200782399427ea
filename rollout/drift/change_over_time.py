"""The statement over time: whether the columns and answers of a version are as in the days before.

Each window is compared with the same hour of the seven days that ended a day before its own day
began, so that mornings are compared with mornings, and a window's baseline never changes later.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import log
from typing import Any

import numpy as np

from rollout.drift.change_detector import Detected, WatchedShares, detect, watched_shares
from rollout.drift.statements import (
    ALARM,
    ANSWERS_CHANGED,
    INPUTS_CHANGED,
    NO_BASELINE,
    NO_REFERENCE,
    STEADY,
    ChangeStatement,
)
from rollout.drift.training_reference import ANSWER, COLUMN, TrainingReference
from rollout.history.series import Series, VersionCounts

DAY_S = 86_400
HOUR_S = 3_600
BASELINE_DAYS = 7
BACK_S = (BASELINE_DAYS + 2) * DAY_S
"""How far back the baseline of the oldest window reaches."""
LEAST_HOURS = 24
"""So many hours with rows make a baseline."""
LEAST_ROWS = 20
"""With fewer rows nothing is bet in a window."""
SAME_HOUR_ROWS = 500
"""With fewer rows at an hour of the day, all hours are its baseline."""
LABELS = "late labels"
MOST_NAMES = 8
Array = Any


@dataclass(frozen=True)
class ChangePolicy:
    """days: in which one false alarm comes at most. tolerance: a share; window_s: of a window."""

    days: float = 30.0
    tolerance: float = 0.1
    window_s: float = 600.0

    @property
    def needed(self) -> float:
        """Log of the evidence that decides: the windows of those days."""
        return log(self.days * DAY_S / self.window_s)


@dataclass(frozen=True)
class _Watched:
    """One thing that is counted in bins. counts: those of a version in a stretch of time."""

    name: str
    counts: Callable[[VersionCounts], Sequence[float]]
    is_ordered: bool = False


def change_over_time(
    version: str,
    reference: TrainingReference | None,
    windows: Series,
    hours: Series,
    policy: ChangePolicy,
) -> ChangeStatement:
    """The statement. windows: the last day by windows; hours: the days before by hour."""
    if reference is None:
        return _statement(version, NO_REFERENCE, policy)

    baseline = _Baseline(version, hours)
    inputs, outcomes = _columns(reference), [*_answers(reference), _labels()]
    enough = max((baseline.hours(watched, windows) for watched in inputs), default=0)
    if enough < LEAST_HOURS:
        return _statement(version, NO_BASELINE, policy, hours=enough)

    detections = [
        _detected(version, part, windows, baseline, policy.tolerance) for part in (inputs, outcomes)
    ]
    at = [_first_at(detected, windows, policy.needed) for detected in detections]
    parts = zip([*inputs, *outcomes], [*detections[0].by_name, *detections[1].by_name], strict=True)
    names: dict[str, float] = {}
    for watched, logs in parts:
        # A column may be called as an answer is.
        part = _part(logs, policy.needed)
        names[watched.name] = max(part, names.get(watched.name, part))

    return _statement(
        version,
        _state(*at),
        policy,
        max(filter(None, at), default=None),
        dict(sorted(names.items(), key=lambda item: -item[1])[:MOST_NAMES]),
        enough,
    )


def _statement(
    version: str,
    state: str,
    policy: ChangePolicy,
    since: float | None = None,
    names: dict[str, float] | None = None,
    hours: int = 0,
) -> ChangeStatement:
    return ChangeStatement(
        version, state, policy.days, policy.window_s, since, names or {}, hours, LEAST_HOURS
    )


def _state(inputs_at: float | None, outcomes_at: float | None) -> str:
    if inputs_at is not None and outcomes_at is not None:
        return ALARM
    if inputs_at is not None:
        return INPUTS_CHANGED
    if outcomes_at is not None:
        return ANSWERS_CHANGED

    return STEADY


class _Baseline:
    """The days before, by hour of the day."""

    def __init__(self, version: str, hours: Series) -> None:
        self._at = np.array(list(hours.at), dtype=np.int64)
        self._counts = [step.get(version, VersionCounts()) for step in hours.steps]

    def hours(self, watched: _Watched, windows: Series) -> int:
        """How many hours with rows the newest window's baseline has."""
        if not len(windows.at):
            return 0

        counts = self._of(watched)
        return int((counts[self._before(windows.at[-1])].sum(axis=1) > 0).sum())

    def shares(self, watched: _Watched, windows: Series) -> Array:
        """What is expected in each window; NaN where too few hours are known."""
        counts = self._of(watched)

        @cache
        def of_hour(day: int, hour: int) -> Array:
            before = self._before(day)
            if (counts[before].sum(axis=1) > 0).sum() < LEAST_HOURS:
                return np.zeros(counts.shape[1])

            same = before & (self._at % DAY_S // HOUR_S == hour)
            own = counts[same].sum(axis=0)
            if own.sum() >= SAME_HOUR_ROWS:
                return own

            return counts[before].sum(axis=0)

        expected = [of_hour(at // DAY_S * DAY_S, at % DAY_S // HOUR_S) for at in windows.at]
        return watched_shares(np.array(expected), watched.is_ordered)

    def _before(self, at: int) -> Array:
        """The hours of the seven days that end a day before the day of a time began."""
        until = at // DAY_S * DAY_S - DAY_S
        return (self._at >= until - BASELINE_DAYS * DAY_S) & (self._at < until)

    def _of(self, watched: _Watched) -> Array:
        return np.array(list(map(watched.counts, self._counts)), dtype=float)


def _detected(
    version: str,
    part: Sequence[_Watched],
    windows: Series,
    baseline: _Baseline,
    tolerance: float,
) -> Detected:
    own = [step.get(version, VersionCounts()) for step in windows.steps]
    shares = []
    for watched in part:
        counts = np.array(list(map(watched.counts, own)), dtype=float)
        counts[counts.sum(axis=1) < LEAST_ROWS] = 0
        now = watched_shares(counts, watched.is_ordered)
        shares.append(WatchedShares(now, baseline.shares(watched, windows)))

    return detect(shares, tolerance)


def _columns(reference: TrainingReference) -> list[_Watched]:
    return [_of_bins(reference, COLUMN, number) for number in range(len(reference.columns))]


def _answers(reference: TrainingReference) -> list[_Watched]:
    return [_of_bins(reference, ANSWER, number) for number in range(len(reference.answers))]


def _of_bins(reference: TrainingReference, word: str, number: int) -> _Watched:
    bins = (reference.columns if word == COLUMN else reference.answers)[number]
    kind = reference.kind(word, number)
    return _Watched(bins.name, lambda counts: bins.counted(counts.of(kind)).counts, bins.is_ordered)


def _labels() -> _Watched:
    def counts(version: VersionCounts) -> list[float]:
        labels = version.of("labels")
        return [labels.get("wrong", 0), labels.get("right", 0)]

    return _Watched(LABELS, counts)


def _first_at(detected: Detected, windows: Series, needed: float) -> float | None:
    first = detected.first_beyond(needed)
    if first is None:
        return None

    return float(windows.at[first] + windows.step)


def _part(logs: Array, needed: float) -> float:
    """The largest evidence of a name, as a part of what decides."""
    return round(max(0.0, float(np.max(logs, initial=0.0)) / needed), 4)
