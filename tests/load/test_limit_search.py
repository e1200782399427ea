"""The search finds the limit of any server, and one bad step misleads it not."""

from hypothesis import given
from hypothesis import strategies as st

from load.limit_search import MOST_STEPS, PRECISION, SearchStep, kept_rate, next_rate


def search(limit: float, first: float, most: float, stalls: frozenset[int] = frozenset()):
    """The steps of a search against a server that bears `limit`; at the steps in `stalls` the
    machine stood still.
    """
    steps: list[SearchStep] = []
    while (rate := next_rate(steps, first, most)) is not None:
        steps.append(SearchStep(rate, rate <= limit and len(steps) not in stalls))
        assert len(steps) <= MOST_STEPS

    return steps


@given(st.floats(1.5, 50_000), st.floats(1, 5_000))
def test_it_ends_within_five_percent_below_the_limit(limit, first):
    kept = kept_rate(search(limit, first, 100_000))
    assert limit / PRECISION * 0.999 <= kept <= limit


@given(st.floats(100, 20_000), st.integers(0, 12))
def test_a_single_stall_changes_nothing(limit, at):
    assert kept_rate(search(limit, 250, 100_000, frozenset({at}))) >= limit / PRECISION * 0.999


@given(st.floats(1, 1_000))
def test_no_rate_above_the_cap_is_ever_tried(most):
    steps = search(1e9, min(250, most), most)
    assert max(step.rate for step in steps) <= most
    assert kept_rate(steps) == most


def test_a_server_that_bears_nothing_ends_the_search():
    assert kept_rate(search(0.1, 250, 1_000)) == 0
