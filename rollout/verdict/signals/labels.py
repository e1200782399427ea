"""Loss by late labels.

A bet on the assignment is fair among the requests that got a label where each version gets its
share of them. Where it does not, the bet is fair only at the right centre: its mean is the product
of what the centre is off by and what the share is off by. So the centre comes from labels seen, and
the share is watched (`label_guard` in rollout/verdict/verdict.py)."""

from dataclasses import replace

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
SHOWN_CENTRE = 0.2
"""What intervals and estimates are computed with before the usual loss is known."""


class LabelsSignal(RateSignal):
    """Losses of drawn requests, and of requests that both versions answered.

    Requests that both were asked do not count as drawn, so both are bets on labels of their own,
    and their capitals multiply. The bets on drawn requests begin when the usual loss is known.
    """

    name = "labels"

    def tables(self, evidence: Evidence) -> Tables:
        """Labels by level of loss and share."""
        return evidence.levels("labels", LABEL_LEVELS)

    def centre(self, reference: Reference) -> float:
        """The usual mean loss."""
        if reference.loss is None:
            return SHOWN_CENTRE
        return reference.loss

    def against(self, rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array:
        """By drawn requests and by pairs."""
        paired = log_paired(evidence.paired(), rule.tolerance)
        if reference.loss is None:
            return paired
        return super().against(rule, evidence, reference) + paired

    def proof(self, rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array | None:
        """By drawn requests and by pairs."""
        paired = log_paired_proof(evidence.paired(), rule.margin)
        if reference.loss is None:
            return paired
        return super().proof(rule, evidence, reference) + paired

    def numbers(self, seen: SignalInput) -> SignalNumbers:
        """Both losses, or how often each version was the worse one of a pair."""
        if self._rests_on_pairs(seen):
            return _paired_numbers(seen.evidence.paired())

        share = drawn_share(seen.weight)
        numbers = rates(self.tables(seen.evidence), self.centre(seen.reference), share, _lost)
        return replace(numbers, unit=UNIT)

    def more_to_proof(
        self, seen: SignalInput, share: float | None, quantile: float, proof: float
    ) -> float | None:
        """How many more labels of drawn requests, or of pairs where most labels are of these."""
        pairs = seen.evidence.paired()
        if pairs.any() and (share is None or self._rests_on_pairs(seen)):
            return pairs_to_proof(pairs, seen.rule.margin, seen.beta, quantile, proof)
        return super().more_to_proof(seen, share, quantile, proof)

    def _rests_on_pairs(self, seen: SignalInput) -> bool:
        """Whether more labels are of pairs than of drawn requests."""
        drawn = sum(table.sum() for table in self.tables(seen.evidence).values())
        return bool(seen.evidence.paired().sum() > drawn)


def _paired_numbers(pairs: Array) -> SignalNumbers:
    worse, better = pairs[LABEL_LEVELS:].sum(), pairs[: LABEL_LEVELS - 1].sum()
    low, estimate, high = map(float, interval_paired(pairs))
    return SignalNumbers(
        f"{int(worse)} worse",
        f"{int(better)} worse",
        f"{spread(low, estimate, high)} of {int(pairs.sum())} pairs",
        None,
        UNIT,
        (low, estimate, high),
    )


def _lost(loss: float) -> str:
    return f"{100 * loss:.1f} % lost"
