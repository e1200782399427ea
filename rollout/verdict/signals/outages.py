"""Times at which the process of one version alone could not be asked."""

from rollout.state.policy import SignalPolicy
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence
from rollout.verdict.sequential import Array, log_discordant
from rollout.verdict.signals.numbers import SignalNumbers
from rollout.verdict.signals.signal import SignalInput, VerdictSignal


class OutagesSignal(VerdictSignal):
    """Who bets that a time with an outage of one version alone is more often the candidate's.

    An outage is one event, however many requests it costs, and what strikes both versions at about
    the same time is evidence against neither.
    """

    name = "outages"

    def against(self, _rule: SignalPolicy, evidence: Evidence, _reference: Reference) -> Array:
        """By times of OUTAGE_SLOT_S."""
        candidate, stable = evidence.outages()
        return log_discordant(candidate, stable)

    def numbers(self, seen: SignalInput) -> SignalNumbers:
        """How many times were those of each version alone."""
        candidate, stable = seen.evidence.outages()
        if not candidate + stable:
            return SignalNumbers()

        return SignalNumbers(
            f"{int(candidate)} alone", f"{int(stable)} alone", "times of an outage"
        )
