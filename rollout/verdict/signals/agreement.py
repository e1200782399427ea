"""Answers of a shadow that differ from the user's."""

from dataclasses import replace

from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence
from rollout.verdict.sequential import Tables
from rollout.verdict.signals.numbers import SignalNumbers, rates
from rollout.verdict.signals.rate_signal import RateSignal
from rollout.verdict.signals.signal import SignalInput


class AgreementSignal(RateSignal):
    """Differences beyond those of the stable version when it is asked twice."""

    name = "agreement"

    def tables(self, evidence: Evidence) -> Tables:
        """Copies that agreed, or not, by the share of copies that the candidate gets."""
        return evidence.copies()

    def centre(self, reference: Reference) -> float:
        """How often the stable version differs from itself."""
        return reference.noise

    def numbers(self, seen: SignalInput) -> SignalNumbers:
        """Both rates of differences."""
        tables = self.tables(seen.evidence)
        share = next(iter(tables), None)
        numbers = rates(tables, self.centre(seen.reference), share, _differ)
        return replace(numbers, unit=" copies")


def _differ(rate: float) -> str:
    return f"{100 * rate:.2f} % differ"
