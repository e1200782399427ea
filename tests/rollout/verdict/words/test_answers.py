"""The four answers are true in every state of a rollout: is it worse, how sure, what is missing,
and how long.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from rollout.state.ledger import Rollout, Step
from rollout.state.policy import Policy, VerdictConfig, policy
from rollout.state.strategy import strategy
from rollout.verdict.arrivals import Arrivals, arrivals_of
from rollout.verdict.evidence import Evidence
from rollout.verdict.report import JudgingInput, account
from rollout.verdict.words.answers import answers, keyed
from rollout.verdict.words.earlier_words import as_of_today
from rollout.verdict.words.phrases import CANDIDATE, COUNTED, REQUESTS
from rollout.verdict.words.stage import FAILING
from rollout.verdict.words.worse import is_it_worse
from tests.rollout.evidence_factory import (
    BESIDE,
    CANARY,
    NOTHING,
    SHADOW,
    evidence,
    finished,
    kind,
    of_candidate,
    timing,
)
from tests.rollout.verdict.test_report import GOOD, NORMAL, ROLLOUT, STICKY

STEPS = (Step(500, 30.0), Step(2_500, 30.0), Step(5_000, 30.0))
LAST = replace(ROLLOUT, steps=STEPS, step=2)
FIRST = replace(ROLLOUT, steps=STEPS)
ALONE = replace(ROLLOUT, steps=(Step(10_000, 120.0),))
FEW = (*finished(500, {"ok": 100}, {"ok": 1_900}), timing(**{"0": 300}))
FAILED = finished(500, {"ok": 34, "error": 7}, {"ok": 800, "error": 1})
SUSPECT = (*finished(500, {"ok": 40, "error": 2}, {"ok": 800, "error": 1}), timing(**{"0": 300}))
SHIFTED = kind("classes", 500, {"late": 400}, {"late": 10, "on time": 8_000})
BIASED = (("v2", 500, {"drawn": {"all": 900}}), ("v1", 500, {"drawn": {"all": 900}}))
BREAKER = "18 of 20 requests in the last 10 s were not answered (18 failed), and v1 answered them"


def counted(
    *rows: Any,
    rollout: Rollout = FIRST,
    by: Policy = CANARY,
    weight: int = 500,
    running_s: float = 600.0,
    samples: Sequence[Arrivals] = (),
) -> JudgingInput:
    """What a verdict on these counts is made of."""
    whole: Evidence = evidence(*rows) if rows else NOTHING
    return JudgingInput(rollout, by, whole, [], NORMAL, weight, running_s, samples)


def told(case: JudgingInput, act: str = "", breaker: str = "") -> dict[str, str]:
    """The four answers."""
    return keyed(answers(as_of_today(account(case, case.verdict().broken(breaker))), act))


def of(strategy_name: str, rollout: Rollout = FIRST) -> dict[str, Any]:
    """Rollout and policy of another strategy."""
    by = policy(VerdictConfig(), strategy(strategy_name))
    return {"rollout": replace(rollout, strategy=strategy_name), "by": by}


def test_undecided_it_says_what_comes_next_and_what_the_proof_takes() -> None:
    told_now = told(counted(*FEW))
    assert told_now["worse"] == "No sign of it."
    assert "Proved: latency within x1.15; of versions that are worse" in told_now["sure"]
    assert "Not proved: errors within +0.5 pp (5 % of the way)." in told_now["sure"]
    assert "So far the difference of errors is +0.00 pp [" in told_now["sure"]
    assert "The proof of errors (about 23,800 more counted requests; 9 in 10" in told_now["missing"]
    assert told_now["missing"].endswith("the next step (25 %): 200 more requests or copies to v2.")
    assert told_now["long"] == (
        "To the next step: about 20 min. About 119 min to the proof if the versions are alike "
        "(9 in 10 rollouts: at most 3.63 h), at 3 counted requests a second and at this weight; at "
        "a larger one it takes less."
    )


def test_a_proof_that_ends_after_the_deadline_says_so() -> None:
    told_now = told(counted(*FEW, rollout=LAST, running_s=80_000.0))
    assert "That is too long. At its deadline, in 107 min, it is put on hold." in told_now["long"]


def test_an_alarm_that_is_not_high_enough_is_told_and_takes_no_step() -> None:
    told_now = told(counted(*SUSPECT))
    assert told_now["worse"] == (
        "A strong sign of it, not enough to act: errors (4.76 %, 0.12 % on v1, difference +4.64 pp "
        "[-0.42, +34.07])."
    )
    assert "no alarm of all signals together" in told_now["missing"]
    assert told_now["long"].startswith("No step while there is an alarm.")


def test_what_is_no_better_than_its_margin_has_no_end() -> None:
    told_now = told(counted(*finished(500, {"ok": 100}, {"ok": 1_900}), timing(**{"24": 3})))
    assert "latency, which looks no better than its margin" in told_now["missing"]
    assert "No end at this rate: latency of v2 must become better first." in told_now["long"]
    assert told_now["long"].endswith("At its deadline, in 23.8 h, it is put on hold.")


def test_proved_before_the_last_step_it_is_not_released_yet() -> None:
    told_now = told(counted(*GOOD))
    assert told_now["worse"] == "No: errors and latency are proved to be within the margins."
    assert told_now["sure"].startswith("Proved: errors within +0.5 pp and latency within x1.15")
    assert told_now["missing"] == (
        "For the next step (25 %): nothing more. It is released from the last one (50 %)."
    )
    assert told_now["long"] == "To the next step: a second or two."


def test_proved_at_the_last_step_only_time_is_missing() -> None:
    told_now = told(counted(*GOOD, rollout=LAST))
    assert told_now["missing"] == "Nothing: the controller ends it when its time has passed."
    assert told_now["long"] == "A second or two."
    early = replace(LAST, step_since=LAST.started_at + 590.0)
    assert told(counted(*GOOD, rollout=early))["long"] == "20 s of its time are left."


def test_a_failure_says_what_failed_and_how_rarely_that_is_wrong() -> None:
    told_now = told(counted(*FAILED))
    assert told_now["worse"].startswith(
        "Yes: errors: 7 of 41 counted requests failed, 0.12 % on v1"
    )
    assert told_now["worse"].endswith(" to 1, acts at 67 to 1).")
    assert told_now["sure"].endswith("this would happen in at most 5 % of rollouts.")
    assert told_now["missing"] == "Nothing: v1 gets its traffic at the controller's next look."
    assert told_now["long"] == "A second or two."


@pytest.mark.parametrize(
    ("act", "missing"),
    [
        ("rollback", "Nothing: v1 has its traffic again."),
        ("promote", "Nothing: it was released."),
        ("end", "Nothing: the shadow is over, and no user has met it."),
    ],
)
def test_after_an_act_that_ends_it_nothing_is_missing(act: str, missing: str) -> None:
    told_then = told(counted(*GOOD), act)
    assert (told_then["missing"], told_then["long"]) == (missing, "It is over.")


def test_a_rollback_that_no_evidence_made_is_not_said_to_be_made_by_it() -> None:
    told_then = told(counted(*FEW), "rollback")
    assert told_then["worse"] == (
        "No sign of it. The evidence below did not roll it back: the act's reason did."
    )
    assert told(counted(*FAILED), "rollback")["worse"].startswith("Yes: errors")


def test_a_hold_says_what_differs_and_who_must_look() -> None:
    told_now = told(counted(*SHIFTED))
    assert told_now["worse"].startswith(
        "It differs: prediction ('late' 100.0 %, 'late' 0.1 % on v1, difference +99"
    )
    assert "it would be held in at most 0.5 % of rollouts." in told_now["sure"]
    assert told_now["missing"].startswith("A person's decision: `python deploy.py resume`")
    assert told_now["long"] == "Until a person decides; until then it has 5 % of the traffic."


def test_rates_that_are_the_other_way_round_at_each_weight_do_not_mislead() -> None:
    stormy = kind("labels", 5_000, {"0": 300, "16": 200}, {"0": 400, "16": 100})
    calm = kind("labels", 2_500, {"0": 2_400, "16": 100}, {"0": 100, "16": 1})
    case = counted(*GOOD, *stormy, *calm, weight=5_000)
    failed = replace(case.verdict(), word="fail", because=("labels",))
    worse = is_it_worse(as_of_today(account(case, failed)), FAILING)
    assert worse.startswith("Yes: labels: 10.0 % lost, 16.8 % lost on v1, difference +")


def test_what_a_person_has_accepted_holds_no_more() -> None:
    accepted = replace(FIRST, accepted=("prediction",))
    assert "For the next step (25 %)" in told(counted(*SHIFTED, rollout=accepted))["missing"]


def test_a_hold_for_another_reason_names_it() -> None:
    held = replace(FIRST, held=("memory", "deadline"))
    assert told(counted(*FEW, rollout=held))["missing"].startswith(
        "A person's decision (memory, deadline): "
    )


def test_without_its_share_nothing_can_be_said() -> None:
    told_now = told(counted(*BIASED))
    assert told_now["worse"].startswith("That cannot be said: v2 did not get its share")
    assert told_now["sure"].endswith("would come in at most 0.1 % of rollouts.")
    assert told_now["missing"].startswith("A person's decision")


def test_a_pause_ends_by_a_person_and_a_rollback_does_not_wait_for_it() -> None:
    told_now = told(counted(*FEW, rollout=replace(FIRST, paused=True)))
    assert told_now["missing"].startswith("`python deploy.py resume`: it is paused.")
    assert told_now["long"].startswith("Until a person decides")


def test_the_breaker_is_told_as_the_plain_rule_that_it_is() -> None:
    told_now = told(counted(*FEW), breaker=BREAKER)
    assert told_now["worse"] == f"Yes: {BREAKER}."
    assert told_now["sure"].startswith("As sure as a plain rule on the last seconds is: ")
    assert told(counted(*FEW), "rollback", breaker=BREAKER)["long"] == "It is over."


def test_capacity_that_was_not_shown_is_missing() -> None:
    rate = "it has shown 180 requests/s of 400"
    told_now = told(replace(counted(*GOOD, rollout=LAST), capacity=rate))
    assert told_now["missing"] == f"The rate that it will get: {rate}."
    assert told_now["long"].startswith("Until it has shown that rate")


def test_users_who_have_all_been_counted_bring_no_time_but_pairs_do() -> None:
    before = Arrivals(540.0, {REQUESTS: 9_000, COUNTED: 200, CANDIDATE: 50})
    alone = told(counted(*STICKY, weight=2_500, samples=[before]))
    assert "New users: 200 users have all been counted, and a user counts once." in alone["missing"]
    assert "No time can be said: all users have been counted, and no pairs arrive." in alone["long"]
    assert "to the proof" not in alone["long"]

    pairs = of_candidate("answers", 2_500, both=400)
    paired = told(counted(*STICKY, pairs, weight=2_500, samples=[before], rollout=LAST))
    assert "Pairs go on bringing evidence." in paired["missing"]
    assert "The proof of errors (about 778 more pairs" in paired["missing"]
    assert paired["long"].startswith("About 117 s to the proof if the versions are alike")
    assert paired["long"].endswith(", at 7 pairs a second.")


def test_before_anything_arrived_nothing_is_said_to_be_known() -> None:
    told_now = told(counted())
    assert told_now["worse"] == "Unknown: nothing was compared yet."
    assert told_now["sure"] == "Not at all: nothing was compared yet."
    assert told_now["missing"].startswith("Requests: nothing arrived in the last 10 min.")
    assert "No time can be said: nothing arrives." in told_now["long"]


def test_traffic_that_has_stopped_has_no_time() -> None:
    before = replace(arrivals_of(evidence(*FEW), 0.0), at=530.0)
    told_now = told(counted(*FEW, samples=[before], rollout=LAST))
    assert told_now["missing"].startswith("Requests: nothing arrived in the last 70 s.")
    assert told_now["long"].startswith("No time can be said: nothing arrives.")


def test_while_it_is_watched_pairs_prove_it() -> None:
    asked = of_candidate("answers", 10_000, both=300)
    plan = of("blue-green", ALONE) | {"by": BESIDE}
    told_now = told(counted(asked, timing(**{"0": 300}), weight=10_000, **plan))
    assert "The proof of errors (about 846 more pairs" in told_now["missing"]
    assert "step" not in told_now["missing"] + told_now["long"]
    assert told_now["long"].endswith(", at 30 pairs a minute.")


def test_a_shadow_is_proved_by_copies() -> None:
    copies = (
        of_candidate("copies", 0, agree=95, differ=4, error=1),
        of_candidate("control", 0, agree=99, differ=1),
        timing(**{"0": 300}),
    )
    plan = of("shadow", replace(ROLLOUT, steps=())) | {"by": SHADOW}
    told_now = told(counted(*copies, weight=0, **plan))
    assert "The proof of agreement (about 102 more copies; 9 in 10" in told_now["missing"]
    assert told_now["long"].endswith(", at 20 copies a minute.")


def test_a_ramp_goes_by_the_clock_and_proves_nothing() -> None:
    told_now = told(counted(*FEW, running_s=10.0, **of("ramp")))
    assert told_now["sure"].startswith("Nothing has to be proved here, and no alarm is no proof.")
    assert told_now["missing"].startswith("For the next step (25 %): time alone")
    assert told_now["long"] == "About 20 s."
    last = told(counted(*FEW, running_s=10.0, **of("ramp", LAST)))
    assert last["missing"].startswith("Time alone: it is released at the end of this step")


def test_an_ab_test_is_ended_by_a_person() -> None:
    told_now = told(counted(*FEW, **of("ab")))
    assert "`python deploy.py promote v2` or `abort`" in told_now["missing"]
    assert told_now["long"] == "Until a person decides: it has no deadline."


def test_labels_that_cannot_be_compared_are_named() -> None:
    gap = kind("labels", 500, {"0": 400}, {"0": 1_000})
    assert "Labels are not comparable" in told(counted(*GOOD, *gap))["sure"]
    assert "Labels are not comparable" not in told(counted(*GOOD))["sure"]


def test_a_difference_that_is_shown_only_is_not_hidden() -> None:
    slower = kind("waits", 5_000, {"150": 500}, {"90": 500})
    told_now = told(counted(*GOOD, *slower))
    assert "Response time differs (p99 " in told_now["worse"]
    assert told_now["worse"].endswith("it is shown only.")


def test_a_flagged_release_asks_a_person() -> None:
    assert told(counted(*FEW), "flag")["missing"].startswith("A person's decision: ")


def test_what_is_proved_and_looks_worse_lately_says_what_it_waits_for() -> None:
    case = counted(*GOOD, rollout=LAST)
    verdict = replace(case.verdict(), word="undecided", because=())
    told_now = keyed(answers(as_of_today(account(case, verdict))))
    assert told_now["missing"].startswith("Recent requests that do not look worse")
    assert told_now["long"].startswith("As long as they look worse. At its deadline")
