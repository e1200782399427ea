"""The detector over time: its promise on false alarms, and what it finds."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.drift.change_detector import WatchedShares, detect, watched_shares

TOLERANCE = 0.1
BASELINE = np.array([0.5, 0.3, 0.15, 0.05, 0.0])


def watched(shares: np.ndarray) -> WatchedShares:
    """Shares of one name against the same baseline in each window."""
    return WatchedShares(shares, np.tile(BASELINE, (len(shares), 1)))


def noisy(chance, expected: np.ndarray, windows: int, rows: int) -> np.ndarray:
    """Shares of so many rows, which are dependent: half of a window's are of one caller."""
    free = chance.multinomial(rows, expected, size=windows)
    caller = chance.multinomial(1, expected, size=windows) * rows
    return (free + caller) / (2 * rows)


def first_alarm(chance, needed: float, most: int, names: int = 3) -> int:
    """The windows until it is reached with a mix at the edge of the tolerance."""
    expected = BASELINE + np.array([TOLERANCE, -TOLERANCE, 0, 0, 0])
    parts = [watched(noisy(chance, expected, most, 40)) for _ in range(names)]
    found = detect(parts, TOLERANCE).first_beyond(needed)
    return most if found is None else found + 1


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 20), st.floats(0, TOLERANCE), st.integers(0, 4), st.integers(0, 4))
def test_no_step_gains_with_the_mean_share_where_that_is_within_the_tolerance(
    windows: int, moved: float, more: int, less: int
) -> None:
    """The sum of the bets of so many windows is at most their number."""
    expected = BASELINE.copy()
    moved = min(moved, expected[less])
    expected[more] += moved
    expected[less] -= moved
    evidence = detect([watched(np.tile(expected, (windows, 1)))], TOLERANCE).evidence
    assert np.all(np.exp(evidence) <= np.arange(1, windows + 1) + 1e-9)


def test_windows_until_a_false_alarm_are_as_many_as_promised() -> None:
    """40 runs that are cut at four times the promise: their mean is not below it."""
    chance, promise = np.random.default_rng(34), 30
    waited = [first_alarm(chance, math.log(promise), 4 * promise, 2) for _ in range(40)]
    assert np.mean(waited) >= promise


@pytest.mark.soak
@pytest.mark.parametrize("promise", [100, 300])
def test_windows_until_a_false_alarm_are_as_many_as_promised_at_length(promise: int) -> None:
    chance = np.random.default_rng(34)
    waited = [first_alarm(chance, math.log(promise), 4 * promise, 8) for _ in range(60)]
    assert np.mean(waited) >= promise


def test_a_new_category_is_found_in_few_windows() -> None:
    chance = np.random.default_rng(34)
    before = noisy(chance, BASELINE, 100, 40)
    after = noisy(chance, np.array([0.0, 0.0, 0.0, 0.0, 1.0]), 30, 40)
    needed = math.log(4_320)
    found = detect([watched(np.concatenate([before, after]))], TOLERANCE).first_beyond(needed)
    assert found is not None
    assert 100 <= found < 115


def test_windows_without_rows_change_nothing() -> None:
    chance = np.random.default_rng(34)
    shares = noisy(chance, BASELINE[::-1], 20, 40)
    with_gaps = np.full((60, 5), np.nan)
    with_gaps[::3] = shares
    whole, gaps = detect([watched(shares)], TOLERANCE), detect([watched(with_gaps)], TOLERANCE)
    assert gaps.evidence[-3] == pytest.approx(whole.evidence[-1])
    assert gaps.evidence[-1] == gaps.evidence[-3]


def test_of_bins_in_order_the_rows_up_to_each_edge_are_watched() -> None:
    shares = watched_shares([[1, 2, 3, 2, 2], [0, 0, 0, 0, 0]], is_ordered=True)
    assert shares[0] == pytest.approx([0.1, 0.3, 0.6, 0.2])
    assert np.isnan(shares[1]).all()


def test_a_shift_that_moves_each_bin_a_little_is_found() -> None:
    chance = np.random.default_rng(34)
    edges = np.linspace(-2.5, 2.5, 20)

    def counts(mean: float, windows: int) -> np.ndarray:
        numbers = np.searchsorted(edges, chance.normal(mean, size=(windows, 300)))
        below = np.array([np.bincount(row, minlength=21) for row in numbers])
        return np.column_stack([below, np.zeros(windows)])

    baseline = watched_shares([counts(0.0, 400).sum(axis=0)], is_ordered=True)
    now = watched_shares(counts(0.7, 80), is_ordered=True)
    shares = WatchedShares(now, np.tile(baseline, (80, 1)))
    assert detect([shares], TOLERANCE).first_beyond(math.log(4_320)) is not None
    assert detect([shares], 0.3).first_beyond(math.log(4_320)) is None


def test_of_no_names_and_of_no_windows_there_is_no_evidence() -> None:
    assert detect([], TOLERANCE).first_beyond(0.0) is None
    empty = WatchedShares(np.zeros((0, 5)), np.zeros((0, 5)))
    assert detect([empty], TOLERANCE).first_beyond(0.0) is None


def test_without_a_tolerance_a_share_that_never_was_hides_no_other() -> None:
    shares = np.tile([0.1, 0.3, 0.15, 0.45, 0.0], (30, 1))
    assert detect([watched(shares)], 0.0).first_beyond(math.log(4320)) is not None
    same = np.tile(BASELINE, (30, 1))
    assert detect([watched(same)], 0.0).first_beyond(math.log(4320)) is None
