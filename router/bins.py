"""Latencies in logarithmic bins: 16 an octave from 0.1 ms up, so that a quantile is known to 4.4 %."""

import math

BINS_PER_OCTAVE = 16
SMALLEST_MS = 0.1
_SMALLEST_S = SMALLEST_MS / 1000


def latency_bin(seconds: float) -> int:
    """The bin of a latency."""
    return int(math.log2(seconds / _SMALLEST_S) * BINS_PER_OCTAVE) if seconds > _SMALLEST_S else 0


def bin_edge_ms(index: int) -> float:
    """The upper edge of a bin, in milliseconds."""
    return float(SMALLEST_MS * 2 ** ((index + 1) / BINS_PER_OCTAVE))
