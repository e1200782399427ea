"""The account of a verdict: plain JSON, every number one, and in words what is known, what is
missing and how long.
"""

import json
import math
import re
from dataclasses import replace
from typing import Any

import pytest

from rollout.state.policy import Policy, VerdictConfig, policy
from rollout.state.strategy import STRATEGIES, strategy
from rollout.verdict.arrivals import Arrivals
from rollout.verdict.baseline import Reference
from rollout.verdict.report import JudgingInput, account
from rollout.verdict.signals.numbers import AT_HALF
from rollout.verdict.words.phrases import CANDIDATE, COUNTED, NEVER, NO_DATA, OFF, PAIRS, REQUESTS
from tests.rollout.evidence_factory import (
    BESIDE,
    CANARY,
    NOTHING,
    SHADOW,
    Row,
    evidence,
    finished,
    kind,
    of_candidate,
    timing,
    with_rules,
)
from tests.rollout.ledger_commands import STARTED, ledger_after, verdict_of

ROLLOUT = ledger_after("canary v2 --auto", ledger=STARTED).running()
NORMAL = Reference(
    errors=0.001, classes=(("late", 0.2), ("on time", 0.8)), waits=((100, 0.5),), values=((7, 0.5),)
)
FAST: Row = ("v2", 500, {"timing": {"-1": 150, "0": 150}})
GOOD = (*finished(500, {"ok": 5_000, "error": 2}, {"ok": 95_000, "error": 95}), FAST)
EVERYTHING = (
    *GOOD,
    *kind("classes", 500, {"late": 90, "on time": 410}, {"late": 2_000, "on time": 8_000}),
    *kind("values", 500, {"3": 50, "9": 40}, {"3": 500, "9": 500}),
    *kind("waits", 500, {"90": 50, "110": 40}, {"90": 500, "110": 500}),
    *kind("labels", 500, {"0": 80, "16": 20}, {"0": 800, "16": 200}),
    of_candidate("copies", 0, agree=90, differ=1),
    of_candidate("control", 0, agree=9),
)


def report_of(
    *rows: Row, by: Policy = CANARY, weight: int = 500, running_s: float = 600.0
) -> dict[str, Any]:
    """The account of this evidence."""
    whole = evidence(*rows) if rows else NOTHING
    return account(JudgingInput(ROLLOUT, by, whole, [whole], NORMAL, weight, running_s))


def line(report: dict[str, Any], name: str) -> dict[str, Any]:
    """The line of one signal."""
    return next(entry for entry in report["signals"] if entry["name"] == name)


def numbers(value: Any) -> list[float]:
    """Every number of an account."""
    if isinstance(value, dict):
        return [number for entry in value.values() for number in numbers(entry)]
    if isinstance(value, list):
        return [number for entry in value for number in numbers(entry)]
    return [value] if type(value) is float else []


@pytest.mark.parametrize("how", STRATEGIES)
@pytest.mark.parametrize("rows", [(), EVERYTHING], ids=["nothing", "some"])
@pytest.mark.parametrize("weight", [500, 10_000])
def test_an_account_is_json_whose_numbers_are_finite(
    how: str, rows: tuple[Row, ...], weight: int
) -> None:
    by = with_rules(policy(VerdictConfig(), strategy(how)), latency={"weight": 0.0})
    report = report_of(*rows, by=by, weight=weight, running_s=0.0)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert all(map(math.isfinite, numbers(report)))
    assert [entry["name"] for entry in report["signals"]] == [rule.name for rule in by.rules]
    assert all(
        entry["more"] is None or entry["more"] == NEVER or entry["more"] >= 0
        for entry in report["signals"]
    )


def test_without_evidence_it_says_so() -> None:
    report = report_of()
    assert (report["word"], report["because"]) == (
        "undecided",
        "not yet: errors, latency not proved",
    )
    assert (line(report, "errors")["says"], line(report, "wait")["says"]) == (NO_DATA, NO_DATA)
    assert (report["requests"], report["candidate_requests"], report["against"]) == (
        0,
        0,
        pytest.approx(0),
    )


def test_it_names_who_against_whom_how_long_and_on_how_much() -> None:
    report = report_of(*GOOD, weight=2_500)
    assert (report["candidate"], report["stable"], report["running_s"], report["weight"]) == (
        "v2",
        "v1",
        600.0,
        2_500,
    )
    assert (report["requests"], report["candidate_requests"]) == (100_097, 5_002)


def test_a_line_has_both_rates_and_their_difference_with_its_interval() -> None:
    errors = line(report_of(*GOOD), "errors")
    assert (errors["candidate"], errors["stable"], errors["margin"]) == (
        "0.04 %",
        "0.10 %",
        "+0.5 pp",
    )
    low, high = re.fullmatch(r"-0\.06 pp \[(.+), (.+)\]", errors["difference"]).groups()  # type: ignore[union-attr]
    assert float(low) < -0.06 < 0 < float(high)
    latency = line(report_of(*GOOD), "latency")
    assert (latency["candidate"], latency["margin"]) == ("x0.99", "x1.15")


def test_what_is_proved_says_so_and_then_it_passes() -> None:
    report = report_of(*GOOD)
    assert (report["word"], report["because"]) == (
        "pass",
        "errors, latency of v2 proved to be within the margins",
    )
    assert {line(report, name)["says"] for name in ("errors", "latency")} == {"proved"}
    assert (line(report, "errors")["proof_share"], line(report, "errors")["more"]) == (100, None)


def test_what_is_not_proved_yet_says_how_many_requests_and_how_long_it_takes() -> None:
    report = report_of(*finished(500, {"ok": 100}, {"ok": 1_900}))
    errors = line(report, "errors")
    assert errors["more_90"] > errors["more"] > 0
    assert (errors["says"], errors["more_of"]) == ("no alarm, not proved", COUNTED)
    assert errors["per_s"] == pytest.approx(2_000 / 600)
    assert errors["more_s"] == pytest.approx(errors["more"] / (2_000 / 600), rel=0.01)
    assert errors["more_90_s"] > errors["more_s"]


def test_what_cannot_be_proved_at_this_rate_says_so() -> None:
    latency = line(report_of(timing(**{"24": 3})), "latency")
    assert (latency["more"], latency["says"]) == (
        NEVER,
        "no alarm, not proved: not reachable at this rate",
    )
    assert (latency["more_s"], latency["proof_share"]) == (None, 0)


def test_batches_that_are_quick_enough_say_how_many_more() -> None:
    latency = line(report_of(timing(**{"0": 3})), "latency")
    assert latency["says"] == "no alarm, not proved"
    assert (latency["more_of"], latency["per_s"]) == ("batches", 3 / 600)
    assert latency["more_s"] == pytest.approx(latency["more"] * 200, abs=100)


@pytest.mark.parametrize("weight", [10_000, 0])
def test_a_proof_that_no_coin_makes_is_not_called_good_before_it_is_there(weight: int) -> None:
    asked = of_candidate("answers", 10_000, both=30)
    report = report_of(asked, FAST, by=BESIDE, weight=weight)
    assert (line(report, "errors")["says"], line(report, "errors")["difference"]) == (
        "no alarm, not proved",
        "+0.00 pp [-17.86, +17.86] of 30 pairs",
    )
    assert (line(report, "errors")["more_of"], line(report, "errors")["per_s"]) == ("pairs", 0.05)
    assert report["because"] == "not yet: errors not proved"


def test_what_is_only_watched_or_held_says_so() -> None:
    report = report_of(*EVERYTHING, *kind("waits", 5_000, {"90": 50}, {"90": 50}))
    assert (line(report, "prediction")["says"], line(report, "wait")["says"]) == (
        "no alarm (nothing required)",
        "no alarm (nothing required)",
    )


def test_a_failure_is_told_with_its_counts_and_the_chance_of_a_false_alarm() -> None:
    report = report_of(*finished(500, {"ok": 34, "error": 7}, {"ok": 800, "error": 1}))
    assert report["word"] == "fail"
    assert re.fullmatch(
        r"v2 is worse: errors: 7 of 41 counted requests failed, 0\.12 % on v1 "
        r"\(odds [\d,]+ to 1, acts at 67 to 1\) "
        r"\(false alarm at most 5 % over the whole rollout\)",
        report["because"],
    )
    errors = line(report, "errors")
    assert (errors["says"], errors["alarm"], report["alarm"]) == (
        "worse: roll back",
        "roll back",
        "roll back",
    )


def test_evidence_of_all_together_is_told_as_such() -> None:
    case = JudgingInput(ROLLOUT, CANARY, evidence(*GOOD), [], NORMAL, 500, 600.0)
    report = account(
        case,
        replace(case.verdict(), word="fail", because=("combined evidence",), against=math.log(25)),
    )
    assert report["because"].startswith(
        "v2 is worse: all signals together (odds 25 to 1) (false alarm at most 5 %"
    )


def test_a_failure_that_was_found_before_is_told_although_the_numbers_are_better_now() -> None:
    case = JudgingInput(ROLLOUT, CANARY, evidence(*GOOD), [], NORMAL, 500, 600.0)
    report = account(case, replace(case.verdict(), word="fail", because=("errors",)))
    assert report["because"].startswith(
        "v2 is worse: errors: 2 of 5,002 counted requests failed, 0.10 % on v1 (found earlier; now "
    )


@pytest.mark.parametrize(
    ("rows", "word", "because"),
    [
        (
            (("v2", 500, {"drawn": {"all": 900}}), ("v1", 500, {"drawn": {"all": 900}})),
            "invalid",
            "v2 did not get its",
        ),
        (
            kind("classes", 500, {"late": 400}, {"late": 10, "on time": 8_000}),
            "hold",
            "prediction of v2 differ: a person",
        ),
    ],
)
def test_a_broken_count_and_a_hold_say_what_a_person_should_know(
    rows: tuple[Row, ...], word: str, because: str
) -> None:
    report = report_of(*rows)
    assert report["word"] == word
    assert report["because"].startswith(because)


def test_labels_that_may_not_be_believed_are_told_to_be_off() -> None:
    report = report_of(*GOOD, *kind("labels", 500, {"0": 400}, {"0": 1_000}))
    assert (report["word"], report["because"][:6]) == ("pass", "errors")
    assert line(report, "labels")["says"] == OFF
    assert line(report, "labels")["candidate"] == "0.0 % lost"
    assert line(report_of(*GOOD), "labels")["says"] != OFF


def test_a_proof_that_the_newest_requests_speak_against_says_so() -> None:
    case = JudgingInput(ROLLOUT, CANARY, evidence(*GOOD), [], NORMAL, 500, 600.0)
    assert account(case, replace(verdict_of("undecided"), signals=case.verdict().signals))[
        "because"
    ] == ("not yet: proved, but its recent requests look worse")
    person = replace(case, policy=policy(VerdictConfig(), strategy("ab")))
    assert account(person)["because"] == "no alarm acts, and nothing has to be proved"


def test_the_largest_shift_of_the_predictions_is_shown() -> None:
    candidate, stable = (
        {"late": 300, "on time": 650, "new": 50},
        {"late": 200, "on time": 790, "new": 10},
    )
    prediction = line(report_of(*kind("classes", 5_000, candidate, stable)), "prediction")
    assert (prediction["candidate"], prediction["stable"]) == (
        "'on time' 65.0 %",
        "'on time' 79.0 %",
    )
    values = line(
        report_of(*kind("values", 5_000, {"3": 40, "9": 60}, {"3": 50, "9": 50})), "prediction"
    )
    assert values["candidate"] == "high values 60.0 %"


def test_a_shadow_shows_the_copies_that_differ_and_those_of_the_stable_version_asked_twice() -> (
    None
):
    copies = (
        of_candidate("copies", 0, agree=95, differ=4, error=1),
        of_candidate("control", 0, agree=99, differ=1),
    )
    agreement = line(report_of(*copies, by=SHADOW, weight=0), "agreement")
    assert (agreement["candidate"], agreement["stable"]) == ("5.00 % differ", "1.00 % differ")
    assert (agreement["says"], agreement["more_of"]) == ("no alarm, not proved", "copies")
    assert agreement["more_90"] > agreement["more"] > 0


def test_waits_show_the_slowest_hundredth() -> None:
    early = line(report_of(*kind("waits", 500, {"100": 100}, {"84": 100})), "wait")
    assert (early["difference"], early["says"]) == (AT_HALF, NO_DATA)
    wait = line(report_of(*kind("waits", 5_000, {"100": 100}, {"84": 100})), "wait")
    assert (wait["candidate"], wait["stable"], wait["difference"]) == (
        "p99 7.95 ms",
        "p99 3.97 ms",
        "p99 x2.00",
    )


def test_labels_of_a_shadow_say_who_was_worse_how_often_and_how_many_more_are_needed() -> None:
    shadow = with_rules(SHADOW, labels={"required": True})
    paired = ("v2", 0, {"paired": {"0": 170, "16": 12, "-16": 18}})
    labels = line(report_of(paired, by=shadow, weight=0), "labels")
    assert (labels["candidate"], labels["stable"]) == ("12 worse", "18 worse")
    assert re.fullmatch(r"-3\.00 pp \[-\d+\.\d\d, \+\d+\.\d\d\] of 200 pairs", labels["difference"])
    assert (labels["says"], labels["more_of"]) == ("no alarm, not proved", "labels")
    assert labels["more_90"] > labels["more"] > 0
    assert line(report_of(by=shadow, weight=0), "labels")["says"] == "no data yet"


STICKY = (
    *finished(2_500, {"ok": 50}, {"ok": 150}),
    *kind("outcomes", 2_500, {"ok": 3_100, "copied": 100}, {"ok": 9_020, "copied": 20}),
    timing(**{"0": 40}),
)
"""200 users who come again and again: 12,000 requests, of which 200 are counted."""
A_MINUTE_AGO = Arrivals(540.0, {REQUESTS: 9_000, COUNTED: 200, CANDIDATE: 50, PAIRS: 0})


def sticky(*rows: Row) -> dict[str, Any]:
    """The account of users who have all been counted for a minute, with these counts too."""
    whole = evidence(*STICKY, *rows)
    case = JudgingInput(ROLLOUT, CANARY, whole, [], NORMAL, 2_500, 600.0, (A_MINUTE_AGO,))
    return account(case)


def test_users_who_have_all_been_counted_bring_no_evidence_and_no_time_is_told() -> None:
    report = sticky()
    errors = line(report, "errors")
    assert errors["says"] == (
        "units exhausted: 200 users have all been counted; no pair came lately"
    )
    assert (errors["more_of"], errors["per_s"], errors["more_s"]) == (COUNTED, 0.0, None)
    assert (report["all_requests"], report["counted"], report["candidate_counted"]) == (
        12_000,
        200,
        50,
    )
    assert report["exhausted_users"] == 200


def test_pairs_go_on_where_users_are_exhausted_and_the_time_is_told_by_them() -> None:
    report = sticky(of_candidate("answers", 2_500, both=120))
    errors = line(report, "errors")
    assert errors["says"] == (
        "units exhausted: 200 users have all been counted; evidence comes from pairs"
    )
    assert (errors["more_of"], errors["per_s"]) == (PAIRS, 120 / 60)
    assert errors["more_s"] == pytest.approx(errors["more"] / 2, rel=0.01)
    assert (report["pairs"], report["all_requests"]) == (120, 12_000)


def test_old_evidence_does_not_say_how_many_requests_there_were() -> None:
    report = report_of(*GOOD)
    assert (report["all_requests"], report["exhausted_users"]) == (None, 0)
    assert report["requests"] == report["counted"] == 100_097


def test_what_was_shed_is_a_request_and_not_counted() -> None:
    report = report_of(*finished(500, {"ok": 10, "shed": 5}, {"ok": 90}))
    assert (report["requests"], report["counted"], report["candidate_counted"]) == (105, 100, 10)


def test_the_breaker_is_told_as_the_reason_then_and_later() -> None:
    case = JudgingInput(ROLLOUT, CANARY, evidence(*GOOD), [], NORMAL, 500, 600.0)
    words = "18 of 20 requests in the last 10 s were not answered (18 failed), and v1 answered them"
    report = account(case, case.verdict().broken(words))
    assert (report["because"], report["breaker"]) == (f"v2 does not answer: {words}", words)
    later = account(case, replace(case.verdict(), word="fail", because=("breaker",)))
    assert later["because"] == "v2 does not answer: the breaker tripped before"
    assert account(case)["breaker"] == ""


def test_a_report_says_where_the_rollout_stands() -> None:
    report = report_of(*GOOD)
    assert (report["strategy"], report["next_weights"]) == ("canary", [2_500, 5_000])
    assert (report["step_served"], report["step_requests"]) == (5_002, CANARY.step_requests)
    assert (report["deadline_s"], report["undecided"]) == (86_400.0, "hold")
    assert (report["paused"], report["held"], report["accepted"]) == (False, [], [])


def test_a_step_is_held_as_long_as_its_plan_says() -> None:
    steps = (replace(ROLLOUT.steps[0], hold_s=30.0), *ROLLOUT.steps[1:])
    rollout = replace(ROLLOUT, steps=steps)
    for running_s, left in ((10.0, 20.0), (40.0, 0.0)):
        case = JudgingInput(rollout, CANARY, NOTHING, [], NORMAL, 500, running_s)
        assert account(case)["step_wait_s"] == left


def test_what_a_person_has_accepted_is_no_reason_to_look_again() -> None:
    shifted = kind("classes", 500, {"late": 400, "on time": 100}, {"late": 2_000, "on time": 8_000})
    whole = evidence(*GOOD, *shifted)
    accepted = replace(ROLLOUT, accepted=("prediction",))
    said = []
    for rollout in (ROLLOUT, accepted):
        case = JudgingInput(rollout, CANARY, whole, [whole], NORMAL, 500, 600.0)
        said.append(account(case)["because"])

    assert said == [
        "prediction of v2 differ: a person should look before it goes on",
        "proved; the difference in prediction was accepted by a person",
    ]


def test_a_difference_of_rates_is_there_in_numbers_with_both_lines() -> None:
    errors = line(report_of(*GOOD), "errors")
    low, estimate, high = errors["band"]
    assert low < estimate < high
    assert errors["difference"].startswith(f"{100 * estimate:+.2f} pp")
    assert (errors["tolerance"], errors["limit"]) == (0.0, 0.005)


def test_the_tolerance_of_a_rare_class_is_the_smaller_one() -> None:
    rare = replace(NORMAL, classes=(("late", 0.01),))
    seen = kind("classes", 500, {"late": 90, "on time": 410}, {"late": 100, "on time": 9_900})
    report = account(JudgingInput(ROLLOUT, CANARY, evidence(*seen), [], rare, 500, 600.0))
    assert line(report, "prediction")["tolerance"] == pytest.approx(0.005)
    assert line(report_of(*EVERYTHING), "prediction")["tolerance"] == pytest.approx(0.02)


def test_what_is_no_difference_of_rates_has_no_band() -> None:
    assert line(report_of(*GOOD), "latency")["band"] is None
    assert line(report_of(), "errors")["band"] is None
