"""What is missing for a proof, and how long that takes at the recent rate of evidence."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from rollout.verdict.arrivals import RecentArrivals
from rollout.verdict.signals.numbers import SignalNumbers
from rollout.verdict.signals.signal import SignalInput, VerdictSignal
from rollout.verdict.verdict import Judged
from rollout.verdict.words.phrases import COUNTED, PAIRS

HALF, MOST = 0.5, 0.9


@dataclass(frozen=True)
class Remaining:
    """How many more of `unit` half of the rollouts need for a proof, and how many 9 in 10 of them.

    inf: never at this rate of failures. per_s: how many arrive a second lately.
    """

    unit: str
    half: float
    most: float
    per_s: float

    def seconds(self, more: float) -> float | None:
        """How long so many take; None where there is no telling, as nothing of it arrives."""
        if more == math.inf or self.per_s <= 0:
            return None
        return more / self.per_s


def remaining(
    signal: VerdictSignal,
    seen: SignalInput,
    judged: Judged,
    numbers: SignalNumbers,
    lately: RecentArrivals,
) -> Remaining | None:
    """The quickest way to the proof; None where there is none to wait for, or nothing is known."""
    if judged.proof is None or judged.certified or not judged.rule.required:
        return None

    ways = _ways(signal, seen, judged.proof, numbers, lately)
    return next(iter(sorted(ways, key=_duration)), None)


def _ways(
    signal: VerdictSignal,
    seen: SignalInput,
    proof: float,
    numbers: SignalNumbers,
    lately: RecentArrivals,
) -> Iterator[Remaining]:
    half = signal.more_to_proof(seen, numbers.share, HALF, proof)
    most = signal.more_to_proof(seen, numbers.share, MOST, proof)
    if half is not None:
        unit = numbers.unit.strip() or COUNTED
        yield Remaining(unit, half, most or half, lately.per_s(unit))

    half = signal.more_pairs_to_proof(seen, HALF, proof)
    most = signal.more_pairs_to_proof(seen, MOST, proof)
    if half is not None:
        yield Remaining(PAIRS, half, most or half, lately.per_s(PAIRS))


def _duration(way: Remaining) -> float:
    duration = way.seconds(way.half)
    if duration is None:
        return math.inf
    return duration
