"""Pairs: what both versions make of the same request, whoever asks and however often."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.state.policy import SignalPolicy
from rollout.verdict.baseline import Reference
from rollout.verdict.signals.registry import SIGNALS
from rollout.verdict.verdict import judge, staked
from tests.rollout.evidence_factory import CANARY, evidence, of_candidate

RULE = next(rule for rule in CANARY.rules if rule.name == "pairs")
NEEDED = math.log(1 / (CANARY.alpha * RULE.weight))
COUNTS = st.integers(0, 2_000)


def capital(rule: SignalPolicy = RULE, **answers: int) -> float:
    """The log capital on these answers of pairs, at the start of a rollout."""
    seen = evidence(of_candidate("answers", 2_500, **answers))
    return float(staked([SIGNALS["pairs"].against(rule, seen, Reference())]))


def test_a_dead_candidate_is_found_after_a_dozen_pairs_of_one_user() -> None:
    needed = next(n for n in range(100) if capital(candidate_failed=n) >= NEEDED)
    assert needed <= 13
    seen = evidence(of_candidate("answers", 2_500, candidate_failed=needed))
    assert judge(seen, (), Reference(), CANARY).because == ("pairs",)


@given(both=COUNTS, neither=COUNTS)
def test_what_both_answer_and_what_neither_answers_is_no_evidence(both: int, neither: int) -> None:
    assert capital(both=both, neither=neither) == pytest.approx(0.0)


@given(failed=COUNTS, refused=COUNTS, both=COUNTS)
def test_as_many_of_each_version_are_no_evidence(failed: int, refused: int, both: int) -> None:
    alike = capital(
        candidate_failed=failed,
        stable_failed=failed,
        candidate_refused=refused,
        stable_refused=refused,
        both=both,
    )
    assert alike <= 1e-9


@given(worse=COUNTS, better=COUNTS)
def test_one_more_failure_of_the_candidate_is_never_less_evidence(worse: int, better: int) -> None:
    first = capital(candidate_failed=worse, stable_failed=better)
    assert capital(candidate_failed=worse + 1, stable_failed=better) >= first - 1e-9
    assert capital(candidate_failed=worse, stable_failed=better + 1) <= first + 1e-9


def test_who_takes_more_rows_may_not_fail_more_for_it() -> None:
    assert capital(candidate_failed=40, stable_refused=400, both=4_000) >= NEEDED


@pytest.mark.parametrize("rollouts", [300, pytest.param(2_000, marks=pytest.mark.soak)])
def test_the_capital_of_a_candidate_that_is_as_good_seldom_reaches_the_threshold(
    rollouts: int,
) -> None:
    """Over rollouts of 2,000 pairs each, looked at after each pair, one failure in ten."""
    rng = np.random.default_rng(4)
    fates = rng.choice([-1, 0, 1], size=(rollouts, 2_000), p=[0.05, 0.9, 0.05])
    worse, better = (fates == 1).cumsum(1), (fates == -1).cumsum(1)
    counts = {"candidate failed": worse, "stable failed": better, "both": (fates == 0).cumsum(1)}
    seen = evidence(("v2", 2_500, {"answers": counts}))
    log = np.asarray(SIGNALS["pairs"].against(RULE, seen, Reference()))
    assert ((log >= NEEDED).any(1)).mean() <= CANARY.alpha * RULE.weight * 2


def test_a_harm_in_one_segment_is_named() -> None:
    counts = {"both": 4_000, "candidate_failed": 12}
    segments = {
        "carrier=AA|both": 3_990,
        "carrier=AA|worse": 1,
        "carrier=EV|both": 10,
        "carrier=EV|worse": 11,
    }
    seen = evidence(of_candidate("answers", 2_500, **counts), ("v2", 2_500, {"segments": segments}))
    verdict = judge(seen, (), Reference(), CANARY)
    assert verdict.because == ("pairs",)


def test_errors_are_proved_by_pairs_where_draws_have_run_out() -> None:
    asked = {"both": 1_600}
    fast = ("v2", 500, {"timing": {"-1": 150, "0": 150}})
    drawn = ("v2", 500, {"finished": {"ok": 10}}), ("v1", 500, {"finished": {"ok": 190}})
    assert judge(evidence(*drawn, fast), (), Reference(), CANARY).word == "undecided"
    seen = evidence(*drawn, fast, of_candidate("answers", 500, **asked))
    assert judge(seen, (), Reference(), CANARY).word == "pass"
