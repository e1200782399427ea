"""Loss by late labels."""

from rollout.state.policy import SignalPolicy
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import LABEL_LEVELS, Evidence
from rollout.verdict.sequential import (
    Array,
    Tables,
    interval_paired,
    log_paired,
    log_paired_proof,
    pairs_to_proof,
)
from rollout.verdict.signals.numbers import SignalNumbers, drawn_share, rates, spread
from rollout.verdict.signals.rate_signal import RateSignal
from rollout.verdict.signals.signal import SignalInput

UNIT = " labels"


class LabelsSignal(RateSignal):
    """Losses of drawn requests, and of requests that a shadow answered too.

    A shadow's pairs are of requests that were not drawn, so both are bets on labels of their own.
    """

    name = "labels"

    def tables(self, evidence: Evidence) -> Tables:
        """Labels by level of loss and share."""
        return evidence.levels("labels", LABEL_LEVELS)

    def centre(self, reference: Reference) -> float:
        """The stable version's mean loss."""
        return reference.loss

    def against(self, rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array:
        """By drawn requests and by pairs."""
        drawn = super().against(rule, evidence, reference)
        return drawn + log_paired(evidence.paired(), rule.tolerance)

    def proof(self, rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array | None:
        """By drawn requests and by pairs."""
        drawn = super().proof(rule, evidence, reference)
        return drawn + log_paired_proof(evidence.paired(), rule.margin)

    def numbers(self, seen: SignalInput) -> SignalNumbers:
        """Both losses, or how often each version was the worse one of a pair."""
        tables, pairs = self.tables(seen.evidence), seen.evidence.paired()
        if not tables and pairs.any():
            return _paired_numbers(pairs)

        share = drawn_share(seen.weight)
        numbers = rates(tables, self.centre(seen.reference), share, _lost)
        return SignalNumbers(numbers.candidate, numbers.stable, numbers.difference, share, UNIT)

    def more_to_proof(
        self, seen: SignalInput, share: float | None, quantile: float, proof: float
    ) -> float | None:
        """How many more labels of drawn requests, or of pairs where none are drawn."""
        pairs = seen.evidence.paired()
        if share is None and pairs.any():
            return pairs_to_proof(pairs, seen.rule.margin, seen.beta, quantile, proof)
        return super().more_to_proof(seen, share, quantile, proof)


def _paired_numbers(pairs: Array) -> SignalNumbers:
    worse, better = pairs[LABEL_LEVELS:].sum(), pairs[: LABEL_LEVELS - 1].sum()
    return SignalNumbers(
        f"{int(worse)} worse",
        f"{int(better)} worse",
        f"{spread(*interval_paired(pairs))} of {int(pairs.sum())} pairs",
        None,
        UNIT,
    )


def _lost(loss: float) -> str:
    return f"{100 * loss:.1f} % lost"
