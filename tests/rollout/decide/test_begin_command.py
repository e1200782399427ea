"""The command that begins a rollout anew, read back by the program's own command line, begins the
same rollout.
"""

from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import deploy
from deployment.commands.strategy_options import canary_steps, judged_steps, ramp_steps
from rollout.decide.begin_command import command_of
from rollout.state.ledger import Ledger, Rollout, Step
from rollout.state.policy import VerdictConfig, policy
from rollout.state.split import ALL, all_to, basis_points
from rollout.state.strategy import strategy

SHARES = st.lists(st.integers(1, ALL - 1), min_size=1, max_size=6, unique=True).map(sorted)
SECONDS = st.integers(1, 10_000_000).map(lambda ms: ms / 1000)


def again(how: str, steps: tuple[Step, ...], auto: bool, share: int = ALL) -> dict[str, Any]:
    """The options of the command that begins such a rollout anew, as the program reads them."""
    judged = policy(VerdictConfig(), strategy(how)) if auto else None
    rollout = Rollout(f"m:{how}:v2:3", how, "v2", "v1", steps, 0, 0.0, 0.0, "ana", policy=judged)
    split = all_to("v1", "s").shadowed({"v2": share}) if how == "shadow" else all_to("v1", "s")
    ledger = Ledger("m", 3, MappingProxyType({}), split, "v1", rollout=rollout)
    verb, *words = command_of(rollout, ledger).split()
    assert verb == how
    read = deploy.app.named(verb).arguments(words)
    assert (read["version"], read["auto"]) == ("v2", auto)
    return read


@given(SHARES, st.none() | SECONDS)
def test_a_canary_of_these_steps(weights: list[int], hold_s: float | None) -> None:
    every = f"{hold_s}s" if hold_s else None
    steps = canary_steps(",".join(f"{weight / 100:g}" for weight in weights), every)
    read = again("canary", steps, auto=False)
    assert (
        canary_steps(read["steps"] or "5,25,50", read["every"] if len(weights) > 1 else every)
        == steps
    )


@given(SHARES, SECONDS)
def test_a_canary_that_runs_by_itself_is_whole_whatever_the_settings_become(
    weights: list[int], hold_s: float
) -> None:
    steps = judged_steps(",".join(f"{weight / 100:g}" for weight in weights), hold_s)
    read = again("canary", steps, auto=True)
    assert [step.weight for step in judged_steps(read["steps"], 1.0)] == weights
    if len(weights) > 1:
        assert canary_steps(read["steps"], read["every"]) == steps


@given(st.integers(1, ALL), st.booleans())
def test_shadow_and_ab_keep_their_share(share: int, auto: bool) -> None:
    assert basis_points(again("shadow", (), auto, share)["percent"]) == share
    assert basis_points(again("ab", (Step(share),), auto)["percent"]) == share


@pytest.mark.parametrize(
    ("over", "count"), [("10m", 10), ("90s", 4), ("1h30m", 10), ("10m", 3), ("10m", 1)]
)
def test_a_ramp_keeps_its_time_and_its_steps(over: str, count: int) -> None:
    steps = ramp_steps(over, count)
    read = again("ramp", steps, auto=False)
    made = ramp_steps(read["over"], read["steps"])
    assert [step.weight for step in made] == [step.weight for step in steps]
    assert [step.hold_s for step in made] == pytest.approx([step.hold_s for step in steps])


@pytest.mark.parametrize("how", ["blue-green", "release-in-place"])
def test_a_switch_has_no_options_of_its_own(how: str) -> None:
    again(how, (Step(ALL, 60.0),), auto=True)
