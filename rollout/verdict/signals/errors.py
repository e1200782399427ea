"""Requests that a version failed on their rows."""

from rollout.plurals import counted
from rollout.state.policy import SignalPolicy
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence
from rollout.verdict.sequential import (
    Array,
    Tables,
    evenly_weighted,
    log_paired_proof,
    pairs_to_proof,
)
from rollout.verdict.signals.numbers import SignalNumbers
from rollout.verdict.signals.pairs import FAILED, PairsSignal, pairs_by
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
        """Both rates, or the failures among pairs where no request was drawn."""
        if self.tables(seen.evidence) or not pairs_by(seen.evidence, FAILED).any():
            return super().numbers(seen)
        return PairsSignal().numbers(seen)

    def more_to_proof(
        self, seen: SignalInput, share: float | None, quantile: float, proof: float
    ) -> float | None:
        """How many more requests of both versions, or of pairs where none are drawn."""
        pairs = pairs_by(seen.evidence, FAILED)
        if share is None and pairs.any():
            margin = self.margin(seen.rule, seen.reference)
            return pairs_to_proof(pairs, margin, seen.beta, quantile, proof)
        return super().more_to_proof(seen, share, quantile, proof)

    def fault(self, seen: SignalInput) -> str:
        """How many requests of the candidate failed."""
        finished = seen.evidence.of(seen.evidence.candidate, "finished")
        total = counted(sum(finished.values()), "request")
        stable = f"{self.numbers(seen).stable} on {seen.evidence.stable}"
        return f"errors: {finished.get('error', 0)} of {total} failed, {stable}"
