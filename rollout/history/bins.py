"""Quantiles of counts by bin, and the bins of a label's delay."""

import math
from collections.abc import Mapping

from rollout.verdict.bins import bin_edge_ms

DELAYS_PER_OCTAVE = 4
"""Of delays of labels: 19 %."""
_NO_EDGE = 62 * DELAYS_PER_OCTAVE


def delay_bin(seconds: float) -> int:
    """The bin of the time from a prediction to its label; delays below one second are bin 0."""
    if seconds <= 1:
        return 0
    return min(_NO_EDGE, int(math.log2(seconds) * DELAYS_PER_OCTAVE) + 1)


def delay_edge_s(index: int) -> float:
    """The upper edge of a delay's bin, in seconds."""
    return float(2 ** (index / DELAYS_PER_OCTAVE))


def quantile_ms(bins: Mapping[str, float], quantile: float) -> float | None:
    """The upper edge of the latency bin in which a quantile lies, in ms; None without counts."""
    index = quantile_index(bins, quantile)
    if index is None:
        return None
    return round(bin_edge_ms(index), 3)


def quantile_delay_s(bins: Mapping[str, float], quantile: float) -> float | None:
    """The same of labels' delays, in seconds."""
    index = quantile_index(bins, quantile)
    if index is None:
        return None
    return round(delay_edge_s(index), 1)


def quantile_index(bins: Mapping[str, float], quantile: float) -> int | None:
    """The bin in which a quantile lies of counts by bin; None without counts."""
    total = sum(bins.values())
    if total <= 0:
        return None

    reached, last = 0.0, None
    for index in sorted(map(int, bins)):
        reached += bins[str(index)]
        last = index
        if reached >= quantile * total:
            break

    return last
