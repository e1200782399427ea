"""What was judged over time: of each kept verdict only the numbers that charts show."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from rollout.history.moments import KeptMoment
from rollout.history.reader import HistoryReader
from rollout.verdict.signals.prediction import PREDICTION

MOST = 300


@dataclass(frozen=True)
class SignalMoment:
    """One signal then. against, proof: in percent of what decides, on the scale of logarithms;
    proof is None where there is none. low, estimate, high, allowed, proved_below: in percentage
    points; None where there is no band.
    """

    against: float
    proof: float | None
    low: float | None = None
    estimate: float | None = None
    high: float | None = None
    allowed: float | None = None
    proved_below: float | None = None
    both_ways: bool = False


@dataclass(frozen=True)
class VerdictMoment:
    """at: epoch seconds. rollout: its id. together: all signals' evidence in percent."""

    at: float
    rollout: str
    together: float = 0.0
    signals: Mapping[str, SignalMoment] = field(default_factory=dict)


class VerdictMoments:
    """The moments of a time that ends now. Used by one thread."""

    def __init__(self, reader: HistoryReader) -> None:
        self._reader = reader
        self._known: list[VerdictMoment] = []
        self._since = float("inf")

    def between(self, since: float, until: float) -> list[VerdictMoment]:
        """The moments with a verdict, oldest first, evenly thinned; raises StoreUnavailable."""
        if since < self._since:
            self._known = []

        newest = self._known[-1].at + 1e-6 if self._known else since
        self._known += map(moment_of, self._reader.moments(newest, until))
        first = bisect_left(self._known, since, key=attrgetter("at"))
        self._known, self._since = self._known[first:], since
        return thinned(list(filter(attrgetter("signals"), self._known)))


def thinned(moments: Sequence[VerdictMoment], most: int = MOST) -> list[VerdictMoment]:
    """At most so many of them: those nearest to evenly spaced times, and the last one."""
    if len(moments) <= most:
        return list(moments)

    times = list(map(attrgetter("at"), moments))
    pace = (times[-1] - times[0]) / (most - 1)
    chosen = {len(times) - 1}
    for number in range(most - 1):
        chosen.add(bisect_left(times, times[0] + number * pace))

    return [moments[index] for index in sorted(chosen)]


def moment_of(kept: KeptMoment) -> VerdictMoment:
    """The numbers of one kept moment, of earlier reports those that they have."""
    report = kept.report
    if not report:
        return VerdictMoment(kept.at, kept.rollout_id)

    return VerdictMoment(
        kept.at, kept.rollout_id, _percent(report["against"], report["needed"]), signals_of(report)
    )


def signals_of(report: Mapping[str, Any]) -> dict[str, SignalMoment]:
    """The signals of a report by name."""
    signals = {}
    for signal in report["signals"]:
        signals[str(signal["name"])] = _signal(signal)

    return signals


def _signal(signal: Mapping[str, Any]) -> SignalMoment:
    against = _percent(signal["against"], signal["against_needed"])
    proof = None
    if signal.get("proof") is not None:
        proof = _percent(signal["proof"], signal["proof_needed"])

    band = signal.get("band")
    if not band:
        return SignalMoment(against, proof)

    low, estimate, high = map(_points, band)
    return SignalMoment(
        against,
        proof,
        low,
        estimate,
        high,
        allowed=_points(signal["tolerance"]),
        proved_below=_points(signal["limit"]) if proof is not None else None,
        both_ways=signal["name"] == PREDICTION,
    )


def _percent(reached: float, needed: float) -> float:
    """Of the way, from nothing (even odds or less) to what decides; 100 and more: decided."""
    return round(max(0.0, 100 * reached / needed), 2)


def _points(part: float | None) -> float | None:
    if part is None:
        return None
    return round(100 * part, 4)
