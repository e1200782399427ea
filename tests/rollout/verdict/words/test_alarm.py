"""The levels of an alarm, the share of the way to a proof, and odds."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.verdict.words.alarm import (
    NO_ALARM,
    REACHED,
    STRONG,
    WEAK,
    alarm,
    in_a_sentence,
    loudness,
    odds,
    share_of_way,
)

NEEDED = math.log(200 / 3)
LOGS = st.floats(-50, 50)
THRESHOLDS = st.floats(math.log(2.1), 700)


@pytest.mark.parametrize(
    ("capital", "level"),
    [(0.001, NO_ALARM), (1.99, NO_ALARM), (2.01, WEAK), (8, WEAK), (8.3, STRONG), (66, STRONG)],
)
def test_half_of_the_way_to_67_is_8(capital: float, level: str) -> None:
    assert alarm(math.log(capital), NEEDED, "rollback") == level


@pytest.mark.parametrize(("action", "level"), REACHED.items())
def test_what_is_reached_is_said_by_what_it_does(action: str, level: str) -> None:
    assert alarm(NEEDED, NEEDED, action) == level
    assert in_a_sentence(level) == "strong alarm"


@given(LOGS, LOGS, THRESHOLDS, st.sampled_from([*REACHED]))
def test_more_evidence_is_never_less_loud(
    one: float, other: float, needed: float, action: str
) -> None:
    low, high = sorted((one, other))
    assert loudness(alarm(low, needed, action)) <= loudness(alarm(high, needed, action))


@given(LOGS, THRESHOLDS)
def test_a_proof_is_at_100_percent_where_it_is_there_and_only_there(
    proof: float, needed: float
) -> None:
    share = share_of_way(proof, needed)
    assert 0 <= share <= 100
    assert (share == 100) == (proof >= needed)


def test_the_way_is_measured_on_the_scale_of_logarithms() -> None:
    assert share_of_way(math.log(math.sqrt(20)), math.log(20)) == 50
    assert share_of_way(math.log(1.8), math.log(20)) == 19
    assert share_of_way(math.log(19.999), math.log(20)) == 99
    assert share_of_way(-3.0, math.log(20)) == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.001, "less than 0.01 to 1"),
        (0.05, "0.05 to 1"),
        (0.58, "0.58 to 1"),
        (1, "1 to 1"),
        (5.94, "5.9 to 1"),
        (9.96, "10 to 1"),
        (66.7, "67 to 1"),
        (12_400, "12,400 to 1"),
        (2e6, "2,000,000 to 1"),
        (1e12, "more than 1e9 to 1"),
    ],
)
def test_odds_are_short(value: float, text: str) -> None:
    assert odds(math.log(value)) == text


@given(st.floats(-1e308, 1e308))
def test_no_capital_is_without_odds(log: float) -> None:
    assert odds(log).endswith(" to 1")
