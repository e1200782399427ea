"""What is made of the sources: warnings, harm, plan, labels, spans and steps."""

from dataclasses import replace

import pytest

from rollout.history.series import VersionCounts
from rollout.state.ledger import Ledger
from router.problems import Problem
from router.watching.sections.comparability import warnings, why_times_differ
from router.watching.sections.harm import harm, rollback
from router.watching.sections.label_maturity import maturity
from router.watching.sections.predictions import predictions
from router.watching.sections.rollout_plan import rollout_plan
from router.watching.sources.page_sources import VersionNumbers
from router.watching.sources.step_series import StepSeries
from router.watching.sources.time_span import TimeSpan, checked, time_span
from tests.rollout.ledger_commands import STARTED, ledger_after
from tests.router.watching.page_factory import CANARY, NOW, counts, series, sources

HALF = ledger_after("canary v2 --steps 50", ledger=STARTED)


def titles(**changes) -> list[str]:
    """The titles of all warnings."""
    return [warning.title for warning in warnings(sources(**changes))]


def test_a_candidate_with_few_answers_is_cold() -> None:
    assert "Cold version" in titles()
    warm = {"v1": VersionNumbers(requests=900), "v2": VersionNumbers(requests=500)}
    assert "Cold version" not in titles(versions=warm)


def test_fallbacks_and_unequal_batches_are_warned_of() -> None:
    numbers = {
        "v1": VersionNumbers(requests=900, batch_rows=9.0),
        "v2": VersionNumbers(requests=500, fallbacks=4, batch_rows=1.5),
    }
    assert {"Fallbacks", "Batch sizes"} <= set(titles(versions=numbers))


def test_a_sample_ratio_that_is_off_is_warned_of() -> None:
    report = {**(sources().report or {}), "ratio": 9.0, "ratio_needed": 6.9}
    assert titles(report=report)[0] == "Sample ratio"


def test_times_are_comparable_at_equal_shares() -> None:
    assert why_times_differ(sources(HALF)) == ""
    assert "v2 has" in why_times_differ(sources(CANARY))
    assert why_times_differ(sources(STARTED)) == ""


def test_without_a_rollout_nothing_is_compared_and_nobody_harmed() -> None:
    assert warnings(sources(STARTED)) == []
    assert harm(sources(STARTED)) == []


def test_harm_is_what_the_candidate_failed_and_answered_worse() -> None:
    report = sources().report or {}
    labels = {**report["signals"][0], "name": "labels", "band": [0.01, 0.03, 0.05]}
    numbers = {"v2": VersionNumbers(1_000, 7, 6, agree=90, differ=10)}
    lines = harm(sources(report={**report, "signals": [labels]}, versions=numbers))
    assert [line.amount for line in lines] == ["1,000", "7", "10", "30"]
    assert "(between 10 and 50)" in lines[-1].text


def test_a_rollback_says_where_it_leads_and_what_it_gives_back() -> None:
    leads_to = rollback(sources(rate_per_s=200.0))
    assert (leads_to.target, leads_to.warm) == ("v1", True)
    assert leads_to.command == "python deploy.py rollback"
    assert "that v2 has now" in leads_to.gives_back
    assert rollback(sources(Ledger("flights"))).target == ""


def test_the_plan_shows_the_step_and_its_clock() -> None:
    plan = rollout_plan(sources())
    assert plan is not None
    assert [step.state for step in plan.steps][:2] == ["now", "to come"]
    assert plan.deadline_at is not None
    assert rollout_plan(sources(STARTED)) is None


def test_a_paused_rollout_has_no_clock() -> None:
    assert CANARY.rollout is not None
    paused = replace(CANARY, rollout=replace(CANARY.rollout, paused=True))
    plan = rollout_plan(sources(paused))
    assert plan is not None
    assert (plan.due_at, plan.waits) == (None, "paused")


def test_maturity_says_how_many_labels_came_and_how_late() -> None:
    cell = {
        "requests": {"2xx": 100},
        "labels": {"right": 30, "wrong": 10},
        "label delay": {"9": 40},
    }
    (row,) = maturity(sources(since_rollout={"v1": VersionCounts(cell)}))
    assert (row.labels, row.labelled, row.accuracy) == (40, 0.4, 0.75)
    assert row.low == pytest.approx(0.598, abs=0.001)
    assert row.high == pytest.approx(0.858, abs=0.001)
    assert row.typical_s is not None


def test_predictions_are_shares_the_most_frequent_first() -> None:
    seen = {
        "v1": VersionCounts({"predictions": {"a": 3, "b": 1}}),
        "v2": VersionCounts({"predictions": {"a": 1, "c": 1}}),
    }
    shown = predictions(sources(since_rollout=seen))
    assert shown is not None
    assert [row.label for row in shown.rows] == ["a", "b", "c"]
    assert shown.rows[0].shares == {"v1": 0.75, "v2": 0.5}
    assert predictions(sources()) is None


@pytest.mark.parametrize(
    ("name", "started_at", "seconds", "step"),
    [
        ("15m", None, 900, 5),
        ("1h", None, 3_600, 15),
        ("24h", None, 86_400, 600),
        ("7d", None, 604_800, 3_600),
        ("rollout", None, 900, 5),
        ("rollout", NOW - 10, 120, 5),
    ],
)
def test_a_span_has_steps_that_are_kept_and_not_too_many(name, started_at, seconds, step) -> None:
    span = time_span(name, NOW, started_at)
    assert (span.until - span.since, span.step) == (seconds, step)


def test_a_span_of_a_rollout_has_all_of_it() -> None:
    span = time_span("rollout", NOW, NOW - 5_000)
    assert span.since < NOW - 5_000


def test_an_unknown_span_is_refused() -> None:
    assert checked("") == "rollout"
    with pytest.raises(Problem, match="there is no such span"):
        checked("2y")


class Reads:
    """A reader of series that notes since when it is asked."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    def series(self, since: float, until: float, step: int):
        """Ten requests of v1 at each step."""
        self.asked.append(since)
        span = TimeSpan("", since // step * step, until // step * step + step, step)
        parts = [(at, counts(v1={"requests": {"2xx": 10}})) for at in range(0, 20_000, step)]
        return series(*parts, span=span)


def test_steps_are_read_once_and_then_only_the_newest() -> None:
    reads = Reads()
    steps = StepSeries(reads)
    first = steps.of(TimeSpan("1h", 1_000, 1_600, 10))
    second = steps.of(TimeSpan("1h", 1_020, 1_620, 10))
    assert reads.asked == [1_000, 1_570]
    assert (first.at[0], second.at[0]) == (1_000, 1_020)
    assert second.array("v1", "requests") == [10] * len(second.at)


def test_steps_are_read_anew_where_more_is_asked_for() -> None:
    reads = Reads()
    steps = StepSeries(reads)
    steps.of(TimeSpan("rollout", 1_000, 1_600, 10))
    wider = steps.of(TimeSpan("rollout", 700, 1_600, 10))
    assert reads.asked == [1_000, 700]
    assert wider.at[0] == 700
