"""Shapes and the times at which their requests fall due."""

from collections import Counter
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from load.arrivals import arrivals
from load.shapes import SHAPES, Phase, level_at, phases_of

ONE_RUN = [shape for shape in SHAPES if shape != "find-limit"]
levels = st.floats(1, 500)
lengths = st.floats(0.5, 20)


@given(st.sampled_from(ONE_RUN), levels, lengths)
def test_as_many_requests_fall_due_as_the_shape_has_in_order_and_within_its_time(
    shape, level, seconds
):
    phases = phases_of(shape, level, seconds)
    due = list(arrivals(phases))
    assert abs(len(due) - sum(phase.count for phase in phases)) <= 1
    assert due == sorted(due)
    assert due[0] == 0
    assert due[-1] <= seconds * (1 + 1e-9)
    assert sum(phase.seconds for phase in phases) == pytest.approx(seconds)


@given(st.sampled_from(ONE_RUN), levels, lengths, st.floats(0, 1))
def test_no_shape_ever_exceeds_its_level(shape, level, seconds, share):
    assert 0 < level_at(phases_of(shape, level, seconds), share * seconds) <= level * (1 + 1e-9)


def test_a_constant_rate_is_evenly_spaced():
    assert list(arrivals([Phase(1, 4, 4)])) == pytest.approx([0, 0.25, 0.5, 0.75])


def test_a_ramp_sends_three_quarters_in_its_second_half():
    due = list(arrivals([Phase(10, 0, 100)]))
    later = sum(1 for at in due if at >= 5)
    assert later == pytest.approx(0.75 * len(due), rel=0.02)


def test_a_spike_is_three_times_what_is_around_it():
    by_fifth = Counter(int(at) for at in arrivals(phases_of("spike", 300, 5)))
    assert by_fifth[2] == pytest.approx(300, abs=2)
    assert [by_fifth[fifth] for fifth in (0, 1, 3, 4)] == pytest.approx([100] * 4, abs=2)


def test_by_chance_the_gaps_vary_as_a_poisson_process_does():
    due = list(arrivals([Phase(100, 100, 100)], Random(1)))
    gaps = [later - earlier for earlier, later in pairwise(due)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert mean == pytest.approx(0.01, rel=0.05)
    # Of an exponential distribution both are equal.
    assert variance**0.5 == pytest.approx(mean, rel=0.05)


def test_find_limit_is_no_shape_of_one_run():
    with pytest.raises(ValueError, match="find-limit"):
        phases_of("find-limit", 1, 1)
