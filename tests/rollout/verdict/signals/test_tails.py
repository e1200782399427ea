"""Tails: the much slower one of two answers to the same request."""

import math

from rollout.verdict.baseline import Reference
from rollout.verdict.signals.registry import SIGNALS
from rollout.verdict.verdict import judge
from tests.rollout.evidence_factory import CANARY, evidence

RULE = next(rule for rule in CANARY.rules if rule.name == "tails")
NEEDED = math.log(1 / (CANARY.alpha * RULE.weight))


def against(timed: int, candidate: int, stable: int) -> float:
    """The log capital of so many timed pairs with so many slow ones."""
    counts = {"timed": timed, "candidate slow": candidate, "stable slow": stable}
    seen = evidence(("v2", 5_000, {"compared": counts}))
    return float(SIGNALS["tails"].against(RULE, seen, Reference()))


def test_one_request_in_a_hundred_that_takes_long_is_held() -> None:
    assert against(2_500, 25, 0) >= NEEDED
    counts = {"timed": 2_500, "candidate slow": 25}
    seen = evidence(("v2", 5_000, {"compared": counts}))
    verdict = judge(seen, (), Reference(), CANARY)
    assert (verdict.word, verdict.because) == ("hold", ("tails",))


def test_a_slow_machine_strikes_both_and_holds_nothing() -> None:
    assert against(2_500, 25, 25) < 0.0


def test_what_lies_within_the_tolerance_holds_nothing() -> None:
    assert against(100_000, 100, 0) < NEEDED
