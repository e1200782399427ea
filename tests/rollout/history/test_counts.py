"""Counts add up in any order and grouping, and no roll-up loses or adds one."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollout.history.bins import delay_bin, delay_edge_s, quantile_ms
from rollout.history.counts import CellKey, difference, from_body, merged, to_body
from rollout.history.levels import HOURS, LEVELS, MINUTES, SECONDS, level_for, rolled_up, step_for
from rollout.history.moments import thinned
from rollout.history.worker_counts import MOST_CLASSES, OTHER_CLASSES, counts_of, during
from rollout.verdict.bins import latency_bin

SLOW = settings(
    max_examples=15,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
KEYS = st.builds(CellKey, st.sampled_from(["v1", "v2", ""]), st.sampled_from(["serving", ""]))
# Numbers that add up exactly in any order.
NUMBERS = st.one_of(
    st.integers(-(2**40), 2**40).filter(bool),
    st.integers(-(2**20), 2**20).filter(bool).map(lambda number: number / 1024),
)
CELLS = st.dictionaries(
    st.sampled_from(["requests", "latency", "values"]),
    st.dictionaries(st.sampled_from("abc"), NUMBERS, min_size=1),
    min_size=1,
)
COUNTS = st.dictionaries(KEYS, CELLS)
TIMES = st.integers(1_700_000_000, 1_700_020_000)


def nonzero(counts):
    """Without what came to nothing."""
    return difference(counts, {})


@SLOW
@given(COUNTS, COUNTS, COUNTS)
def test_adding_up_is_associative_and_in_any_order(one, two, three):
    together = merged([one, two, three])
    assert merged([merged([one, two]), three]) == together
    assert merged([one, merged([two, three])]) == together
    assert merged([three, one, two]) == together
    assert merged([one]) == one


@SLOW
@given(COUNTS, COUNTS)
def test_what_came_between_two_totals_leads_from_one_to_the_other(now, before):
    assert nonzero(merged([before, difference(now, before)])) == nonzero(now)
    assert difference(now, now) == {}


@SLOW
@given(COUNTS)
def test_counts_come_back_from_json_as_they_went(counts):
    assert from_body(to_body(counts)) == counts


@SLOW
@given(st.lists(st.tuples(TIMES, COUNTS)))
def test_rolling_up_keeps_every_count_and_rolls_up_again(samples):
    whole = merged(counts for _, counts in samples)
    for level in LEVELS:
        rolled = rolled_up(samples, level.step)
        assert merged(rolled.values()) == whole
        assert all(at % level.step == 0 for at in rolled)

    minutes = rolled_up(samples, MINUTES.step)
    assert rolled_up(minutes.items(), HOURS.step) == rolled_up(samples, HOURS.step)


def test_the_level_is_the_coarsest_that_tells_what_is_asked_and_reaches_back():
    now = 10**9
    assert level_for(now - 60, 1, now) == SECONDS
    assert level_for(now - 60, 60, now) == MINUTES
    assert level_for(now - 60, 59, now) == SECONDS
    assert level_for(now - 7_200, 1, now) == MINUTES
    assert level_for(now - 3 * 86_400, 1, now) == HOURS
    assert level_for(now - 300 * 86_400, 1, now) == HOURS
    assert (step_for(MINUTES, 1), step_for(MINUTES, 61), step_for(SECONDS, 7)) == (60, 120, 7)


@SLOW
@given(st.lists(st.tuples(st.floats(0, 100 * 86_400), st.integers(1, 5)), unique_by=lambda m: m[0]))
def test_the_last_moment_before_each_change_of_the_last_90_days_is_kept(moments):
    now = 100.0 * 86_400
    gone = set(thinned(moments, now))
    recent = [moment for moment in moments if moment[0] >= now - HOURS.kept]
    for revision in {revision for _, revision in recent}:
        assert max(at for at, of in recent if of == revision) not in gone

    assert all(at in gone for at, _ in moments if at < now - HOURS.kept)
    assert not any(at in gone for at, _ in moments if at >= now - SECONDS.kept)


def test_a_model_that_answers_any_text_has_few_names_and_all_its_predictions():
    values = {("predictions", "v1", str(number)): 1.0 for number in range(100)}
    first = counts_of(values, {})
    predictions = first[CellKey("v1")]["predictions"]
    assert len(predictions) == MOST_CLASSES + 1
    assert (sum(predictions.values()), predictions[OTHER_CLASSES]) == (100, 100 - MOST_CLASSES)

    # In another order, as another worker would read them, no name changes its place.
    again = counts_of(dict(reversed(values.items())), first)
    assert difference(again, first) == {}


def test_workers_keys_become_counts_of_the_history():
    values = {
        ("requests", "v1", "serving", "200"): 5.0,
        ("requests", "v1", "serving", "204"): 1.0,
        ("requests", "v1", "pinned", "503"): 2.0,
        ("latency", "v1", "serving", "80"): 6.0,
        ("latency_sum", "v1", "serving"): 0.25,
        ("batch_rows", "v1", "3"): 2.0,
        ("batch_rows_sum", "v1"): 12.0,
        ("fallback", "v1", "connect"): 1.0,
        ("shadow", "v2", "agree"): 4.0,
        ("shadow_dropped", "v2"): 3.0,
        ("feedback", "v1", "right"): 2.0,
        ("refused", "404"): 1.0,
        ("something new", "v1"): 1.0,
    }
    assert during(counts_of(values, {}), "41") == {
        CellKey("v1", "serving", "41"): {
            "requests": {"2xx": 6},
            "latency": {"80": 6},
            "times": {"us": 250_000},
        },
        CellKey("v1", "pinned", "41"): {"requests": {"5xx": 2}},
        CellKey("v1", "", "41"): {
            "batches": {"3": 2},
            "batch rows": {"rows": 12},
            "fallbacks": {"connect": 1},
            "labels": {"right": 2},
        },
        CellKey("v2", "", "41"): {"shadow": {"agree": 4, "dropped": 3}},
        CellKey("", "", "41"): {"refused": {"4xx": 1}},
    }


@SLOW
@given(st.lists(st.floats(0.0002, 100), min_size=1))
def test_a_quantile_is_at_most_a_bin_too_long(seconds):
    bins = {}
    for one in seconds:
        index = str(latency_bin(one))
        bins[index] = bins.get(index, 0) + 1

    ordered = sorted(seconds)
    for quantile in (0.01, 0.5, 0.9, 0.99, 1.0):
        exact = 1000 * ordered[max(0, -(-int(quantile * 1000) * len(ordered) // 1000) - 1)]
        assert exact * 0.999 <= quantile_ms(bins, quantile) <= exact * 1.046

    assert quantile_ms({}, 0.5) is None


@SLOW
@given(st.floats(0, 10**8))
def test_a_delay_lies_below_the_edge_of_its_bin_and_above_the_one_before(seconds):
    index = delay_bin(seconds)
    assert seconds <= delay_edge_s(index) * 1.000001
    assert index == 0 or seconds >= delay_edge_s(index - 1) * 0.999999
