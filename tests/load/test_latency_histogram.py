"""The histogram against the sorted latencies themselves."""

from math import ceil, isnan

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from load.latency_histogram import BINS, EXACT, OCTAVES, LatencyHistogram, upper_edges_us

microseconds = st.integers(0, (EXACT << OCTAVES) - 1)


@given(st.lists(microseconds, min_size=1, max_size=300), st.floats(0.1, 100))
def test_a_percentile_is_that_of_the_latencies_to_a_thousandth(values, percent):
    histogram = LatencyHistogram()
    histogram.add(np.array(values) / 1e6)
    true = sorted(values)[max(1, ceil(len(values) * percent / 100)) - 1]
    told = histogram.ms(percent) * 1000
    assert true - 1e-6 <= told <= true * (1 + 1 / 1024) + 1e-6
    assert len(histogram) == len(values)


@given(st.lists(microseconds, max_size=50), st.lists(microseconds, max_size=50))
def test_counts_add_up_in_any_parts(first, second):
    both, parts = LatencyHistogram(), LatencyHistogram()
    both.add(np.array(first + second) / 1e6)
    for part in (first, second):
        parts.add(np.array(part) / 1e6)

    assert (both.counts == parts.counts).all()


def test_every_bin_ends_above_the_one_before():
    edges = upper_edges_us()
    assert len(edges) == BINS
    assert (np.diff(edges) > 0).all()


def test_no_latency_has_no_percentile_and_a_very_long_one_counts():
    histogram = LatencyHistogram()
    assert isnan(histogram.ms(50))
    histogram.add(np.array([1e9]))
    assert histogram.ms(50) > 4 * 60 * 1000
