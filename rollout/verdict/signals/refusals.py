"""Requests that were refused for a row that does not fit (422)."""

from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence
from rollout.verdict.sequential import Tables
from rollout.verdict.signals.rate_signal import RateSignal


class RefusalsSignal(RateSignal):
    """Refusals of drawn requests."""

    name = "refusals"

    def tables(self, evidence: Evidence) -> Tables:
        """Refused, or not, by share."""
        return evidence.refusals()

    def centre(self, reference: Reference) -> float:
        """The stable version's rate."""
        return reference.refused
