"""Requests that failed: 5xx, time-out, no connection."""

import numpy as np

from rollout.plurals import counted
from rollout.state.policy import SignalPolicy
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence
from rollout.verdict.sequential import Array, Tables, log_discordant, log_paired_proof
from rollout.verdict.signals.numbers import SignalNumbers
from rollout.verdict.signals.rate_signal import RateSignal
from rollout.verdict.signals.signal import SignalInput

PAIRS = "answers"


class ErrorsSignal(RateSignal):
    """Failures of drawn requests, and of requests that both versions were asked.

    Pairs are counted only while no request is drawn, so both are bets on requests of their own.
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

    def against(self, rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array:
        """By drawn requests and by pairs."""
        drawn = super().against(rule, evidence, reference)
        pairs = evidence.of(evidence.candidate, PAIRS)
        worse, better = pairs.get("candidate failed", 0), pairs.get("stable failed", 0)
        return drawn + log_discordant(worse, better)

    def proof(self, rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array | None:
        """By drawn requests and by pairs."""
        drawn = super().proof(rule, evidence, reference)
        pairs = evidence.of(evidence.candidate, PAIRS)
        counts = [pairs.get(word, 0) for word in ("stable failed", "both", "candidate failed")]
        stacked = np.stack(np.broadcast_arrays(*counts), -1)
        return drawn + log_paired_proof(stacked, self.margin(rule, reference))

    def numbers(self, seen: SignalInput) -> SignalNumbers:
        """Both rates, or the failures among pairs where no request was drawn."""
        pairs = seen.evidence.of(seen.evidence.candidate, PAIRS)
        if self.tables(seen.evidence) or not pairs:
            return super().numbers(seen)

        return SignalNumbers(
            f"{pairs.get('candidate failed', 0)} failed",
            f"{pairs.get('stable failed', 0)} failed",
            f"of {sum(pairs.values())} asked of both",
        )

    def fault(self, seen: SignalInput) -> str:
        """How many requests of the candidate failed."""
        finished = seen.evidence.of(seen.evidence.candidate, "finished")
        total = counted(sum(finished.values()), "request")
        stable = f"{self.numbers(seen).stable} on {seen.evidence.stable}"
        return f"errors: {finished.get('error', 0)} of {total} failed, {stable}"
