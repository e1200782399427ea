"""Requests that both versions were asked, and for which one took several times as long."""

import numpy as np

from rollout.state.policy import SignalPolicy
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence
from rollout.verdict.sequential import Array, log_paired
from rollout.verdict.signals.numbers import SignalNumbers
from rollout.verdict.signals.signal import SignalInput, VerdictSignal

KIND = "compared"
CANDIDATE, STABLE = "candidate slow", "stable slow"


class TailsSignal(VerdictSignal):
    """Who bets that the much slower one of two answers is more often the candidate's.

    Both are asked at the same moment, so a slow moment of the machine is as likely to strike the
    one as the other. The usual time is `latency`'s.
    """

    name = "tails"

    def against(self, rule: SignalPolicy, evidence: Evidence, _reference: Reference) -> Array:
        """By pairs in which one took SLOW times as long as the other."""
        counts = evidence.of(evidence.candidate, KIND)
        candidate, stable = counts.get(CANDIDATE, 0), counts.get(STABLE, 0)
        alike = counts.get("timed", 0) - candidate - stable
        pairs = np.stack(np.broadcast_arrays(stable, alike, candidate), -1).astype(float)
        return log_paired(pairs, rule.tolerance)

    def numbers(self, seen: SignalInput) -> SignalNumbers:
        """How often each version was the slow one."""
        counts = seen.evidence.of(seen.evidence.candidate, KIND)
        timed = counts.get("timed", 0)
        if not timed:
            return SignalNumbers()

        return SignalNumbers(
            f"{counts.get(CANDIDATE, 0)} slow",
            f"{counts.get(STABLE, 0)} slow",
            f"x3 or more, of {timed:,} asked of both",
            None,
            " pairs",
        )
