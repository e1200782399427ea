"""The rival judges do what their sources say, and all of them see the same traffic."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency, mannwhitneyu, ttest_ind

from benchmarks.judges import gate, kayenta, repeated_tests, traffic

DIRECTIONS = ("increase", "decrease", "either")


@pytest.fixture
def rng():
    return np.random.default_rng(20)


# Kayenta


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_kayenta_never_fails_equal_data(rng, direction):
    values = rng.gamma(4.0, size=60)
    assert kayenta.first_failure(values, values.copy(), direction) is None
    assert kayenta.first_failure(np.zeros(60), np.zeros(60), direction) is None


def test_kayenta_fails_a_huge_shift_at_its_first_look_but_only_in_its_direction(rng):
    stable = rng.gamma(4.0, size=60)
    huge = stable + 1000
    assert [kayenta.first_failure(huge, stable, each) for each in DIRECTIONS] == [10, None, 10]
    assert [kayenta.first_failure(stable, huge, each) for each in DIRECTIONS] == [None, 10, 10]


def test_kayenta_fails_a_metric_that_is_never_zero_against_one_that_always_is():
    assert kayenta.first_failure(np.full(60, 0.1), np.zeros(60), "increase") == 10


def test_kayenta_passes_a_shift_that_the_means_contradict():
    stable = np.arange(60.0)
    stable[0] = 1e6
    assert kayenta.first_failure(np.arange(60.0) + 1000, stable, "increase") is None


def test_kayenta_sees_what_begins_late_only_later(rng):
    stable = rng.gamma(4.0, size=60)
    late = np.where(np.arange(60) < 20, stable, stable + 1000)
    minute = kayenta.first_failure(late, stable, "increase")
    assert minute is not None
    assert minute > 20


def test_kayenta_counts_its_first_look_from_the_minute_it_is_told(rng):
    stable = rng.gamma(4.0, size=60)
    assert kayenta.first_failure(stable + 1000, stable, "increase", first=60) == 60


def test_a_shift_that_moves_the_candidate_moves_the_interval_with_it(rng):
    candidate, stable = rng.normal(size=(2, 30))
    assert kayenta.shift(candidate + 5, stable) == pytest.approx(
        [each + 5 for each in kayenta.shift(candidate, stable)]
    )


@pytest.mark.parametrize("share_of_zeros", [0.0, 0.7], ids=["no ties", "ties"])
def test_the_interval_holds_exactly_the_shifts_that_a_mann_whitney_test_does_not_reject(
    rng, share_of_zeros
):
    """Kayenta's interval inverts that test: normal approximation, continuity corrected, tie term
    and all.
    """
    nudge = 1e-8
    for _ in range(30):
        candidate, stable = rng.normal(size=(2, 20))
        candidate[rng.random(20) < share_of_zeros] = 0.0
        low, estimate, high = kayenta.shift(candidate, stable)
        shifts = np.array([low - nudge, low + nudge, estimate, high - nudge, high + nudge])
        moved = candidate[:, None] - shifts
        p = mannwhitneyu(moved, np.tile(stable[:, None], len(shifts)), method="asymptotic").pvalue
        assert (p < 1 - kayenta.CONFIDENCE).tolist() == [True, False, False, False, True]


# The gate


def test_the_gate_closes_at_the_third_failed_check_and_argos_at_the_fourth():
    values = np.array([0.0, 2.0, 0.0, 2.0, 2.0, 0.0, 2.0])
    assert gate.first_failure(values, 1.0) == 5
    assert gate.first_failure(values, 1.0, gate.ARGO_FAILURES) == 7
    assert gate.first_failure(values, 1.0, 5) is None


def test_a_value_on_the_limit_passes_the_gate():
    assert gate.first_failure(np.ones(60), 1.0) is None


# The repeated tests


def test_the_chi_square_is_that_of_scipy(rng):
    counts = rng.integers(1, 60, (40, 5, 2, 2))
    p = np.array(
        [chi2_contingency(each, correction=False).pvalue for each in counts.reshape(-1, 2, 2)]
    ).reshape(40, 5)
    bad = counts[..., 1] / counts.sum(-1)
    assert (repeated_tests.chi_square(counts, two_sided=True) == (p < 0.05)).all()
    assert (repeated_tests.chi_square(counts) == ((p < 0.05) & (bad[..., 0] > bad[..., 1]))).all()
    assert 0 < repeated_tests.chi_square(counts).sum() < (p < 0.05).sum()


def test_a_table_with_an_empty_row_or_column_says_nothing():
    empty = np.array([[[0, 0], [0, 0]], [[5, 0], [90, 0]], [[0, 0], [90, 9]], [[0, 5], [0, 90]]])
    assert not repeated_tests.chi_square(empty, two_sided=True).any()


def test_the_t_test_is_that_of_scipy_on_all_data_so_far(rng):
    run = traffic.latencies(rng, traffic.slow_tail, requests=12_000)
    ends = traffic.looks_after(requests=12_000)
    tests = [
        ttest_ind(*(run.ms[:end][run.version[:end] == each] for each in (0, 1)), equal_var=False)
        for end in ends
    ]
    p, sign = (
        np.array([each.pvalue for each in tests]),
        np.array([each.statistic for each in tests]),
    )
    assert (repeated_tests.welch(*run.moments(), two_sided=True) == (p < 0.05)).all()
    assert (repeated_tests.welch(*run.moments()) == ((p < 0.05) & (sign > 0))).all()


def test_uncorrected_tests_raise_a_false_alarm_far_more_often_than_their_level_says(rng):
    looks = repeated_tests.chi_square(traffic.tables(rng, 500, 0.01, 0.01))
    assert looks[:, -1].mean() < 0.06
    assert looks.any(1).mean() > 0.12


# The traffic


def test_tables_are_cumulative_and_end_with_all_requests(rng):
    tables = traffic.tables(rng, 20, 0.02, 0.01)
    assert tables.shape == (20, 60, 2, 2)
    assert (np.diff(tables, axis=1) >= 0).all()
    assert (tables.sum((-2, -1)) == traffic.looks_after()).all()
    assert traffic.looks_after()[-1] == 100_000
    assert tables[:, -1, traffic.CANDIDATE].sum(-1).mean() == pytest.approx(5_000, rel=0.01)
    rates = tables[:, -1, :, traffic.BAD].sum(0) / tables[:, -1].sum((0, -1))
    assert rates == pytest.approx([0.02, 0.01], rel=0.06)


def test_the_rates_of_the_minutes_add_up_to_the_table(rng):
    tables = traffic.tables(rng, 3, 0.2, 0.1)
    each = np.diff(tables.sum(-1), axis=1, prepend=0)
    assert (traffic.bad_rates(tables) * each).sum(1) == pytest.approx(tables[:, -1, :, traffic.BAD])
    assert np.isnan(traffic.bad_rates(np.zeros((1, 2, 2)))).all()


def test_the_same_seed_draws_the_same_traffic():
    assert (
        traffic.tables(np.random.default_rng(3), 2, 0.1, 0.1)
        == traffic.tables(np.random.default_rng(3), 2, 0.1, 0.1)
    ).all()
    assert (
        traffic.latencies(np.random.default_rng(3)).ms
        == traffic.latencies(np.random.default_rng(3)).ms
    ).all()


@pytest.mark.parametrize(
    ("change", "factors"),
    [
        (traffic.unchanged, [1.0, 1.0, 1.0]),
        (traffic.slower, [1.2, 1.2, 1.2]),
        (traffic.slow_tail, [1.0, 1.0, 2.0]),
    ],
)
def test_a_slower_candidate_is_slower_where_it_says(rng, change, factors):
    run = traffic.latencies(rng, change, share=0.5, requests=400_000)
    candidate, stable = (
        np.quantile(run.ms[run.version == each], [0.5, 0.95, 0.99]) for each in (0, 1)
    )
    assert stable == pytest.approx([60.0, 161.0, 242.3], rel=0.02)
    assert candidate / stable == pytest.approx(factors, rel=0.02)


def test_latencies_are_counted_by_look_version_and_level(rng):
    run = traffic.latencies(rng, requests=6_000)
    slow = run.tables(run.ms > 100, 2)
    for minute in (1, 37, 60):
        seen = slice(100 * minute)
        stable = run.version[seen] == traffic.STABLE
        assert slow[minute - 1, traffic.STABLE, traffic.BAD] == (run.ms[seen][stable] > 100).sum()
        assert slow[minute - 1].sum() == 100 * minute


def test_a_minutes_value_is_that_of_its_own_requests(rng):
    run = traffic.latencies(rng, requests=60_000)
    assert run.each_minute(np.mean).shape == (60, 2)
    minute = slice(16_000, 17_000)
    of_candidate = run.ms[minute][run.version[minute] == traffic.CANDIDATE]
    assert run.each_minute(np.mean)[16, traffic.CANDIDATE] == pytest.approx(of_candidate.mean())
    assert run.each_minute(traffic.p99)[16, traffic.CANDIDATE] in of_candidate
