"""The size of a drift, and that chance alone is not taken for one."""

import numpy as np
import pytest

from rollout.drift.effect_size import drift
from service.distributions.bins import of_numbers, of_texts


def texts(**counts):
    """So many of each text."""
    return np.array([text for text, rows in counts.items() for _ in range(rows)], dtype=object)


def test_the_distance_is_the_share_that_would_have_to_move():
    before = of_texts("city", texts(a=50, b=50))
    measured = drift(before, before.counted(texts(a=80, b=20)))
    assert measured.distance == pytest.approx(0.3)
    assert (measured.word, measured.marked) == ("moved", True)


def test_nulls_and_values_that_were_not_seen_are_part_of_it():
    before = of_texts("city", texts(a=100))
    now = before.counted(np.array(["a"] * 20 + [None] * 20 + ["z"] * 60, dtype=object))
    measured = drift(before, now)
    assert measured.distance == pytest.approx(0.8)
    assert (measured.unseen, measured.nulls, measured.nulls_before) == (0.6, 0.2, 0.0)
    assert measured.word == "beyond what was seen"


@pytest.mark.parametrize("rows", [8, 50, 1000, 100_000])
def test_rows_of_the_same_distribution_are_not_marked_however_few_or_many(rows):
    chance = np.random.default_rng(4)
    before = of_numbers("x", chance.normal(size=20_000))
    measured = [drift(before, before.counted(chance.normal(size=rows))) for _ in range(50)]
    mean = np.mean([one.distance for one in measured])
    assert mean == pytest.approx(measured[0].chance, rel=0.35)
    assert sum(one.marked for one in measured) <= 2


def test_a_tiny_drift_of_very_many_rows_is_not_marked():
    chance = np.random.default_rng(4)
    before = of_numbers("x", chance.normal(size=100_000))
    measured = drift(before, before.counted(chance.normal(0.05, size=1_000_000)))
    assert measured.distance > 3 * measured.chance
    assert not measured.marked


def test_without_rows_there_is_none():
    before = of_texts("city", texts(a=50))
    assert drift(before, before.empty()) is None
