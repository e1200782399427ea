"""The six strategies are rows of one table."""

from dataclasses import FrozenInstanceError

import pytest

from rollout.errors import NothingToDo
from rollout.state.split import ALL, check_weights
from rollout.state.strategy import STRATEGIES, strategy


def test_there_are_the_six_strategies() -> None:
    assert list(STRATEGIES) == ["shadow", "canary", "blue-green", "ramp", "ab", "release-in-place"]


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_is_found_by_its_name(name: str) -> None:
    assert strategy(name).name == name


@pytest.mark.parametrize("name", ["", "Canary", "blue_green", "recreate"])
def test_another_name_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(
        NothingToDo, match=f"no strategy '{name}': choose one of shadow, canary, blue-green"
    ):
        strategy(name)


@pytest.mark.parametrize("name", STRATEGIES)
def test_default_steps_are_shares_that_grow_from_above_nothing(name: str) -> None:
    steps = strategy(name).steps
    assert list(steps) == sorted(set(steps))
    for weight in steps:
        assert weight > 0
        check_weights({"v1": ALL - weight, "v2": weight})


def test_only_a_shadow_has_no_share_of_the_users() -> None:
    assert [row.name for row in STRATEGIES.values() if row.shadows] == ["shadow"]
    assert [row.name for row in STRATEGIES.values() if not row.steps] == ["shadow"]


def test_a_person_has_the_last_word_of_a_canary_and_of_an_ab() -> None:
    undecided = [row.name for row in STRATEGIES.values() if row.steps and row.steps[-1] < ALL]
    assert undecided == ["canary", "ab"]


def test_only_a_ramp_follows_the_clock_unasked_and_only_one_strategy_replaces_a_process() -> None:
    assert [row.name for row in STRATEGIES.values() if row.by_time] == ["ramp"]
    assert [row.name for row in STRATEGIES.values() if row.in_place] == ["release-in-place"]


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        STRATEGIES["canary"] = STRATEGIES["ab"]  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        strategy("canary").steps = ()  # type: ignore[misc]
