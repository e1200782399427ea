"""A textbook test of all data so far, looked at again and again without correction.

What a dashboard with a p-value amounts to: Pearson's chi-square for two proportions (no continuity
correction) and Welch's t-test for two means, each a sound test of one look planned beforehand. That
repeated looks break the promise of p < .05: Armitage, McPherson & Rowe, Repeated significance tests
on accumulating data (1969)."""

import numpy as np
from scipy.special import chdtri
from scipy.stats import ttest_ind_from_stats

LEVEL = 0.05


def chi_square(counts: np.ndarray, two_sided: bool = False) -> np.ndarray:
    """The looks (..., looks) at which p < .05 and the candidate is worse; two_sided: or better.

    counts: cumulative (..., looks, 2, 2), version (0 the candidate, 1 the stable one) by level (0
    good, 1 bad). A table with an empty row or column says nothing."""
    table = np.asarray(counts, float)
    worse = table[..., 0, 1] * table[..., 1, 0] - table[..., 0, 0] * table[..., 1, 1]
    margins = table.sum(-1).prod(-1) * table.sum(-2).prod(-1)
    statistic = np.divide(
        table.sum((-2, -1)) * worse**2, margins, out=np.zeros_like(margins), where=margins > 0
    )
    return np.asarray((statistic > chdtri(1, LEVEL)) & (two_sided | (worse > 0)))


def welch(
    n: np.ndarray, mean: np.ndarray, variance: np.ndarray, two_sided: bool = False
) -> np.ndarray:
    """The looks (..., looks) at which p < .05 and the candidate's mean is the larger one;
    two_sided: or the smaller.

    n, mean, variance: cumulative (..., looks, 2) by version, at least two values each; variance
    with n - 1 below."""
    spread = np.sqrt(variance)
    candidate, stable = (
        (mean[..., version], spread[..., version], n[..., version]) for version in (0, 1)
    )
    test = ttest_ind_from_stats(*candidate, *stable, equal_var=False)
    return np.asarray((test.pvalue < LEVEL) & (two_sided | (test.statistic > 0)))
