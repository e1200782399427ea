"""The one sentence of a verdict: its state, by how much, how sure, and when it will be known."""

from dataclasses import replace
from typing import Any

import pytest

from rollout.verdict.report import account
from rollout.verdict.words.earlier_words import as_of_today
from rollout.verdict.words.headline import Headline, headline, points
from rollout.verdict.words.stage import stage_of
from tests.rollout.evidence_factory import kind
from tests.rollout.verdict.test_report import GOOD
from tests.rollout.verdict.words.test_answers import (
    BIASED,
    BREAKER,
    FAILED,
    FEW,
    FIRST,
    SHIFTED,
    counted,
    of,
)

LABELS = kind("labels", 500, {"0": 4_000, "16": 100}, {"0": 60_000, "16": 15_000})


def told(*rows: Any, breaker: str = "", **more: Any) -> Headline:
    """The headline of a rollout with these counts."""
    case = counted(*rows, **more)
    verdict = as_of_today(account(case, case.verdict().broken(breaker)))
    return headline(verdict, stage_of(verdict, ""))


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ((), "unknown"),
        (FEW, "unknown"),
        (FAILED, "worse"),
        (BIASED, "unknown"),
        (GOOD, "no worse"),
        ((*GOOD, *LABELS), "better"),
        ((*FEW, *SHIFTED), "differs"),
    ],
)
def test_the_state_is_what_the_verdict_says(rows: Any, state: str) -> None:
    assert told(*rows).state == state


def test_undecided_it_says_by_how_much_how_far_and_when() -> None:
    assert told(*FEW).sentence == (
        "Not yet known whether v2 is worse than v1: errors 0.00 %, 0.00 % on v1, a difference of "
        "+0.00 pp (−0.31 pp to +5.90 pp); 5 % of the way to the proof; known in about 119 min at "
        "this rate."
    )


def test_a_proof_says_how_often_it_is_wrong_and_needs_no_time() -> None:
    proved = told(*GOOD)
    assert proved.sentence.startswith("v2 is no worse than v1: errors 0.04 %, 0.10 % on v1")
    assert "at most 5 % get that proof" in proved.sure
    assert proved.known == ""


def test_better_is_said_only_where_the_whole_band_is() -> None:
    better = told(*GOOD, *LABELS)
    assert better.lead == "v2 is better than v1"
    assert better.much.startswith("labels 2.4 % lost, 20.0 % lost on v1, a difference of −17")


def test_a_failure_says_its_odds() -> None:
    assert told(*FAILED).sentence.startswith("v2 is worse than v1: errors 17.07 %, 0.12 % on v1")
    assert "chance does that to at most 5 % of rollouts" in told(*FAILED).sure


def test_what_a_person_has_accepted_holds_nothing_any_more() -> None:
    seen = replace(FIRST, accepted=("prediction",))
    assert told(*FEW, *SHIFTED, rollout=seen).state == "unknown"
    assert told(*GOOD, *SHIFTED, rollout=seen).state == "no worse"


def test_what_the_breaker_saw_is_the_reason() -> None:
    broken = told(*FEW, breaker=BREAKER)
    assert broken.lead == "v2 does not answer"
    assert BREAKER in broken.sentence


def test_where_nothing_has_to_be_proved_no_time_is_said() -> None:
    ramp = told(*FEW, **of("ramp"))
    assert (ramp.sure, ramp.known) == ("nothing has to be proved here", "")


def test_where_nothing_arrives_no_time_is_said() -> None:
    assert told().known == "no time can be said: nothing arrives"


def test_a_share_that_was_not_given_is_no_verdict() -> None:
    assert told(*BIASED).lead == "It cannot be known whether v2 is worse than v1"
    assert told(*BIASED).known == ""


def test_a_sentence_has_no_empty_part() -> None:
    assert Headline("unknown", "Not yet", "", "", "").sentence == "Not yet."
    assert ";;" not in told().sentence


def test_points_have_a_sign() -> None:
    assert [points(part) for part in (0.002, -0.0311, 0.0)] == ["+0.20 pp", "−3.11 pp", "+0.00 pp"]
