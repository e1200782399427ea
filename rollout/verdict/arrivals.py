"""What has arrived of a rollout, and how fast it arrives lately.

Evidence does not come as fast as requests do: of a user who comes again, only the first request is
counted. So a time is told from what the proof counts, and from the last minutes alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollout.state.split import ALL
from rollout.verdict.evidence import Evidence, Tally, summed
from rollout.verdict.words.phrases import (
    ASKED,
    BATCHES,
    CANDIDATE,
    COPIES,
    COUNTED,
    LABELS,
    PAIRS,
    REQUESTS,
)

EVERY_S = 10.0
"""A sample is kept so often."""
KEPT = 31
"""So many are kept: five minutes."""
_WINDOW_S = 60.0
_LONGEST_S = EVERY_S * KEPT
_ENOUGH = 20
_EXPECTED = 10
"""Where so many are expected, none at all has a chance of 1 in 20,000."""


@dataclass(frozen=True)
class Arrivals:
    """Totals at one moment, by what is counted. at: seconds since the rollout began.

    REQUESTS is missing where evidence does not tell requests from counted ones.
    """

    at: float
    totals: Mapping[str, int]

    def to_body(self) -> list[Any]:
        """Plain JSON. `arrivals_of_body(to_body())` is the identity."""
        return [self.at, dict(self.totals)]


@dataclass(frozen=True)
class RecentArrivals:
    """What arrived in the last `window_s` seconds, by what is counted."""

    window_s: float
    arrived: Mapping[str, int]

    def per_s(self, unit: str) -> float:
        """How many a second; 0 before a second has passed."""
        if self.window_s < 1:
            return 0.0
        return self.arrived.get(unit, 0) / self.window_s

    @property
    def units_are_exhausted(self) -> bool:
        """Whether requests arrive and none of them is counted: all are of users who were before."""
        return self.arrived.get(REQUESTS, 0) >= _ENOUGH and not self.arrived[COUNTED]


def arrivals_of_body(body: Sequence[Any]) -> Arrivals:
    """The sample of plain JSON."""
    at, totals = body
    return Arrivals(float(at), totals)


def arrivals_of(evidence: Evidence, at: float) -> Arrivals:
    """What has arrived up to now. at: seconds since the rollout began."""
    candidate, stable = evidence.candidate, evidence.stable
    counted = {candidate: 0, stable: 0}
    for (version, weight), tally in evidence.tallies.items():
        if version in counted and 0 < weight < ALL:
            counted[version] += _counted(tally)

    totals = {
        COUNTED: counted[candidate] + counted[stable],
        CANDIDATE: counted[candidate],
        ASKED: int(evidence.asked(candidate)),
        PAIRS: _sum(evidence, candidate, "answers"),
        BATCHES: _sum(evidence, candidate, "timing"),
        COPIES: _sum(evidence, candidate, "copies") + _sum(evidence, candidate, "control"),
        LABELS: _labels(evidence),
    }
    requests = _requests(evidence)
    if requests is not None:
        # What failed on its rows is counted, and no outcome of its own.
        totals[REQUESTS] = max(requests, totals[COUNTED])

    return Arrivals(at, totals)


def recent(samples: Iterable[Arrivals], now: Arrivals) -> RecentArrivals:
    """What arrived in the last minute, or in longer where that was little.

    samples: those that are kept, in any order. Without any it is all that arrived.
    """
    earlier = [Arrivals(0.0, {}), *sorted(samples, key=lambda sample: sample.at)]
    of_minutes = [sample for sample in earlier if now.at - sample.at <= _LONGEST_S]
    longest = _since((of_minutes or earlier[-1:])[0], now)
    for sample in reversed(of_minutes):
        lately = _since(sample, now)
        if lately.window_s >= _WINDOW_S and _tells(lately, longest):
            return lately

    return longest


def _tells(lately: RecentArrivals, longest: RecentArrivals) -> bool:
    """Whether a window is long enough: much arrived in it, or nothing where much was to be
    expected.
    """
    arrived = _all(lately.arrived)
    if arrived >= _ENOUGH:
        return True
    return not arrived and _all(longest.arrived) * lately.window_s >= _EXPECTED * longest.window_s


def _since(before: Arrivals, now: Arrivals) -> RecentArrivals:
    arrived = {}
    for unit, total in now.totals.items():
        arrived[unit] = max(0, total - before.totals.get(unit, 0))

    return RecentArrivals(max(0.0, now.at - before.at), arrived)


def _all(arrived: Mapping[str, int]) -> int:
    """Requests, or what they are seen by where they are not counted."""
    return arrived.get(REQUESTS, arrived[COUNTED] + arrived[PAIRS] + arrived[COPIES])


def _counted(tally: Tally) -> int:
    """First requests of units that were answered or failed: what was shed is no evidence."""
    finished = tally.get("finished", {})
    return int(sum(finished.values()) - finished.get("shed", 0))


def _requests(evidence: Evidence) -> int | None:
    """Users' requests, without copies; None where evidence does not tell them apart."""
    outcomes = summed(
        evidence.of(version, "outcomes") for version in (evidence.candidate, evidence.stable)
    )
    if not outcomes:
        return None

    copied = outcomes.pop("copied", 0)
    return int(max(0, sum(outcomes.values()) - copied))


def _labels(evidence: Evidence) -> int:
    """Of both versions, and pairs of a shadow."""
    of_both = _sum(evidence, evidence.candidate, "labels") + _sum(
        evidence, evidence.stable, "labels"
    )
    return of_both + _sum(evidence, evidence.candidate, "paired")


def _sum(evidence: Evidence, version: str, kind: str) -> int:
    return int(sum(evidence.of(version, kind).values()))
