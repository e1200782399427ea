"""A signal that compares the rates at which something bad happens to requests drawn by chance."""

from abc import abstractmethod

from rollout.state.policy import SignalPolicy
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence
from rollout.verdict.sequential import Array, Tables, log_against, log_proof, requests_to_proof
from rollout.verdict.signals.numbers import SignalNumbers, drawn_share, percent, rates
from rollout.verdict.signals.signal import SignalInput, VerdictSignal


class RateSignal(VerdictSignal):
    """Evidence, proof and numbers of two rates."""

    @abstractmethod
    def tables(self, evidence: Evidence) -> Tables:
        """Counts (..., 2, K) by share: [candidate, stable] x level of loss."""

    @abstractmethod
    def centre(self, reference: Reference) -> float:
        """The rate that is normal."""

    def against(self, rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array:
        """Who bets that the candidate's rate is above the stable one's by more than tolerance."""
        return log_against(self.tables(evidence), self.centre(reference), 1.0, rule.tolerance)

    def proof(self, rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array | None:
        """Who bets that it is above by less than the margin."""
        margin = self.margin(rule, reference)
        return log_proof(self.tables(evidence), self.centre(reference), 1.0, margin)

    def numbers(self, seen: SignalInput) -> SignalNumbers:
        """Both rates in percent."""
        share, centre = drawn_share(seen.weight), self.centre(seen.reference)
        return rates(self.tables(seen.evidence), centre, share, percent)

    def margin_text(self, seen: SignalInput) -> str:
        """In percentage points."""
        return f"+{100 * self.margin(seen.rule, seen.reference):.3g} pp"

    def more_to_proof(
        self, seen: SignalInput, share: float | None, quantile: float, proof: float
    ) -> float | None:
        """How many more requests of both versions; None where none are drawn."""
        if share is None:
            return None

        centre, margin = self.centre(seen.reference), self.margin(seen.rule, seen.reference)
        return requests_to_proof(share, centre, margin, seen.beta, quantile, proof)
