"""Whether shares changed over time: a sequential detector with a promise on its false alarms.

Time is cut into windows. For each share (of a category; of the values below an edge; of nulls) the
null says that what is to be expected of it in a window, given all before, is within a tolerance of
its baseline. A bet on a share beyond that, `1 - f + f * share / (baseline + tolerance)`, then loses
or is fair, whatever the rows of a window have to do with each other. Of all bets that begin in any
window the capitals are added up (Shiryaev 1963, Roberts 1966), and averaged over shares and sizes
of bets: an e-detector (Shin, Ramdas and Rinaldo 2022). Until it exceeds `n`, at least `n` windows
pass on average where the null holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

FRACTIONS = (0.1, 0.3, 0.9)
"""Parts of the capital that are bet."""
LEAST_SHARE = 1e-12
"""Where neither the baseline nor the tolerance leaves room for any: not 0, which is no part."""
Array = Any


@dataclass(frozen=True)
class WatchedShares:
    """Shares of one name. now, baseline: (windows, shares); NaN: too few rows to bet."""

    now: Array
    baseline: Array


@dataclass(frozen=True)
class Detected:
    """evidence: log of the sum, by window, without windows 0. by_name: the same of each name."""

    evidence: Array
    by_name: Array

    def first_beyond(self, needed: float) -> int | None:
        """The first window in which it exceeds a log; None where none does."""
        beyond = np.flatnonzero(self.evidence >= needed)
        if not len(beyond):
            return None

        return int(beyond[0])


def detect(names: Sequence[WatchedShares], tolerance: float) -> Detected:
    """The evidence in each window, by names of as many windows. tolerance: a share."""
    by_name = [_of_name(one, tolerance) for one in names]
    stacked = np.array(by_name, dtype=float)
    if not stacked.size:
        return Detected(np.zeros(0), stacked)

    return Detected(_log_mean(stacked, 0), stacked)


def watched_shares(counts: Array, is_ordered: bool) -> Array:
    """The shares to bet on (windows, shares) of counts by bin (windows, bins), the nulls last.

    Of bins in order: the rows up to each edge, since a shift moves each bin a little, and these
    much. NaN in windows without rows.
    """
    counts = np.asarray(counts, dtype=float)
    rows = counts.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = counts / rows

    if not is_ordered:
        return shares

    return np.column_stack([np.cumsum(shares[:, :-2], axis=1), shares[:, -1]])


def _of_name(shares: WatchedShares, tolerance: float) -> Array:
    """Log of the averaged sums of one name, by window."""
    now = np.concatenate([shares.now, 1 - shares.now], axis=1)
    limit = np.concatenate([shares.baseline, 1 - shares.baseline], axis=1) + tolerance
    ratio = now / np.clip(limit, LEAST_SHARE, 1.0)
    sums = np.full((len(FRACTIONS), ratio.shape[1]), -np.inf)
    fractions = np.array(FRACTIONS)[:, None]
    logs = np.zeros(len(ratio))
    for window, row in enumerate(ratio):
        if not np.isnan(row).any():
            # Each sum grows by the bet that begins now, then all of them bet.
            sums = np.logaddexp(sums, 0.0) + np.log1p(fractions * (row - 1))

        logs[window] = _log_mean(sums.reshape(-1, 1), 0)[0]

    return logs


def _log_mean(logs: Array, axis: int) -> Array:
    return np.logaddexp.reduce(logs, axis=axis) - np.log(logs.shape[axis])
