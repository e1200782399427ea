"""Time of users' requests in router and version.

Its name in ledgers, metrics and JSON is `wait`.
"""

from rollout.state.policy import SignalPolicy
from rollout.verdict.baseline import Reference
from rollout.verdict.bins import bin_edge_ms, quantile_bin, slower_bin
from rollout.verdict.evidence import Evidence
from rollout.verdict.sequential import Array, evenly_weighted, log_against
from rollout.verdict.signals.numbers import AT_HALF, SignalNumbers
from rollout.verdict.signals.signal import SignalInput, VerdictSignal

KIND = "waits"
SHOWN_QUANTILE = 0.99


class ResponseTimeSignal(VerdictSignal):
    """How often requests take longer than the quantiles of the stable version's times.

    Only at equal shares: a smaller one has smaller batches and an idle process, and looks fast or
    slow for that.
    """

    name = "wait"
    threshold_kinds = (KIND,)

    def against(self, rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array:
        """The same part of the capital at each quantile."""
        fair, capitals = evidence.near_half(rule.share_tolerance), []
        for threshold, rate in reference.waits:
            slower = slower_bin(threshold, 1 + rule.tolerance, rule.overhead_ms)
            capitals.append(log_against(fair.above(KIND, slower, threshold), rate))

        return evenly_weighted(capitals)

    def numbers(self, seen: SignalInput) -> SignalNumbers:
        """The 99 % quantiles."""
        fair = seen.evidence.near_half(seen.rule.share_tolerance)
        candidate, stable = fair.of(fair.candidate, KIND), fair.of(fair.stable, KIND)
        if not candidate or not stable:
            return SignalNumbers(difference=AT_HALF)

        new_ms, old_ms = _shown_ms(candidate), _shown_ms(stable)
        return SignalNumbers(
            f"p99 {new_ms:.3g} ms", f"p99 {old_ms:.3g} ms", f"p99 x{new_ms / old_ms:.2f}"
        )


def _shown_ms(bins: dict[str, int]) -> float:
    return bin_edge_ms(quantile_bin(bins, SHOWN_QUANTILE))
