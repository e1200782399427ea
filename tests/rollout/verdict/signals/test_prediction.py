"""Predictions: a rare class, probabilities, and answers that fit other requests as well."""

import math

import numpy as np
import pytest

from rollout.verdict.baseline import Reference, reference_of
from rollout.verdict.sequential import log_discordant
from rollout.verdict.signals.prediction import RARE, never_predicted, tolerance_of
from rollout.verdict.signals.registry import SIGNALS
from rollout.verdict.verdict import judge
from tests.rollout.evidence_factory import CANARY, evidence, kind, of_candidate

RULE = next(rule for rule in CANARY.rules if rule.name == "prediction")
NEEDED = math.log(1 / (CANARY.alpha * RULE.weight))
HISTORY = {"finished": {"ok": 20_000}, "waits": {"40": 20_000}}
FRAUD = reference_of({**HISTORY, "classes": {"0": 19_800, "1": 200}})


def against(*rows, reference=Reference()) -> float:
    """The log capital on this evidence."""
    return float(SIGNALS["prediction"].against(RULE, evidence(*rows), reference))


def test_the_tolerance_of_a_rare_class_is_a_part_of_its_share() -> None:
    assert tolerance_of(0.5, 0.02) == tolerance_of(RARE, 0.02) == 0.02
    assert tolerance_of(0.01, 0.02) == pytest.approx(0.005)
    assert tolerance_of(0.01, 0.5) == pytest.approx(0.125)


def test_a_model_that_never_says_fraud_is_held_by_draws_alone() -> None:
    rows = kind("classes", 5_000, {"0": 10_000}, {"0": 9_900, "1": 100})
    assert against(*rows, reference=FRAUD) >= NEEDED


def test_a_model_that_never_says_fraud_is_held_by_pairs_alone_and_the_class_is_named() -> None:
    rows = (
        *kind("classes", 5_000, {"0": 100}, {"0": 100}),
        of_candidate("compared", 5_000, pairs=6_000),
        ("v2", 5_000, {"left": {"1": 60}, "entered": {"0": 60}}),
    )
    assert against(*rows, reference=FRAUD) >= NEEDED
    assert never_predicted(evidence(*rows)) == ["1"]


def test_a_share_that_nearly_triples_is_held() -> None:
    rows = kind("classes", 5_000, {"0": 9_710, "1": 290}, {"0": 9_900, "1": 100})
    assert against(*rows, reference=FRAUD) >= NEEDED


def test_answers_that_fit_other_requests_as_well_are_held() -> None:
    counts = {"nearer same": 500, "nearer other": 500, "pairs": 1_000}
    seen = evidence(("v2", 5_000, {"compared": counts}))
    verdict = judge(seen, (), Reference(), CANARY)
    assert (verdict.word, verdict.because) == ("hold", ("prediction",))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.37])
def test_another_model_of_the_same_thing_is_not_held_for_that(share: float) -> None:
    counts = {"nearer same": int(10_000 * (1 - share)), "nearer other": int(10_000 * share)}
    assert against(("v2", 5_000, {"compared": {**counts, "pairs": 10_000}})) < 0.1


@pytest.mark.parametrize("way", ["up", "down"])
def test_values_that_all_move_one_way_are_held_and_scattered_ones_are_not(way: str) -> None:
    assert against(of_candidate("compared", 5_000, pairs=60, **{way: 60})) >= NEEDED
    assert against(of_candidate("compared", 5_000, pairs=6_000, up=2_000, down=2_000)) < 0.1


def test_one_row_again_and_again_moves_no_hold_where_both_say_its_class() -> None:
    """Whoever repeats a row that two models have other probabilities of."""
    counts = {"pairs": 4_000, "nearer same": 0, "nearer other": 0}
    rows = (
        *kind("classes", 5_000, {"0": 4_000}, {"0": 4_000}),
        ("v2", 5_000, {"compared": counts}),
    )
    assert against(*rows, reference=FRAUD) < NEEDED


def test_values_may_not_leave_an_atom_unseen() -> None:
    """Zeros that become -5 lie under the lowest edge, unless that has two sides."""
    zero, low, high = 0, -260, 240
    reference = reference_of({**HISTORY, "values": {str(zero): 12_000, str(high): 8_000}})
    rows = kind(
        "values", 5_000, {str(low): 3_000, str(high): 2_000}, {str(zero): 3_000, str(high): 2_000}
    )
    assert against(*rows, reference=reference) >= NEEDED


@pytest.mark.parametrize("rollouts", [150, pytest.param(1_000, marks=pytest.mark.soak)])
def test_equal_versions_are_seldom_held(rollouts: int) -> None:
    """Rollouts of 4,000 pairs, of which one in ten changes its class at random."""
    rng = np.random.default_rng(5)
    moves = rng.choice(3, size=(rollouts, 4_000), p=[0.9, 0.05, 0.05])
    there, back = (moves == 1).cumsum(1), (moves == 2).cumsum(1)
    pairs = np.broadcast_to(np.arange(1, 4_001), there.shape)
    seen = evidence(
        (
            "v2",
            5_000,
            {
                "compared": {"pairs": pairs},
                "left": {"a": there, "b": back},
                "entered": {"b": there, "a": back},
            },
        )
    )
    reference = Reference(classes=(("a", 0.5), ("b", 0.5)))
    log = np.asarray(SIGNALS["prediction"].against(RULE, seen, reference))
    assert (log >= NEEDED).any(1).mean() <= CANARY.alpha * RULE.weight * 2


def related(same: int, other: int) -> tuple[str, ...]:
    """The doubts of a verdict on so many pairs."""
    counts = {"nearer same": same, "nearer other": other, "pairs": same + other}
    return judge(evidence(("v2", 5_000, {"compared": counts})), (), Reference(), CANARY).doubts(())


@pytest.mark.parametrize("pairs", [20, 200, 2_000])
def test_a_release_waits_until_answers_have_something_to_do_with_the_requests(pairs: int) -> None:
    assert related(pairs // 2, pairs // 2) == ("prediction",)
    assert related(pairs, 0) == ()


def test_what_nobody_could_see_yet_is_no_doubt() -> None:
    assert related(5, 5) == ()


def test_a_doubt_is_over_soon_where_answers_are_related_if_not_alike() -> None:
    assert related(63, 37) == ("prediction",)
    assert related(126, 74) == ()


def test_answers_that_are_unrelated_seldom_seem_related() -> None:
    """2,000 rollouts of 2,000 pairs, looked at after each."""
    rng = np.random.default_rng(6)
    same = (rng.random((2_000, 2_000)) < 0.5).cumsum(1)
    other = np.arange(1, 2_001) - same
    proof = np.asarray(log_discordant(same, other))
    assert (proof >= -np.log(CANARY.beta)).any(1).mean() <= CANARY.beta
