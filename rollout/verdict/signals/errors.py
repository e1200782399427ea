"""Requests that a version failed on their rows."""

import math

from rollout.plurals import counted
from rollout.state.policy import SignalPolicy
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence
from rollout.verdict.sequential import (
    Array,
    Tables,
    evenly_weighted,
    interval_paired,
    log_paired_proof,
    log_proof,
    pairs_to_proof,
)
from rollout.verdict.signals.numbers import SignalNumbers, drawn_share, percent, spread
from rollout.verdict.signals.pairs import FAILED, pairs_by
from rollout.verdict.signals.rate_signal import RateSignal
from rollout.verdict.signals.signal import SignalInput


class ErrorsSignal(RateSignal):
    """Failures of drawn requests. Its proof comes from draws and from pairs, with half of the
    capital on each, since a request may be both.
    """

    name = "errors"

    def tables(self, evidence: Evidence) -> Tables:
        """Failed, or not, by share."""
        return evidence.errors()

    def centre(self, reference: Reference) -> float:
        """The stable version's rate."""
        return reference.errors

    def margin(self, rule: SignalPolicy, reference: Reference) -> float:
        """At least the stable version's own rate."""
        return max(rule.margin, reference.errors)

    def proof(self, rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array | None:
        """By drawn requests and by pairs."""
        drawn = super().proof(rule, evidence, reference)
        paired = log_paired_proof(pairs_by(evidence, FAILED), self.margin(rule, reference))
        return evenly_weighted([drawn, paired])

    def numbers(self, seen: SignalInput) -> SignalNumbers:
        """Both rates of draws, or of pairs where these are more: users who come again are drawn
        once.
        """
        pairs, tables = pairs_by(seen.evidence, FAILED), self.tables(seen.evidence)
        drawn = sum(float(table[0].sum()) for table in tables.values())
        if pairs.sum() <= drawn:
            return super().numbers(seen)

        better, _, worse = pairs / pairs.sum()
        low, estimate, high = map(float, interval_paired(pairs))
        return SignalNumbers(
            percent(worse),
            percent(better),
            f"{spread(low, estimate, high)} of {int(pairs.sum()):,} pairs",
            drawn_share(seen.weight),
            band=(low, estimate, high),
        )

    def more_to_proof(
        self, seen: SignalInput, share: float | None, quantile: float, _proof: float
    ) -> float | None:
        """How many more drawn requests, if pairs bring no more."""
        drawn, paired = self._halves(seen)
        return super().more_to_proof(seen, share, quantile, _head_start(drawn, paired, seen.beta))

    def more_pairs_to_proof(
        self, seen: SignalInput, quantile: float, _proof: float
    ) -> float | None:
        """How many more pairs, if draws bring no more; None where there were none yet."""
        pairs = pairs_by(seen.evidence, FAILED)
        if not pairs.any():
            return None

        drawn, paired = self._halves(seen)
        margin, have = self.margin(seen.rule, seen.reference), _head_start(paired, drawn, seen.beta)
        return pairs_to_proof(pairs, margin, seen.beta, quantile, have)

    def _halves(self, seen: SignalInput) -> tuple[float, float]:
        """Log capitals of the proof by draws and of that by pairs."""
        margin = self.margin(seen.rule, seen.reference)
        drawn = log_proof(self.tables(seen.evidence), self.centre(seen.reference), 1.0, margin)
        return float(drawn), float(log_paired_proof(pairs_by(seen.evidence, FAILED), margin))

    def fault(self, seen: SignalInput) -> str:
        """How many requests of the candidate failed."""
        finished = seen.evidence.of(seen.evidence.candidate, "finished")
        total = counted(sum(finished.values()), "counted request")
        stable = f"{self.numbers(seen).stable} on {seen.evidence.stable}"
        return f"errors: {finished.get('error', 0)} of {total} failed, {stable}"


def _head_start(own: float, other: float, beta: float) -> float:
    """What a log capital has of the way to 1/beta, if its mean with another one is to get there and
    that one stays as it is.
    """
    missing = 2 / beta - math.exp(min(other, math.log(2 / beta)))
    if missing <= 0:
        return math.inf
    return own + math.log(1 / beta) - math.log(missing)
