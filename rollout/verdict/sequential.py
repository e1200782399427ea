"""Evidence that may be looked at after every request: bets on the label "which version answered?".

The router draws the version with a probability it knows. If the versions behave alike, an outcome
says nothing about who answered, so nobody can win by betting on it. `against` is the capital of a
bettor who believes that the candidate is worse, `proof` of one who believes that it is not as bad
as the margin. Where the belief is wrong the capital is a non-negative supermartingale, so by
Ville's inequality it ever reaches 1/alpha with a probability of at most alpha, whatever the traffic
does, however the weight moves, however often one looks.

Every table of counts has the shape (..., 2, K): version (0 the candidate, 1 the stable one) by
level of loss (0 none, K - 1 the whole; an error is K = 2). Leading axes are carried along. Capital
is given as a natural logarithm.

Sources: Lindon & Malek, Anytime-valid inference for multinomial count data (2022); Waudby-Smith &
Ramdas, Estimating means of bounded random variables by betting (2020); Podkopaev & Ramdas,
Sequential predictive two-sample testing (2023)."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache, reduce
from typing import Any

import numpy as np

Array = Any
Tables = Mapping[float, Array]
"""Counts by the candidate's share of the requests in force when they were routed (0 to 1, both
excluded).
"""

ODDS = np.exp(0.12 * 1.75 ** np.arange(8))
"""How much worse the candidate is believed to be, as odds ratios: 1.13 to 416."""
PARTS_OF_KELLY = np.array([0.25, 0.5, 1.0, 2.0])
DISCORDANT = np.array([0.52, 0.55, 0.6, 0.67, 0.75, 0.85, 0.95])
RATIO_ODDS = np.array([0.25, 0.5, 2 / 3, 0.8, 1 / 1.1, 1 / 1.05, 1.05, 1.1, 1.25, 1.5, 2.0, 4.0])
PAIR_STAKES = np.array([0.05, 0.2, 0.5, 0.9])
STAKE = 0.999
WIDTHS = 2.0 ** -np.arange(10)
NATS_OF_NOT_KNOWING = 0.9
"""What a mixture of bets costs against its best part; only the estimate uses it."""


def payoff(share: float, centre: float, ratio: float, tolerance: float, levels: int = 2) -> Array:
    """What one unit staked wins, (2, K): its mean is p1 - ratio * p0 - tolerance for any centre, p
    the mean losses.
    """
    loss = np.linspace(0.0, 1.0, levels)
    constant = centre * (1 - ratio) - tolerance
    return np.stack([(loss - centre) / share, -ratio * (loss - centre) / (1 - share)]) + constant


def log_against(tables: Tables, centre: float, ratio: float = 1.0, tolerance: float = 0.0) -> Array:
    """Log capital (...) of who bets that the candidate loses more than ratio * stable +
    tolerance.
    """
    return _log_capital(
        tables, lambda share, levels: _factors_against(share, centre, ratio, tolerance, levels)
    )


def log_proof(tables: Tables, centre: float, ratio: float = 1.0, margin: float = 0.0) -> Array:
    """Log capital (...) of who bets that the candidate loses less than ratio * stable + margin."""
    return _log_capital(
        tables, lambda share, levels: _factors_proof(share, centre, ratio, margin, levels)
    )


def log_discordant(worse: Array, better: Array) -> Array:
    """Log capital of who bets that of two answers to one request the candidate's is the worse one
    more often.

    worse, better: pairs in which it was so; pairs that agree say nothing (a sequential McNemar
    test)."""
    worse, better = np.asarray(worse, float), np.asarray(better, float)
    return log_mean(
        worse[..., None] * np.log(2 * DISCORDANT) + better[..., None] * np.log(2 * (1 - DISCORDANT))
    )


def log_paired(pairs: Array, tolerance: float = 0.0) -> Array:
    """Log capital of who bets that, asked the same, the candidate loses more than the stable
    version + tolerance.

    pairs: counts (..., 2L - 1) of the candidate's loss less the stable version's, from -1 to 1 in
    equal steps. Without a tolerance and with whole losses (L = 2) it is `log_discordant`."""
    stakes = (2 * DISCORDANT - 1) / (1 + tolerance)
    return log_mean(np.asarray(pairs, float) @ np.log1p(stakes * (_differences(pairs) - tolerance)))


def log_paired_proof(pairs: Array, margin: float) -> Array:
    """Log capital of who bets that, asked the same, the candidate loses less than the stable
    version + margin.
    """
    return log_mean(np.asarray(pairs, float) @ pair_factors(_differences(pairs), margin))


def pair_factors(difference: Array, margin: float) -> Array:
    """Log factors of the bets of `log_paired_proof`, by the difference of the losses in a pair."""
    return np.log1p(PAIR_STAKES / (1 - margin) * (margin - difference))


def proof_factors(share: float, centre: float, ratio: float, margin: float) -> Array:
    """Log factors (2, 2, J) of the bets of `log_proof`: version by good or bad."""
    return _factors_proof(share, centre, ratio, margin, 2)


def _differences(pairs: Array) -> Array:
    """The differences that pairs (..., 2L - 1) are counted by, (2L - 1, 1)."""
    return np.linspace(-1.0, 1.0, np.asarray(pairs).shape[-1])[:, None]


def log_ratio(drawn: Mapping[float, Array]) -> Array:
    """Log capital of who bets that the candidate did not get its share: drawn counts (..., 2) by
    share.
    """
    total: Array = 0.0
    for share, counts in drawn.items():
        got = RATIO_ODDS * share / (1 - share + RATIO_ODDS * share)
        factors = np.stack([np.log(got / share), np.log((1 - got) / (1 - share))])
        total = total + np.asarray(counts, float) @ factors

    if drawn:
        return log_mean(total)
    return 0.0


def weighted(capitals: Sequence[tuple[float, Array]]) -> Array:
    """Log of a weighted sum of capitals given as logs."""
    logs = [log + math.log(weight) for weight, log in capitals if weight > 0]
    if logs:
        return reduce(np.logaddexp, logs)
    return 0.0


def evenly_weighted(capitals: Sequence[Array]) -> Array:
    """The same with equal weights that sum to 1."""
    return weighted([(1 / len(capitals), capital) for capital in capitals])


def log_mean(logs: Array) -> Array:
    """The logarithm of the mean of exponentials over the last axis."""
    top = logs.max(-1, keepdims=True)
    return top[..., 0] + np.log(np.exp(logs - top).sum(-1) / logs.shape[-1])


def interval(tables: Tables, centre: float, alpha: float = 0.05) -> tuple[float, float, float]:
    """Low end, estimate and high end of p1 - p0; the ends hold at all times at once, each with
    alpha / 2.

    Two one-sided sequences by bisection over the difference. Tables of one look only: (2, K).
    """
    estimate = difference(tables)
    needed = math.log(2 / alpha)

    def reached(distance: float, sign: int) -> bool:
        return float(_log_at(tables, centre, distance, sign)) >= needed

    low = _edge(-1.0, estimate, lambda distance: reached(distance, 1))
    high = -_edge(-1.0, -estimate, lambda distance: reached(-distance, -1))
    return low, estimate, high


def interval_paired(pairs: Array, alpha: float = 0.05) -> tuple[float, float, float]:
    """The same of the mean difference in pairs (2L - 1,), at least one of them."""
    pairs = np.asarray(pairs, float)
    distances = _differences(pairs)
    estimate = float((pairs @ distances / pairs.sum())[0])
    needed = math.log(2 / alpha)

    def reached(distance: float, counts: Array) -> bool:
        stakes = STAKE * WIDTHS / max(1 + distance, 1e-9)
        return float(log_mean(counts @ np.log1p(stakes * (distances - distance)))) >= needed

    low = _edge(-1.0, estimate, lambda distance: reached(distance, pairs))
    high = -_edge(-1.0, -estimate, lambda distance: reached(distance, pairs[::-1]))
    return low, estimate, high


def difference(tables: Tables) -> float:
    """The candidate's mean loss less the stable version's, each row of the tables weighing as its
    candidate requests.

    Pooled rates would compare a morning of the one with an evening of the other where weight and
    rate moved together."""
    total, weight = 0.0, 0.0
    for counts in tables.values():
        of = np.asarray(counts, float).sum(-1)
        if of.min() > 0:
            losses = means(counts)
            # The inverse of the variance of a difference of two means, but for their common spread.
            trust = 1 / (1 / of[0] + 1 / of[1])
            total, weight = total + trust * float(losses[0] - losses[1]), weight + trust

    if weight:
        return total / weight
    return 0.0


def means(counts: Array) -> Array:
    """Mean losses (..., 2) of counts (..., 2, K); 0 where there are none."""
    counts = np.asarray(counts, float)
    of = counts.sum(-1)
    return counts @ np.linspace(0.0, 1.0, counts.shape[-1]) / np.maximum(of, 1)


def requests_to_proof(
    share: float,
    centre: float,
    margin: float,
    beta: float,
    quantile: float = 0.5,
    have: float = 0.0,
) -> float:
    """Requests of both versions until the proof is there at this share, if the versions are alike;
    inf if never.

    have: log capital at present. The quantile of the first passage of a random walk (inverse
    Gaussian)."""
    factors = _factors_proof(share, centre, 1.0, margin, 2)
    cells = np.array(
        [[share * (1 - centre), share * centre], [(1 - share) * (1 - centre), (1 - share) * centre]]
    )
    return _steps(cells.ravel(), factors.reshape(4, -1), math.log(1 / beta) - have, quantile)


def pairs_to_proof(
    pairs: Array, margin: float, beta: float, quantile: float = 0.5, have: float = 0.0
) -> float:
    """More pairs until the proof is there, if the versions are alike and differ as often as in
    these (2L - 1,).
    """
    pairs = np.asarray(pairs, float)
    alike = (pairs + pairs[::-1]) / (2 * pairs.sum())
    factors = pair_factors(_differences(pairs), margin)
    return _steps(alike, factors, math.log(1 / beta) - have, quantile)


def _steps(chances: Array, factors: Array, level: float, quantile: float) -> float:
    """Steps until the best of the bets has won `level`: log factors (cells, J), each cell with its
    chance (cells,).
    """
    drifts = chances @ factors
    best = int(drifts.argmax())
    drift = float(drifts[best])
    if level <= 0:
        return 0.0
    if drift <= 0:
        return math.inf

    spread = math.sqrt(max(float(chances @ factors[:, best] ** 2) - drift**2, 1e-300))
    return first_passage(quantile, level + NATS_OF_NOT_KNOWING, drift, spread)


def first_passage(quantile: float, level: float, drift: float, spread: float) -> float:
    """Steps within which a random walk has reached `level` with that probability (inverse
    Gaussian).
    """
    low, high = 0.0, 1.0
    while _passed(high, level, drift, spread) < quantile and high < 1e15:
        high *= 2

    for _ in range(60):
        middle = (low + high) / 2
        if _passed(middle, level, drift, spread) < quantile:
            low = middle
        else:
            high = middle

    return high


def _passed(steps: float, level: float, drift: float, spread: float) -> float:
    root = spread * math.sqrt(steps)
    reflected = 2 * drift * level / spread**2 + _log_normal(-(drift * steps + level) / root)
    return math.exp(_log_normal((drift * steps - level) / root)) + math.exp(min(reflected, 0.0))


def _log_normal(x: float) -> float:
    if x > -30:
        return math.log(0.5 * math.erfc(-x / math.sqrt(2)))
    return -x * x / 2 - math.log(-x * math.sqrt(2 * math.pi)) + math.log1p(-1 / (x * x))


def _log_capital(tables: Tables, factors: Any) -> Array:
    total: Array = None
    for share, counts in tables.items():
        counts = np.asarray(counts, float)
        cells = counts.reshape(*counts.shape[:-2], -1)
        part = cells @ factors(share, counts.shape[-1]).reshape(cells.shape[-1], -1)
        total = part if total is None else total + part

    if total is None:
        return 0.0
    return log_mean(total)


@lru_cache(maxsize=4096)
def _factors_against(
    share: float, centre: float, ratio: float, tolerance: float, levels: int
) -> Array:
    """Log factors (2, K, J): one bet an odds ratio, of the size that wins most if just that is true
    (Kelly).
    """
    boundary = min(max(ratio * centre + tolerance, 1e-6), 0.95)
    rates = ODDS * boundary / (1 - boundary + ODDS * boundary)
    won = payoff(share, centre, ratio, tolerance, levels)
    stakes = _kelly(payoff(share, centre, ratio, tolerance), share, rates, centre)
    return np.log1p(np.minimum(stakes, _most(won)) * won[..., None])


@lru_cache(maxsize=4096)
def _factors_proof(share: float, centre: float, ratio: float, margin: float, levels: int) -> Array:
    """Log factors (2, K, J): parts of the stake that wins most if the versions are alike at the
    centre.
    """
    won = -payoff(share, centre, ratio, margin, levels)
    best = _kelly(-payoff(share, centre, ratio, margin), share, np.array([centre]), centre)[0]
    return np.log1p(np.minimum(best * PARTS_OF_KELLY, _most(won)) * won[..., None])


def _kelly(won: Array, share: float, rates: Array, stable_rate: float) -> Array:
    """The stake a rate (J,) that makes capital grow fastest if the candidate's rate is that one; by
    bisection.
    """
    ones = np.ones_like(rates)
    chance = np.stack(
        [
            np.stack([share * (1 - rates), share * rates]),
            np.stack([(1 - share) * (1 - stable_rate) * ones, (1 - share) * stable_rate * ones]),
        ]
    )
    low, high = np.zeros_like(rates), np.full_like(rates, _most(won))
    for _ in range(60):
        middle = (low + high) / 2
        grows = (chance * won[..., None] / (1 + middle * won[..., None])).sum((0, 1)) > 0
        low, high = np.where(grows, middle, low), np.where(grows, high, middle)

    return (low + high) / 2


def _most(won: Array) -> float:
    """The largest stake that cannot lose everything."""
    return float(STAKE / max(-won.min(), 1e-12))


def _log_at(tables: Tables, centre: float, distance: float, sign: int) -> Array:
    total: Array = np.zeros(len(WIDTHS))
    for share, counts in tables.items():
        counts = np.asarray(counts, float)
        won = sign * payoff(share, centre, 1.0, distance, counts.shape[-1])
        total = total + np.tensordot(counts, np.log1p(_most(won) * WIDTHS * won[..., None]), axes=2)

    return log_mean(total)


def _edge(low: float, high: float, reached: Any) -> float:
    """The point between `low`, where the evidence may be reached, and `high`, up to which it is."""
    if not reached(low) or reached(high):
        return low

    for _ in range(30):
        middle = (low + high) / 2
        if reached(middle):
            low = middle
        else:
            high = middle

    return low
