"""Time for the same batch of rows, asked of both versions in turn."""

import math

from rollout.state.policy import SignalPolicy
from rollout.verdict.baseline import Reference
from rollout.verdict.bins import quantile_bin, ratio_bins, ratio_bins_within, ratio_of
from rollout.verdict.evidence import Evidence
from rollout.verdict.sequential import NATS_OF_NOT_KNOWING, Array, log_discordant, weighted
from rollout.verdict.signals.numbers import SignalNumbers
from rollout.verdict.signals.signal import SignalInput, VerdictSignal

PROCESSOR, CLOCK = "timing", "elapsed"


class LatencySignal(VerdictSignal):
    """If the candidate usually took (1 + tolerance) times as long, longer and shorter than that
    were as likely.

    Only the usual time is compared: a rare long one comes as well from a process that is idle, as a
    candidate's is at a small weight. `response_time` looks at what users wait. One half of the
    capital is on processor time, one on the clock's.
    """

    name = "latency"

    def against(self, rule: SignalPolicy, evidence: Evidence, _reference: Reference) -> Array:
        """By processor time at any share, and by the clock at equal shares."""
        edge = ratio_bins(1 + rule.tolerance)
        processor = evidence.sides(PROCESSOR, edge)
        clock = evidence.near_half(rule.share_tolerance).sides(CLOCK, edge)
        return weighted([(0.5, _longer(processor)), (0.5, _longer(clock))])

    def proof(self, rule: SignalPolicy, evidence: Evidence, _reference: Reference) -> Array | None:
        """By processor time."""
        sides = evidence.sides(PROCESSOR, ratio_bins_within(1 + rule.margin))
        return log_discordant(sides[..., 0], sides[..., 1])

    def numbers(self, seen: SignalInput) -> SignalNumbers:
        """How many times as long the candidate took: usually, and for 9 in 10 batches."""
        bins = seen.evidence.of(seen.evidence.candidate, PROCESSOR)
        if not sum(bins.values()):
            return SignalNumbers()

        batches = f"{sum(bins.values())} batches, 9 in 10 below x{_ratio(bins, 0.9):.2f}"
        fair = seen.evidence.near_half(seen.rule.share_tolerance)
        by_the_clock = fair.of(fair.candidate, CLOCK)
        if by_the_clock:
            batches += f", by the clock x{_ratio(by_the_clock, 0.5):.2f}"

        return SignalNumbers(f"x{_ratio(bins, 0.5):.2f}", "x1", batches, None, " batches")

    def margin_text(self, seen: SignalInput) -> str:
        """As a factor."""
        return f"x{1 + seen.rule.margin:.3g}"

    def more_to_proof(
        self, seen: SignalInput, _share: float | None, _quantile: float, proof: float
    ) -> float | None:
        """How many more batches; None where none was compared yet."""
        edge = ratio_bins_within(1 + seen.rule.margin)
        quick, slow = seen.evidence.sides(PROCESSOR, edge).tolist()
        if not quick + slow:
            return None

        part = min((quick + 0.5) / (quick + slow + 1), 0.95)
        if part <= 0.5:
            return math.inf

        growth = part * math.log(2 * part) + (1 - part) * math.log(2 * (1 - part))
        needed = math.log(1 / seen.beta) + NATS_OF_NOT_KNOWING - proof
        return float(max(0.0, needed / growth))


def _longer(sides: Array) -> Array:
    return log_discordant(sides[..., 1], sides[..., 0])


def _ratio(bins: dict[str, int], quantile: float) -> float:
    return ratio_of(quantile_bin(bins, quantile) + 0.5)
