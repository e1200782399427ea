"""How many requests a bet takes: against counted walks of the bets themselves."""

import math

import numpy as np
import pytest

from rollout.forecast.passage import NEVER, Bets, Passage, passage
from rollout.verdict.sequential import log_paired_proof, log_proof, pair_factors, proof_factors

LEVEL = math.log(20)


def pairs(rate: float, margin: float) -> Bets:
    """Bets on pairs in which either version alone fails at this rate."""
    factors = [pair_factors(difference, margin) for difference in (0.0, 1.0, -1.0)]
    return Bets(rate, rate, np.stack(factors))


def walked_pairs(rate: float, margin: float, steps: int, walks: int) -> np.ndarray:
    """Pairs until the proof, by chance; inf where there are too few steps."""
    random = np.random.default_rng(7)
    passages = np.full(walks, math.inf)
    for walk in range(walks):
        kinds = random.choice(3, size=steps, p=[rate, 1 - 2 * rate, rate])
        counts = np.cumsum(np.eye(3)[kinds], axis=0)
        proved = np.flatnonzero(log_paired_proof(counts, margin) >= LEVEL)
        passages[walk] = proved[0] + 1 if len(proved) else math.inf

    return passages


@pytest.mark.parametrize(
    ("rate", "margin", "steps"), [(0.0001, 0.005, 4000), (0.001, 0.005, 8000), (0.01, 0.01, 12000)]
)
def test_pairs_take_as_many_as_walks_take(rate: float, margin: float, steps: int) -> None:
    walks = walked_pairs(rate, margin, steps, 400)
    counted = passage(pairs(rate, margin), LEVEL)
    for quantile in (0.25, 0.5, 0.75, 0.95):
        by = float(np.quantile(walks, quantile))
        # A version without failures has its proof at one number: the chance jumps there.
        assert counted.chance(by * 0.93) - 0.06 <= quantile <= counted.chance(by * 1.07) + 0.06


def test_drawn_requests_take_as_many_as_walks_take() -> None:
    share, rate, margin, steps = 0.5, 0.005, 0.01, 10_000
    candidate, stable = proof_factors(share, rate, 1.0, margin)
    plain = share * candidate[0] + (1 - share) * stable[0]
    bets = Bets(share * rate, (1 - share) * rate, np.stack([plain, candidate[1], stable[1]]))
    random = np.random.default_rng(3)
    walks = []
    for _ in range(300):
        cells = random.choice(
            4, size=steps, p=np.outer([share, 1 - share], [1 - rate, rate]).ravel()
        )
        counts = np.cumsum(np.eye(4)[cells], axis=0).reshape(-1, 2, 2)
        proved = np.flatnonzero(log_proof({share: counts}, rate, 1.0, margin) >= LEVEL)
        walks.append(proved[0] + 1 if len(proved) else math.inf)

    counted = passage(bets, LEVEL)
    for quantile in (0.1, 0.5, 0.9):
        assert counted.chance(np.quantile(walks, quantile)) == pytest.approx(quantile, abs=0.09)


def test_where_the_rare_kinds_are_too_many_to_be_counted_half_need_about_so_many() -> None:
    rate, margin = 0.04, 0.005
    walks = walked_pairs(rate, margin, 60_000, 60)
    estimated = passage(pairs(rate, margin), LEVEL).median()
    assert 0.5 < estimated / float(np.median(walks)) < 2.5


def test_chances_rise_and_a_higher_level_takes_more() -> None:
    low, high = (passage(pairs(0.001, 0.005), level) for level in (LEVEL, LEVEL + 1))
    assert (np.diff(low.chances) >= 0).all()
    assert low.median() < high.median()
    assert [low.chance(n) >= high.chance(n) for n in (500, 1000, 2000, 5000)] == [True] * 4


def test_a_bet_that_loses_never_gets_there() -> None:
    losing = passage(Bets(0.1, 0.0, np.array([[0.001], [-5.0], [0.0]])), LEVEL)
    assert losing is NEVER
    assert (losing.chance(1e9), losing.median()) == (0.0, math.inf)


def test_without_rare_kinds_the_number_is_known() -> None:
    certain = passage(Bets(0.0, 0.0, np.full((3, 1), 0.01)), 1.0)
    assert certain.median() == pytest.approx(100, rel=0.1)


def test_half_of_a_passage_that_may_never_come_is_never() -> None:
    rare = Passage(np.array([0.0, 10.0]), np.array([0.0, 0.3]))
    assert rare.median() == math.inf
