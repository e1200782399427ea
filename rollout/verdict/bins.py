"""Numbers in logarithmic bins, so that a distribution is a few counts that can be added up."""

import math
from collections.abc import Mapping

BINS_PER_OCTAVE = 16
"""Of latencies: a quantile is known to 4.4 %."""
SMALLEST_MS = 0.1
_SMALLEST_S = SMALLEST_MS / 1000

RATIO_BINS = 64
"""Bins an octave of a ratio of two times: 1.1 %."""
_LARGEST_RATIO = 8 * RATIO_BINS

VALUE_BINS = 8
"""Bins an octave of predicted values: 9 %."""
_SMALLEST_VALUE = 1e-9


def latency_bin(seconds: float) -> int:
    """The bin of a latency."""
    if seconds > _SMALLEST_S:
        return int(math.log2(seconds / _SMALLEST_S) * BINS_PER_OCTAVE)
    return 0


def bin_edge_ms(index: int) -> float:
    """The upper edge of a bin, in milliseconds."""
    return float(SMALLEST_MS * 2 ** ((index + 1) / BINS_PER_OCTAVE))


def slower_bin(index: int, factor: float, overhead_ms: float) -> int:
    """The bin from which on a latency is slower than one at the lower edge of bin `index`, by this
    factor.

    overhead_ms: what both take in addition; the factor is one of the whole. A latency in that bin
    is slower by no less."""
    edge_ms = SMALLEST_MS * 2 ** (index / BINS_PER_OCTAVE)
    slower_ms = (edge_ms + overhead_ms) * factor - overhead_ms
    return math.ceil(math.log2(slower_ms / SMALLEST_MS) * BINS_PER_OCTAVE - 1e-9)


def ratio_bin(numerator: float, denominator: float) -> int:
    """The bin of a ratio of two positive numbers: bin n holds those from 2^(n/64) up to
    2^((n+1)/64).
    """
    if numerator <= 0 or denominator <= 0:
        return 0
    index = math.floor(math.log2(numerator / denominator) * RATIO_BINS)
    return max(-_LARGEST_RATIO, min(_LARGEST_RATIO, index))


def ratio_bins(factor: float) -> int:
    """The first bin whose ratios are all at least this factor."""
    return math.ceil(math.log2(factor) * RATIO_BINS - 1e-9)


def ratio_bins_within(factor: float) -> int:
    """The bin before which all ratios are at most this factor."""
    return math.floor(math.log2(factor) * RATIO_BINS + 1e-9)


def ratio_of(index: float) -> float:
    """The lower edge of a ratio's bin."""
    return float(2 ** (index / RATIO_BINS))


def quantile_bin(bins: Mapping[str, int], quantile: float) -> int:
    """The bin in which a quantile lies of counts by bin; 0 where there are none."""
    total, reached = sum(bins.values()), 0
    for index in sorted(map(int, bins)):
        reached += bins[str(index)]
        if reached >= quantile * total:
            return index

    return 0


def value_bin(value: float) -> int:
    """The bin of any finite number; larger numbers have larger bins."""
    size = abs(value) / _SMALLEST_VALUE
    if size <= 1:
        return 0

    index = int(math.log2(size) * VALUE_BINS) + 1
    if value >= 0:
        return index
    return -index
