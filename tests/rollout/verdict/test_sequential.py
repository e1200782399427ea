"""The bets: fair where the candidate is inside what is tolerated, exact where a sum can be written
down, additive.
"""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import betaln

from rollout.verdict import sequential
from rollout.verdict.sequential import (
    _factors_against,
    _factors_proof,
    difference,
    first_passage,
    interval,
    interval_paired,
    log_against,
    log_discordant,
    log_paired,
    log_paired_proof,
    log_proof,
    log_ratio,
    means,
    pairs_to_proof,
    requests_to_proof,
)

several = settings(max_examples=60, derandomize=True, database=None, deadline=None)
shares = st.floats(0.001, 0.999)
centres = st.floats(-4.0, -0.05).map(lambda power: 10.0**power)
ratios = st.sampled_from((1.0, 1.2, 2.0))
tolerances = st.sampled_from((0.0, 0.001, 0.02))
levels = st.sampled_from((2, 17))
seeds = st.integers(0, 2**32 - 1)
counts = st.integers(0, 2000)


def losses(chance: Any, count: int, mean: float, low: bool) -> Any:
    """Any distribution over levels of loss, its mean at most `mean` (low), or at least."""
    drawn = chance.dirichlet(np.full(count, chance.choice((0.05, 1.0))))
    level = np.linspace(0.0, 1.0, count)
    worst = np.zeros(count)
    worst[0 if low else -1] = 1.0
    now, end = drawn @ level, worst @ level
    if (now <= mean) if low else (now >= mean):
        return drawn

    part = (now - mean) / (now - end)
    return (1 - part) * drawn + part * worst


def expected(factors: Any, share: float, candidate: Any, stable: Any) -> Any:
    """Mean factor of each bet, summed over every cell a request may fall into."""
    return np.einsum(
        "vk,vkj->j", np.stack([share * candidate, (1 - share) * stable]), np.exp(factors)
    )


def table(chance: Any, requests: int, share: float, candidate: float, stable: float) -> Any:
    """Counts of requests that a coin gave to two versions, (2, 2)."""
    candidates = chance.binomial(requests, share)
    bad, worse = (
        chance.binomial(candidates, candidate),
        chance.binomial(requests - candidates, stable),
    )
    return np.array([[candidates - bad, bad], [requests - candidates - worse, worse]])


# Law 1: no bet wins on average where it is wrong.


@several
@given(shares, centres, ratios, tolerances, levels, seeds)
def test_no_bet_against_wins_where_the_candidate_is_inside_the_tolerance(
    share: float, centre: float, ratio: float, tolerance: float, count: int, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    factors = _factors_against(share, centre, ratio, tolerance, count)
    assert np.isfinite(factors).all()
    stable = losses(chance, count, 1.0, low=True)
    most = min(1.0, ratio * float(stable @ np.linspace(0, 1, count)) + tolerance)
    for mean in (most, most * chance.random()):
        assert (
            expected(factors, share, losses(chance, count, mean, low=True), stable).max()
            <= 1 + 1e-9
        )


@several
@given(shares, centres, ratios, st.sampled_from((0.001, 0.02, 0.3)), levels, seeds)
def test_no_bet_for_it_wins_where_the_candidate_is_on_the_margin_or_beyond(
    share: float, centre: float, ratio: float, margin: float, count: int, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    factors = _factors_proof(share, centre, ratio, margin, count)
    assert np.isfinite(factors).all()
    stable = losses(chance, count, 0.3 * chance.random(), low=True)
    least = ratio * float(stable @ np.linspace(0, 1, count)) + margin
    for mean in (least, least + (1 - least) * chance.random()):
        assert (
            expected(factors, share, losses(chance, count, mean, low=False), stable).max()
            <= 1 + 1e-9
        )


@several
@given(shares, centres, tolerances, seeds)
def test_no_bet_on_less_wins_where_the_candidate_has_no_less(
    share: float, centre: float, tolerance: float, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    turned = _factors_against(share, 1 - centre, 1.0, tolerance, 2)[:, ::-1]
    stable = losses(chance, 2, 1.0, low=True)
    candidate = losses(chance, 2, stable[1] - tolerance, low=False)
    assert expected(turned, share, candidate, stable).max() <= 1 + 1e-9


def test_a_bet_wins_where_it_is_right() -> None:
    stable = np.array([0.99, 0.01])
    against = _factors_against(0.05, 0.01, 1.0, 0.0, 2)
    assert expected(against, 0.05, np.array([0.9, 0.1]), stable).max() > 1.001
    assert expected(_factors_proof(0.05, 0.01, 1.0, 0.02, 2), 0.05, stable, stable).max() > 1.0001


@pytest.mark.parametrize("rate", [0.5, 0.4, 0.1])
def test_a_bet_on_discordant_pairs_is_fair_up_to_one_half(rate: float) -> None:
    worse = np.arange(13)
    mean = stats.binom.pmf(worse, 12, rate) @ np.exp(log_discordant(worse, 12 - worse))
    assert mean == pytest.approx(1.0) if rate == 0.5 else mean < 1


@pytest.mark.parametrize(("worse", "better"), [(0.02, 0.0), (0.12, 0.1), (0.05, 0.0)])
def test_a_bet_that_pairs_are_within_the_margin_is_fair_on_it_and_loses_beyond(
    worse: float, better: float
) -> None:
    counts = [(w, b) for w in range(13) for b in range(13 - w)]
    chances = [
        stats.multinomial.pmf([w, b, 12 - w - b], 12, [worse, better, 1 - worse - better])
        for w, b in counts
    ]
    w, b = np.array(counts).T
    mean = np.array(chances) @ np.exp(log_paired_proof(np.stack([b, 12 - w - b, w], -1), 0.02))
    assert mean == pytest.approx(1.0) if worse - better == pytest.approx(0.02) else mean < 1


@several
@given(st.sampled_from((3, 33)), st.sampled_from((0.0, 0.02, 0.3)), seeds)
def test_no_bet_on_pairs_wins_on_average_where_it_is_wrong(
    count: int, edge: float, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    one_pair = np.eye(count)
    # A loss from 0 to 1 turned into a difference from -1 to 1, so its mean is half of (1 + edge).
    inside, beyond = (losses(chance, count, (1 + edge) / 2, low=low) for low in (True, False))
    assert inside @ np.exp(log_paired(one_pair, edge)) <= 1 + 1e-9
    assert beyond @ np.exp(log_paired_proof(one_pair, edge)) <= 1 + 1e-9


@several
@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 5_000))
def test_whole_losses_without_a_tolerance_are_the_pairs_that_disagree(
    worse: int, better: int, same: int
) -> None:
    assert log_paired([better, same, worse]) == pytest.approx(
        float(log_discordant(worse, better)), abs=1e-9
    )


def test_pairs_of_an_accuracy_five_points_lower_are_found_as_soon_as_in_the_trial() -> None:
    """There 595 labelled pairs (median) where 15 % disagree and 263 where 7 % do, at an alpha of 1
    %.
    """
    chance = np.random.default_rng(1)
    for worse, better, trial in ((0.10, 0.05, 595), (0.06, 0.01, 263)):
        answers = chance.choice(3, p=[better, 1 - worse - better, worse], size=(200, 3_000))
        counts = np.stack([(answers == cell).cumsum(1) for cell in range(3)], -1)
        reached = log_paired(counts) >= math.log(100)
        assert reached.any(1).all()
        assert np.median(reached.argmax(1) + 1) <= 1.15 * trial


def test_pairs_until_the_proof_are_about_as_many_as_it_takes() -> None:
    chance = np.random.default_rng(2)
    answers = chance.choice(3, p=[0.015, 0.97, 0.015], size=(200, 6_000))
    counts = np.stack([(answers == cell).cumsum(1) for cell in range(3)], -1)
    taken = (log_paired_proof(counts, 0.02) >= math.log(20)).argmax(1) + 1
    seen = np.array([15, 970, 15])
    assert pairs_to_proof(seen, 0.02, 0.05) == pytest.approx(np.median(taken), rel=0.2)
    assert pairs_to_proof(seen, 0.02, 0.05, 0.9) == pytest.approx(np.quantile(taken, 0.9), rel=0.2)
    assert pairs_to_proof(seen, 0.02, 0.05, 0.5, have=3.0) == 0.0


@pytest.mark.parametrize("counts", [[0, 1, 0], [7, 80, 3], [0, 0, 9], [900, 5, 0]])
def test_the_interval_of_pairs_holds_its_estimate_and_a_surer_one_holds_it(
    counts: list[int],
) -> None:
    low, estimate, high = interval_paired(counts)
    wider = interval_paired(counts, 0.001)
    assert -1 <= wider[0] <= low <= estimate <= high <= wider[2] <= 1
    assert estimate == pytest.approx((counts[2] - counts[0]) / sum(counts))


def test_the_interval_of_pairs_shrinks_and_is_turned_with_them() -> None:
    few, many = interval_paired([7, 80, 3]), interval_paired([700, 8_000, 300])
    assert many[2] - many[0] < (few[2] - few[0]) / 3
    assert interval_paired([3, 80, 7]) == pytest.approx((-few[2], -few[1], -few[0]), abs=1e-6)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.9])
def test_a_bet_on_the_share_is_fair_where_the_coin_is(share: float) -> None:
    got = np.arange(31)
    mean = stats.binom.pmf(got, 30, share) @ np.exp(
        log_ratio({share: np.stack([got, 30 - got], -1)})
    )
    assert mean == pytest.approx(1.0)


# Law 2: more failures are more evidence.


@several
@given(shares, centres, ratios, tolerances, st.tuples(counts, counts, counts, counts))
def test_one_more_failure_never_speaks_for_the_version_that_failed(
    share: float, centre: float, ratio: float, tolerance: float, cells: tuple[int, ...]
) -> None:
    assume(ratio * centre + tolerance < 0.95)
    before = np.reshape(cells, (2, 2)).astype(float)
    candidates, stables = before + np.array([[0, 1], [0, 0]]), before + np.array([[0, 0], [0, 1]])

    def against(counted: Any) -> float:
        return float(log_against({share: counted}, centre, ratio, tolerance))

    def proof(counted: Any) -> float:
        return float(log_proof({share: counted}, centre, ratio, max(tolerance, 0.001)))

    assert against(candidates) >= against(before) - 1e-9
    assert against(stables) <= against(before) + 1e-9
    assert proof(candidates) <= proof(before) + 1e-9


def test_the_whole_loss_says_more_than_half_of_it_and_that_more_than_none() -> None:
    estimates = []
    for level in (0, 8, 16):
        cells = np.zeros((2, 17))
        cells[0, level] = 5
        estimates.append(
            (float(log_against({0.1: cells}, 0.2)), -float(log_proof({0.1: cells}, 0.2, 1.0, 0.05)))
        )

    assert estimates == sorted(estimates)
    assert estimates[0][0] < estimates[1][0] < estimates[2][0]
    assert estimates[0][1] < estimates[1][1] < estimates[2][1]


def test_a_pair_speaks_against_the_candidate_where_it_is_worse_and_for_it_where_better() -> None:
    assert log_discordant(6, 4) > log_discordant(5, 4) > log_discordant(5, 5)


def test_turned_counts_speak_of_the_other_direction() -> None:
    fewer = np.array([[95.0, 5.0], [80.0, 20.0]])
    turned = fewer[:, ::-1]
    assert log_against({0.5: fewer}, 0.2) < 0 < log_against({0.5: turned}, 0.8)


# Law 3: counts are added up, in any order.


@several
@given(centres, levels, seeds)
def test_neither_the_order_of_weights_nor_who_counted_matters(
    centre: float, count: int, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    weights = (0.01, 0.05, 0.5)
    halves = [{share: chance.integers(0, 500, (2, count)) for share in weights} for _ in range(2)]
    forth = {share: halves[0][share] + halves[1][share] for share in weights}
    back = {share: halves[1][share] + halves[0][share] for share in reversed(weights)}
    for capital in (log_against, log_proof):
        assert capital(forth, centre, 1.0, 0.01) == pytest.approx(
            capital(back, centre, 1.0, 0.01), rel=1e-12
        )

    assert log_ratio({s: t.sum(-1) for s, t in forth.items()}) == pytest.approx(
        log_ratio({s: t.sum(-1) for s, t in back.items()}), rel=1e-12
    )


@several
@given(shares, centres, levels, seeds)
def test_one_row_in_two_says_the_same(share: float, centre: float, count: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    first, second = chance.integers(0, 500, (2, 2, count))
    split = {share: first, float(np.nextafter(share, 1)): second}
    assert len(split) == 2
    for capital in (log_against, log_proof):
        whole = capital({share: first + second}, centre, 1.0, 0.01)
        assert capital(split, centre, 1.0, 0.01) == pytest.approx(whole, rel=1e-6, abs=1e-6)


def test_many_looks_at_once_say_what_each_says_alone() -> None:
    chance = np.random.default_rng(4)
    looks = chance.integers(0, 300, (7, 2, 17)).cumsum(0)
    for capital in (log_against, log_proof):
        together = capital({0.05: looks, 0.25: looks[::-1]}, 0.2, 1.0, 0.02)
        alone = [
            float(capital({0.05: looks[i], 0.25: looks[6 - i]}, 0.2, 1.0, 0.02)) for i in range(7)
        ]
        assert together == pytest.approx(alone, rel=1e-12)

    bad = chance.integers(0, 9, 7)
    assert log_discordant(bad, 9 - bad) == pytest.approx(
        [float(log_discordant(n, 9 - n)) for n in bad]
    )


# Law 4: nothing says nothing, and no count is too large.


@pytest.mark.parametrize(
    "tables", [{}, {0.05: np.zeros((2, 2))}, {0.05: np.zeros((2, 17)), 0.5: np.zeros((2, 17))}]
)
def test_without_counts_the_capital_is_exactly_what_it_was(tables: dict[float, Any]) -> None:
    assert float(log_against(tables, 0.01)) == float(log_proof(tables, 0.01, 1.0, 0.02)) == 0.0
    assert float(log_ratio({share: cells.sum(-1) for share, cells in tables.items()})) == 0.0
    assert float(log_discordant(0, 0)) == 0.0
    assert float(log_paired(np.zeros(33))) == float(log_paired_proof(np.zeros(33), 0.02)) == 0.0
    assert interval(tables, 0.01) == (-1.0, 0.0, 1.0)


@pytest.mark.parametrize("share", [0.0001, 0.05, 0.9999])
def test_capital_stays_a_number_up_to_a_million_millions(share: float) -> None:
    for bad in product((0.0, 1e12), repeat=4):
        cells = np.reshape(bad, (2, 2))
        assert math.isfinite(log_against({share: cells}, 0.001))
        assert math.isfinite(log_proof({share: cells}, 0.001, 1.0, 0.005))
        assert math.isfinite(log_ratio({share: cells.sum(-1)}))
        assert all(map(math.isfinite, interval({share: cells}, 0.001)))

    assert math.isfinite(log_discordant(1e12, 0))


# Law 5: the interval.


@several
@given(st.floats(0.005, 0.95), centres, st.integers(1, 20_000), seeds)
def test_the_interval_holds_its_estimate_and_a_surer_one_holds_it(
    share: float, centre: float, requests: int, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    tables = {share: table(chance, requests, share, min(1.0, 2 * centre), centre)}
    low, estimate, high = interval(tables, centre, 0.05)
    surer = interval(tables, centre, 0.01)
    assert -1 <= low <= estimate <= high <= 1
    assert surer[0] <= low + 1e-6
    assert surer[2] >= high - 1e-6


def test_the_interval_gets_narrower_with_requests_and_holds_the_truth() -> None:
    chance = np.random.default_rng(8)
    widths = []
    for requests in (1_000, 30_000, 1_000_000):
        low, _, high = interval({0.2: table(chance, requests, 0.2, 0.12, 0.1)}, 0.1)
        assert low <= 0.02 <= high
        widths.append(high - low)

    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.02


def test_where_weight_and_rate_move_together_the_difference_is_taken_at_each_weight() -> None:
    morning, evening = (
        np.array([[990, 10], [98_010, 990]]),
        np.array([[40_000, 10_000], [40_000, 10_000]]),
    )
    assert difference({0.01: morning, 0.5: evening}) == pytest.approx(0.0)
    pooled = means(morning + evening)
    assert pooled[0] - pooled[1] > 0.1


def test_the_difference_is_that_of_the_mean_losses() -> None:
    cells = np.zeros((2, 17))
    cells[0, [0, 16]], cells[1, [0, 8]] = 50, 50
    assert difference({0.5: cells}) == pytest.approx(0.25)
    assert means(np.zeros((2, 17))) == pytest.approx([0.0, 0.0])


# Law 7: where there is a closed form, it is met.


@several
@given(st.floats(0.01, 0.99), st.tuples(counts, counts, counts, counts))
def test_without_a_centre_the_capital_is_the_likelihood_ratio_of_who_failed(
    share: float, cells: tuple[int, ...]
) -> None:
    (_, candidates), (_, stables) = np.reshape(cells, (2, 2))
    believed = share + sequential.STAKE * (1 - share)
    closed = candidates * math.log(believed / share) + stables * math.log(
        (1 - believed) / (1 - share)
    )
    assert log_against({share: np.reshape(cells, (2, 2))}, 0.0) == pytest.approx(
        closed, rel=1e-9, abs=1e-9
    )


def test_the_bet_on_the_share_is_the_mean_of_its_likelihood_ratios() -> None:
    candidates, stables, share = 130, 900, 0.1
    ratios = []
    for odds in sequential.RATIO_ODDS:
        got = odds * share / (1 - share + odds * share)
        ratios.append((got / share) ** candidates * ((1 - got) / (1 - share)) ** stables)

    assert log_ratio({share: np.array([candidates, stables])}) == pytest.approx(
        math.log(sum(ratios) / len(ratios))
    )


def test_given_a_dirichlet_mixture_the_bet_on_the_share_is_the_one_of_lindon_and_malek(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    share, prior = 0.05, 100
    got = stats.beta.ppf((np.arange(20_000) + 0.5) / 20_000, prior * share, prior * (1 - share))
    monkeypatch.setattr(sequential, "RATIO_ODDS", got / (1 - got) * (1 - share) / share)
    closed = betaln(5 + 100, 95 + 900) - betaln(5, 95) - 100 * math.log(0.05) - 900 * math.log(0.95)
    assert closed == pytest.approx(17.5979, abs=1e-4)
    assert log_ratio({share: np.array([100, 900])}) == pytest.approx(closed, abs=1e-3)


def test_the_bet_on_pairs_is_the_mean_of_its_likelihood_ratios() -> None:
    ratios = [(2 * rate) ** 9 * (2 * (1 - rate)) ** 4 for rate in sequential.DISCORDANT]
    assert log_discordant(9, 4) == pytest.approx(math.log(sum(ratios) / len(ratios)))


# Law 8: the estimate of how long a proof takes.


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
@pytest.mark.parametrize("centre", [0.001, 0.01, 0.2])
def test_a_narrower_margin_takes_longer_and_a_surer_estimate_is_later(
    share: float, centre: float
) -> None:
    for quantile in (0.5, 0.9):
        needed = [
            requests_to_proof(share, centre, margin, 0.05, quantile)
            for margin in (0.05, 0.02, 0.01, 0.005)
        ]
        assert needed == sorted(set(needed))

    assert requests_to_proof(share, centre, 0.01, 0.05, 0.9) > requests_to_proof(
        share, centre, 0.01, 0.05, 0.5
    )


def test_capital_shortens_the_way_to_a_proof_and_without_a_margin_there_is_none() -> None:
    start, half = (requests_to_proof(0.05, 0.01, 0.01, 0.05, have=have) for have in (0.0, 1.5))
    assert 0 < half < start
    assert requests_to_proof(0.05, 0.01, 0.01, 0.05, have=math.log(20)) == 0
    assert requests_to_proof(0.05, 0.01, 0.0, 0.05) == math.inf


@pytest.mark.parametrize(
    ("centre", "margin", "half", "most"),
    [
        (0.01, 0.01, 1_130, 2_130),
        (0.01, 0.005, 3_200, 7_500),
        (0.2, 0.02, 2_900, 6_700),
        (0.2, 0.05, 490, 1_090),
    ],
)
def test_the_estimate_is_near_the_median_and_the_ninth_decile_of_the_trial(
    centre: float, margin: float, half: float, most: float
) -> None:
    for quantile, simulated in ((0.5, half), (0.9, most)):
        assert 0.05 * requests_to_proof(0.05, centre, margin, 0.05, quantile) == pytest.approx(
            simulated, rel=0.25
        )


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(
    ("level", "drift", "spread"), [(4.0, 0.001, 0.05), (3.0, 0.2, 0.1), (4.0, 1e-6, 0.02)]
)
def test_a_first_passage_is_inverse_gaussian(
    quantile: float, level: float, drift: float, spread: float
) -> None:
    shape = (level / spread) ** 2
    oracle = stats.invgauss(level / drift / shape, scale=shape).ppf(quantile)
    assert first_passage(quantile, level, drift, spread) == pytest.approx(oracle, rel=1e-4)
