"""Options into weights and hold times; plans into words."""

from dataclasses import replace

import pytest

from deployment.commands.strategy_options import (
    canary_steps,
    plan_lines,
    ramp_steps,
    seconds,
)
from deployment.workspace.errors import BadOption
from rollout.errors import BadWeight, IllegalEvent
from rollout.state.ledger import Ledger, Step
from rollout.state.policy import VerdictConfig, policy
from rollout.state.segments import SegmentColumn
from rollout.state.split import ALL
from rollout.state.strategy import strategy
from tests.rollout.ledger_commands import ledger_after


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30s", 30), ("10m", 600), ("1h30m", 5400), ("250ms", 0.25), ("45", 45), (" 1.5 m ", 90)],
)
def test_a_duration_is_read(text: str, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["", "x", "-5s", "0", "5 parsecs", "10m5", "nan", "inf", "1e3s", "9999999h"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BadOption, match="is no duration"):
        seconds(text)


def test_a_canary_without_a_clock_waits_at_every_step() -> None:
    assert canary_steps("5,25,50", None) == (Step(500), Step(2500), Step(5000))


def test_the_clock_takes_every_step_of_a_canary_but_the_last() -> None:
    assert canary_steps("5, 25,100", "30s") == (Step(500, 30.0), Step(2500, 30.0), Step(ALL))


@pytest.mark.parametrize("percents", ["nan", "5,101", "-1", "inf", "0.001"])
def test_a_weight_that_is_none_is_refused(percents: str) -> None:
    with pytest.raises(BadWeight):
        canary_steps(percents, None)


@pytest.mark.parametrize("percents", ["", "5,,25", "five"])
def test_steps_that_are_no_numbers_are_refused(percents: str) -> None:
    with pytest.raises(BadOption, match="is no percentage"):
        canary_steps(percents, None)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 1000])
def test_a_ramp_grows_evenly_and_ends_with_all_traffic_when_its_time_is_over(count: int) -> None:
    steps = ramp_steps("10m", count)
    weights = [step.weight for step in steps]
    assert weights == sorted(set(weights))
    assert weights[-1] == ALL
    assert sum(step.hold_s or 0 for step in steps) == pytest.approx(600 if count > 1 else 0)


@pytest.mark.parametrize("count", [0, -1, 1001])
def test_a_ramp_of_no_or_too_many_steps_is_refused(count: int) -> None:
    with pytest.raises(BadWeight):
        ramp_steps("10m", count)


def test_a_plan_says_its_steps_its_end_and_the_rollback_target() -> None:
    ledger = Ledger(model="m", released="v1")
    text = "\n".join(plan_lines(ledger, "canary", "v2", canary_steps("5,50", "30s")))
    for words in (
        "5 %  for 30 s",
        "50 %  until you decide",
        "promote v2",
        "abort",
        "v1, kept running",
        "rollback",
    ):
        assert words in text


def test_a_shadows_plan_says_that_it_answers_nobody() -> None:
    text = "\n".join(plan_lines(Ledger(model="m", released="v1"), "shadow", "v2", (), 2500))
    assert "25 % of the requests are copied to v2; v1 answers all" in text


def test_the_strategies_own_steps_are_shown_where_none_are_given() -> None:
    assert "100 %  released" in "\n".join(
        plan_lines(Ledger(model="m", released="v1"), "blue-green", "v2", ())
    )


AIRLINE = SegmentColumn("airline", ("AA", "UA"))
LEDGER = ledger_after("deploy v1", "promote v1", "deploy v2")


def test_the_plan_names_the_columns_whose_segments_are_watched() -> None:
    judged = policy(VerdictConfig(), strategy("canary"), segments=(AIRLINE,))
    lines = plan_lines(LEDGER, "canary", "v2", (), policy=judged)
    assert "  segments airline (4): pairs of each are judged apart, too" in lines
    assert not any("copies" in line for line in lines)


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_the_plan_says_that_only_draws_are_evidence_where_predictions_change_something(
    name: str,
) -> None:
    acting = LEDGER.with_version(replace(LEDGER.version(name), side_effects=True))
    judged = policy(VerdictConfig(), strategy("canary"), segments=(AIRLINE,))
    text = "\n".join(plan_lines(acting, "canary", "v2", (), policy=judged))
    because = f"predictions of {name} have side effects"
    assert f"copies   none, since {because}: only draws are evidence, and no load is" in text
    assert f"latency is not judged: {because}, so no request is copied" in text
    assert "proof    required of errors (+0.5 pp), wrong" in text
    assert "segments airline" not in text
    switch = policy(VerdictConfig(), strategy("blue-green"))
    with pytest.raises(IllegalEvent, match=because):
        plan_lines(acting, "blue-green", "v2", (), policy=switch)
