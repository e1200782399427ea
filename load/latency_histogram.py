"""Latencies counted by the microsecond, in bounded memory. Pure.

Below 2 ms a bin is a microsecond; above, each doubling has 1,024 bins, so a percentile is right
to a thousandth."""

import numpy as np

EXACT = 2_048
PER_OCTAVE = 1_024
OCTAVES = 17
BINS = EXACT + OCTAVES * PER_OCTAVE
_SHIFT = PER_OCTAVE.bit_length() - 1


class LatencyHistogram:
    """Counts of latencies up to four minutes; longer ones count as that."""

    def __init__(self) -> None:
        self.counts = np.zeros(BINS, np.int64)

    def add(self, seconds: np.ndarray) -> None:
        """Count latencies."""
        if len(seconds):
            self.counts += np.bincount(_bins(seconds * 1e6), minlength=BINS)

    def __len__(self) -> int:
        return int(self.counts.sum())

    def ms(self, percent: float) -> float:
        """That percentile in milliseconds; NaN where there is none."""
        total = len(self)
        if not total:
            return float("nan")

        # The smallest latency that so many do not exceed.
        rank = max(1, int(np.ceil(total * percent / 100)))
        number = int(np.searchsorted(np.cumsum(self.counts), rank))
        return float(upper_edges_us()[number]) / 1000


def upper_edges_us() -> np.ndarray:
    """The largest number of microseconds in each bin."""
    within = np.arange(PER_OCTAVE)
    above = [((PER_OCTAVE + within + 1) << (octave + 1)) - 1 for octave in range(OCTAVES)]
    return np.concatenate([np.arange(EXACT), *above])


def _bins(microseconds: np.ndarray) -> np.ndarray:
    whole = np.clip(np.rint(microseconds), 0, (EXACT << OCTAVES) - 1).astype(np.int64)
    # The exponent of a double is the place of the highest bit.
    octave = np.maximum(np.frexp(whole.astype(float))[1] - 1 - _SHIFT, 0)
    above = EXACT + (octave - 1) * PER_OCTAVE + (whole >> octave) - PER_OCTAVE
    bins: np.ndarray = np.where(whole < EXACT, whole, above)
    return bins
