"""The verdict: back on evidence, released on proof alone, and neither on what is missing."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.state.policy import Policy, VerdictConfig, policy
from rollout.state.strategy import STRATEGIES, strategy
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence
from rollout.verdict.sequential import log_discordant
from rollout.verdict.signals.registry import SIGNALS
from rollout.verdict.verdict import (
    AT_START,
    RESTARTS,
    against,
    judge,
    label_guard,
    margin_of,
    proof,
    together,
)
from tests.rollout.evidence_factory import (
    BESIDE,
    CANARY,
    NOTHING,
    SHADOW,
    USUAL,
    Row,
    evidence,
    finished,
    judged,
    kind,
    of_candidate,
    signal,
    timing,
    with_rules,
)

several = settings(max_examples=25, derandomize=True, database=None, deadline=None)
FAST: Row = ("v2", 500, {"timing": {"-1": 150, "0": 150}})
SLOW: Row = ("v2", 500, {"timing": {"64": 60}})
GOOD = (*finished(500, {"ok": 5_000, "error": 2}, {"ok": 95_000, "error": 95}), FAST)
"""All that a canary needs to be released."""
BAD = finished(500, {"ok": 100, "error": 20}, {"ok": 2_000, "error": 2})
SHIFTED = kind("classes", 500, {"late": 300, "on time": 200}, {"late": 2_000, "on time": 8_000})
SKEWED: tuple[Row, Row] = (
    ("v2", 500, {"drawn": {"all": 400}}),
    ("v1", 500, {"drawn": {"all": 1_000}}),
)
NORMAL = Reference(classes=(("late", 0.2), ("on time", 0.8)), waits=((100, 0.5), (150, 0.01)))

amounts = st.integers(0, 60)


@st.composite
def counted(draw: st.DrawFn) -> Evidence:
    """Some evidence of every kind, healthy or not."""
    rows: list[Row] = []
    for weight in (100, 500, 5_000):
        mine = {key: draw(amounts) for key in ("ok", "error", "refused")}
        rows += finished(weight, mine, {"ok": 10 * draw(amounts), "error": draw(st.integers(0, 9))})
        rows += kind(
            "waits",
            weight,
            {"90": draw(amounts), "170": draw(amounts)},
            {"90": draw(amounts), "150": 1},
        )
        rows += kind(
            "labels",
            weight,
            {"0": draw(amounts), "16": draw(amounts)},
            {"0": draw(amounts), "8": 3},
        )
        rows += kind(
            "classes",
            weight,
            {"late": draw(amounts)},
            {"late": draw(amounts), "on time": draw(amounts)},
        )

    rows.append(("v2", 500, {"timing": {"-2": draw(amounts), "30": draw(amounts)}}))
    return evidence(*rows)


# Law 6: when it goes back.


@several
@given(counted())
def test_it_goes_back_if_and_only_if_the_weighted_mean_of_the_capitals_says_so(
    whole: Evidence,
) -> None:
    verdict = judged(whole, normal=NORMAL)
    staked = [s for s in verdict.signals if s.rule.action == "rollback"]
    rest = 1 - sum(s.rule.weight for s in staked)
    mean = math.log(rest + sum(s.rule.weight * math.exp(s.against) for s in staked))
    assert verdict.against == pytest.approx(mean, abs=1e-9)
    assert verdict.needed == pytest.approx(math.log(20))
    assert (verdict.word == "fail") == (verdict.against >= verdict.needed)


@several
@given(counted())
def test_one_signal_that_has_its_own_share_of_alpha_is_enough_and_is_blamed(
    whole: Evidence,
) -> None:
    verdict = judged(whole, normal=NORMAL)
    enough = tuple(
        s.rule.name
        for s in verdict.signals
        if s.rule.action == "rollback" and s.against >= math.log(1 / (0.05 * s.rule.weight))
    )
    if enough:
        assert (verdict.word, verdict.because) == ("fail", enough)


@several
@given(counted())
def test_it_passes_only_with_every_required_proof(whole: Evidence) -> None:
    for rows in ((), (FAST,), GOOD):
        both = evidence(
            *((name, weight, tally) for (name, weight), tally in whole.tallies.items()), *rows
        )
        verdict = judged(both, normal=NORMAL)
        proved = all(s.certified for s in verdict.signals if s.rule.required)
        assert proved or verdict.word != "pass"


def test_evidence_of_many_signals_together_is_enough_where_none_is_alone() -> None:
    rows = (
        *finished(500, {"ok": 100, "error": 3}, {"ok": 1_900, "error": 2}),
        *kind("labels", 500, {"0": 34, "16": 22}, {"0": 800, "16": 200}),
        ("v2", 500, {"timing": {"20": 8}}),
    )
    verdict = judged(evidence(*rows))
    assert not any(s.worse for s in verdict.signals)
    assert (verdict.word, verdict.because) == ("fail", ("combined evidence",))


@pytest.mark.parametrize("action", ["rollback", "hold", "watch"])
@pytest.mark.parametrize("rows", [GOOD, BAD, SHIFTED, (*GOOD, *SKEWED), (*GOOD, *SHIFTED)])
def test_a_signal_without_a_weight_changes_nothing(action: str, rows: tuple[Row, ...]) -> None:
    silent = {"action": action, "weight": 0.0}
    without = replace(
        CANARY, rules=tuple(rule for rule in CANARY.rules if rule.name != "prediction")
    )
    alone, beside = (
        judged(evidence(*rows), by, normal=NORMAL)
        for by in (without, with_rules(CANARY, prediction=silent))
    )
    assert (alone.word, alone.because, alone.proved) == (beside.word, beside.because, beside.proved)
    assert alone.against == pytest.approx(beside.against)
    assert math.isfinite(signal(beside, "prediction").against_needed)
    assert not signal(beside, "prediction").worse


@pytest.mark.parametrize("action", ["hold", "watch"])
def test_only_what_may_roll_back_is_staked_against_the_candidate(action: str) -> None:
    verdict = judged(evidence(*BAD), with_rules(CANARY, errors={"action": action}))
    assert (verdict.word, verdict.against) == (
        "hold" if action == "hold" else "undecided",
        pytest.approx(0, abs=0.1),
    )
    assert together(()) == 0.0


# Missing evidence is never a pass.


@pytest.mark.parametrize("how", STRATEGIES)
def test_without_evidence_nothing_is_decided(how: str) -> None:
    by = policy(VerdictConfig(), strategy(how))
    verdict = judged(NOTHING, by)
    assert (verdict.word, verdict.ratio, verdict.proved) == ("undecided", 0.0, False)
    assert verdict.against == pytest.approx(0.0, abs=1e-12)
    assert all(
        s.against == pytest.approx(0.0, abs=1e-12) and s.proof in (None, 0.0)
        for s in verdict.signals
    )
    assert verdict.because == tuple(rule.name for rule in by.rules if rule.required)


def test_all_that_is_required_is_a_pass_and_anything_less_is_not() -> None:
    verdict = judged(evidence(*GOOD))
    assert (verdict.word, verdict.because, verdict.proved) == ("pass", ("errors", "latency"), True)
    assert judged(evidence(*GOOD[:2])).because == ("latency",)
    assert judged(evidence(FAST)).because == ("errors",)
    assert {judged(evidence(*rows)).word for rows in (GOOD[:2], (FAST,))} == {"undecided"}


def test_where_nothing_is_required_nothing_passes() -> None:
    lax = with_rules(CANARY, errors={"required": False}, latency={"required": False})
    assert judged(evidence(*GOOD), lax).word == "undecided"
    assert not judged(evidence(*GOOD), lax).proved


def test_beside_the_candidate_errors_are_proved_by_pairs_and_many_failures_go_back() -> None:
    asked = of_candidate("answers", 10_000, both=3_000, candidate_failed=3, stable_failed=3)
    assert judged(evidence(asked, FAST), BESIDE).word == "pass"
    failed = of_candidate("answers", 10_000, both=30, candidate_failed=20)
    assert judged(evidence(failed, FAST), BESIDE).because == ("pairs",)
    assert (
        judged(evidence(of_candidate("answers", 10_000, both=30), FAST), BESIDE).word == "undecided"
    )


def test_a_shadow_passes_with_pairs_that_agree_and_is_held_where_they_do_not() -> None:
    control = of_candidate("control", 0, agree=400)
    alike = of_candidate("copies", 0, agree=4_000, differ=4)
    assert judged(evidence(alike, control, FAST), SHADOW).word == "pass"
    differing = of_candidate("copies", 0, agree=3_000, differ=900, error=100)
    verdict = judged(evidence(differing, control, FAST), SHADOW)
    assert (verdict.word, verdict.because) == ("hold", ("agreement",))


def test_what_the_stable_version_asked_twice_does_as_well_is_no_disagreement() -> None:
    noisy = (
        of_candidate("copies", 0, agree=2_700, differ=300),
        of_candidate("control", 0, agree=270, differ=30),
    )
    assert judged(evidence(*noisy, FAST), SHADOW).word != "hold"


# Which word goes before which.


@pytest.mark.parametrize(
    ("rows", "word", "because"),
    [
        ((*GOOD, *BAD, *SHIFTED, *SKEWED), "fail", ("errors",)),
        ((*GOOD, *SHIFTED, *SKEWED), "invalid", ("sample ratio", "prediction")),
        ((*GOOD, *SKEWED), "invalid", ("sample ratio",)),
        ((*GOOD, *SHIFTED), "hold", ("prediction",)),
        (GOOD, "pass", ("errors", "latency")),
    ],
    ids=["fail", "invalid", "invalid alone", "hold", "pass"],
)
def test_a_failure_goes_before_a_broken_count_that_before_a_hold_and_that_before_a_pass(
    rows: tuple[Row, ...], word: str, because: tuple[str, ...]
) -> None:
    verdict = judged(evidence(*rows), normal=NORMAL)
    assert (verdict.word, verdict.because) == (word, because)


@pytest.mark.parametrize("lost", ["0", "16"], ids=["right", "wrong"])
@pytest.mark.parametrize("senders", [10, 20_000])
def test_labels_that_come_for_one_version_only_are_off_and_stop_nothing(
    lost: str, senders: int
) -> None:
    some = kind("labels", 500, {lost: senders}, {})
    verdict = judged(evidence(*GOOD, *some), normal=NORMAL)
    assert (verdict.word, verdict.because) == ("pass", ("errors", "latency"))
    labels = signal(verdict, "labels")
    assert (labels.off, labels.against, labels.proof) == (True, 0.0, None)
    assert not any(each.off for each in verdict.signals if each.rule.name != "labels")


def test_labels_that_are_off_hide_no_failure_and_prove_nothing() -> None:
    some = kind("labels", 500, {"0": 400}, {"0": 1_000})
    assert judged(evidence(*BAD, *some)).word == "fail"
    required = with_rules(CANARY, labels={"required": True})
    verdict = judged(evidence(*GOOD, *some), by=required)
    assert (verdict.word, verdict.because) == ("undecided", ("labels",))


def test_labels_of_which_each_version_has_its_share_are_on() -> None:
    shared = evidence(*kind("labels", 500, {"0": 50}, {"0": 950}))
    assert label_guard(shared) < 0
    assert not signal(judged(shared), "labels").off
    worse = evidence(*GOOD, *kind("labels", 500, {"16": 200}, {"0": 3_800}))
    assert judged(worse).because == ("labels",)


def test_labels_are_off_at_evidence_of_twenty_that_they_came_for_one_version_more() -> None:
    fewer = kind("labels", 5_000, {"0": 442}, {"0": 558})
    assert math.log(20) <= label_guard(evidence(*fewer)) < math.log(100)
    assert signal(judged(evidence(*fewer)), "labels").off


def test_a_gap_that_begins_late_turns_labels_off() -> None:
    before = evidence(*kind("labels", 5_000, {"0": 20_000}, {"0": 20_000}))
    after = evidence(*kind("labels", 5_000, {"0": 20_442}, {"0": 20_558}))
    assert not signal(judged(after), "labels").off
    assert signal(judged(after, marks=[before]), "labels").off


def test_pairs_judge_on_where_labels_of_drawn_requests_are_off() -> None:
    apart = kind("labels", 5_000, {"16": 2_000}, {"0": 1_000})
    worse = of_candidate("paired", **{"16": 60, "0": 900})
    labels = signal(judged(evidence(*apart, worse)), "labels")
    by_pairs = signal(judged(evidence(worse)), "labels")
    assert not labels.off
    assert labels.worse
    assert labels.against <= by_pairs.against + 1e-9
    assert labels.proof <= by_pairs.proof + 1e-9


def test_without_a_usual_loss_only_pairs_bet_on_labels() -> None:
    worse = kind("labels", 5_000, {"0": 500, "16": 500}, {"0": 800, "16": 200})
    labels = signal(judged(evidence(*worse), normal=Reference()), "labels")
    assert (labels.off, labels.against, labels.proof) == (False, 0.0, 0.0)
    pairs = of_candidate("paired", **{"16": 60, "0": 900})
    both = judged(evidence(*worse, pairs), normal=Reference())
    alone = judged(evidence(pairs), normal=Reference())
    assert signal(both, "labels").against == signal(alone, "labels").against > 0


# Each signal.


def test_a_candidate_slower_than_tolerated_goes_back_and_one_as_slow_does_not() -> None:
    assert judged(evidence(SLOW)).because == ("latency",)
    as_slow = evidence(timing(**{"8": 5_000, "9": 5_000}))
    assert signal(judged(as_slow), "latency").against < 0


def test_a_candidate_as_slow_as_the_margin_is_not_certified() -> None:
    chance = np.random.default_rng(3)
    bins = np.floor(np.log2(1.25 * np.exp(0.05 * chance.standard_normal(200_000))) * 64).astype(int)
    counts = {
        str(index): int(count)
        for index, count in zip(*np.unique(bins, return_counts=True), strict=True)
    }
    assert not signal(judged(evidence(timing(**counts))), "latency").certified


@pytest.mark.parametrize(
    ("weight", "counts"), [(4_499, False), (4_500, True), (5_500, True), (5_501, False)]
)
def test_waits_count_where_both_have_about_half_of_the_requests(weight: int, counts: bool) -> None:
    verdict = judged(
        evidence(*kind("waits", weight, {"90": 10, "200": 90}, {"90": 90, "200": 10})),
        normal=NORMAL,
    )
    assert (signal(verdict, "wait").against > math.log(1_000)) == counts
    assert counts or signal(verdict, "wait").against == 0.0


def test_a_wait_as_long_as_is_tolerated_is_no_evidence() -> None:
    # Bin 99 ends at 7.6 ms: with the 2 ms besides, 1.5 times as long ends inside bin 111.
    normal = Reference(waits=((100, 0.5),))
    rows = kind("waits", 5_000, {"111": 5_000}, {"99": 4_500, "100": 500})
    assert signal(judged(evidence(*rows), normal=normal), "wait").against < 0


@pytest.mark.parametrize("late", [5, 60])
def test_a_shift_of_the_predictions_either_way_is_held(late: int) -> None:
    rows = kind(
        "classes",
        5_000,
        {"late": late * 10, "on time": 1_000 - late * 10},
        {"late": 400, "on time": 1_600},
    )
    assert judged(evidence(*rows), normal=NORMAL).because == ("prediction",)


def test_a_shift_of_predicted_values_is_held() -> None:
    normal = Reference(values=((10, 0.5), (20, 0.1)))
    rows = kind("values", 5_000, {"5": 100, "15": 900}, {"5": 1_000, "15": 1_000})
    assert judged(evidence(*rows), normal=normal).because == ("prediction",)


def test_late_labels_go_back_by_the_loss_and_prove_by_it() -> None:
    worse = kind("labels", 5_000, {"0": 500, "16": 500}, {"0": 800, "16": 200})
    assert judged(evidence(*worse)).because == ("labels",)
    alike = kind("labels", 5_000, {"0": 8_000, "8": 4_000}, {"0": 8_000, "8": 4_000})
    assert signal(judged(evidence(*alike)), "labels").certified


def test_refused_rows_go_back_where_the_stable_version_takes_them() -> None:
    assert judged(evidence(*finished(500, {"ok": 60, "refused": 40}, {"ok": 2_000}))).because == (
        "refusals",
    )


def test_the_margin_for_errors_is_at_least_the_stable_versions_own_rate() -> None:
    errors, refusals = CANARY.rules[0], CANARY.rules[1]
    assert [margin_of(errors, Reference(errors=rate)) for rate in (0.001, 0.03)] == [0.005, 0.03]
    assert margin_of(refusals, Reference(refused=0.5)) == refusals.margin


def test_a_signal_that_nobody_can_prove_has_no_proof() -> None:
    verdict = judged(evidence(*GOOD), normal=NORMAL)
    unproved = [s.rule.name for s in verdict.signals if s.proof is None]
    assert unproved == ["pairs", "outages", "wait", "tails", "prediction"]
    assert proof(replace(CANARY.rules[0], margin=0.0), evidence(*GOOD), Reference()) is None


# Restarts.


def test_a_restart_after_which_nothing_came_keeps_its_capital() -> None:
    whole, rule = evidence(*BAD), CANARY.rules[0]
    from_start = SIGNALS["errors"].against(rule, whole, Reference())
    kept = 1 - AT_START
    for marks in ((), (whole,), (whole, whole)):
        periods = [whole, *(whole.since(mark) for mark in marks)]
        expected = math.log(AT_START * math.exp(from_start) + kept)
        assert against(rule, periods, Reference()) == pytest.approx(expected)

    everywhere = against(rule, [whole] * (1 + len(RESTARTS)), Reference())
    assert everywhere == pytest.approx(float(from_start))


def test_a_fault_that_sets_in_late_is_found_sooner_with_restarts() -> None:
    healthy = evidence(*finished(500, {"ok": 4_000}, {"ok": 76_000, "error": 76}))
    later = evidence(
        *finished(500, {"ok": 4_000}, {"ok": 76_000, "error": 76}),
        *finished(500, {"ok": 280, "error": 12}, {"ok": 5_600, "error": 6}),
    )
    assert judged(later).word == "undecided"
    assert judged(later, marks=(healthy,)).because == ("errors",)


def test_a_proof_is_no_pass_while_the_newest_requests_speak_against_it() -> None:
    healthy = evidence(*GOOD, *GOOD[:2])
    later = evidence(
        *GOOD, *GOOD[:2], *finished(500, {"ok": 50, "error": 4}, {"ok": 1_000, "error": 1})
    )
    assert judged(later).word == "pass"
    verdict = judged(later, marks=(healthy,))
    assert (verdict.word, verdict.because, verdict.proved) == ("undecided", (), False)


# What it is for.


@pytest.mark.parametrize("weight", [1, 100, 500, 2_500])
def test_a_dead_candidate_goes_back_within_five_failed_requests(weight: int) -> None:
    share = weight / 10_000
    words = [
        judged(evidence(*finished(weight, {"error": n}, {"ok": round(n * (1 - share) / share)})))
        for n in range(6)
    ]
    assert words[0].word == "undecided"
    assert words[5].because == ("errors",)


def test_of_two_equal_versions_none_goes_back_however_often_one_looks() -> None:
    chance = np.random.default_rng(11)
    words: set[str] = set()
    for _ in range(6):
        words |= set(looks(chance))

    assert words <= {"undecided", "pass"}
    assert "pass" in words


def looks(chance: np.random.Generator) -> list[str]:
    """The words on a healthy canary, looked at thirty times."""
    rows: list[Row] = []
    words = []
    for look in range(30):
        weight = (100, 500, 2_500)[look // 10]
        mine = int(chance.binomial(2_000, weight / 10_000))
        counts = []
        for total in (mine, 2_000 - mine):
            failed = int(chance.binomial(total, 0.005))
            counts.append({"ok": total - failed, "error": failed})
        rows += finished(weight, *counts)
        for name, total in (("v2", mine), ("v1", 2_000 - mine)):
            late, wrong, long = (int(chance.binomial(total, rate)) for rate in (0.2, 0.15, 0.3))
            rows += [
                (name, weight, {"classes": {"late": late, "on time": total - late}}),
                (name, weight, {"labels": {"0": total - wrong, "16": wrong}}),
                (name, weight, {"waits": {"90": total - long, "120": long}}),
            ]
        slow = int(chance.binomial(10, 0.5))
        rows.append(("v2", weight, {"timing": {"3": slow, "-4": 10 - slow}}))
        words.append(judged(evidence(*rows), normal=NORMAL).word)

    return words


def test_many_looks_at_once_are_judged_as_each_alone() -> None:
    chance = np.random.default_rng(7)
    grown = {key: chance.integers(0, 30, 4).cumsum() for key in ("ok", "error", "good", "bad")}

    def at(look: Any) -> Evidence:
        mine, theirs = (
            {key: grown[key][look] for key in keys} for keys in (("ok", "error"), ("good", "bad"))
        )
        both = kind("finished", 500, mine, {"ok": 20 * theirs["good"], "error": theirs["bad"]})
        lost = {"0": mine["ok"], "16": mine["error"]}
        labels = kind("labels", 500, lost, {"0": 19 * (mine["ok"] + mine["error"])})
        return evidence(
            *both, *labels, ("v2", 500, {"timing": {"4": mine["ok"], "-4": mine["error"]}})
        )

    by: Policy = CANARY
    for rule in (rule for rule in by.rules if rule.name in ("errors", "labels", "latency")):
        together_, proofs = (
            against(rule, [at(slice(None))], USUAL),
            proof(rule, at(slice(None)), USUAL),
        )
        assert proofs is not None
        for look in range(4):
            alone = signal(judge(at(look), (), USUAL, by), rule.name)
            assert together_[look] == pytest.approx(alone.against)
            assert proofs[look] == pytest.approx(alone.proof)


def test_time_by_the_clock_speaks_only_where_both_versions_are_equally_busy() -> None:
    slow = {"64": 60}
    half, fifth = (
        evidence(("v2", weight, {"timing": {"0": 60}, "elapsed": slow})) for weight in (5_000, 500)
    )
    assert signal(judged(half), "latency").worse
    assert not signal(judged(fifth), "latency").worse


def test_half_of_the_capital_is_on_processor_time() -> None:
    alone = float(log_discordant(60, 0))
    found = signal(judged(evidence(SLOW)), "latency").against
    with_restarts = math.log(AT_START) + alone + math.log(0.5)
    assert found == pytest.approx(with_restarts, abs=1e-6)


# Labels of a shadow: the truth of a request that both have answered.


def pairs(same: int, worse: int, better: int) -> Row:
    """Labels of requests that the shadow answered too: its loss the same, more, less."""
    return "v2", 0, {"paired": {"0": same, "16": worse, "-16": better}}


def test_a_shadow_that_is_wrong_where_the_stable_version_is_right_goes_back() -> None:
    verdict = judged(evidence(pairs(900, 60, 10)), SHADOW)
    assert (verdict.word, verdict.because) == ("fail", ("labels",))


def test_a_shadow_that_is_wrong_as_often_is_not_worse_however_often_they_differ() -> None:
    assert judged(evidence(pairs(0, 500, 500)), SHADOW).word == "undecided"


def test_labels_of_a_shadow_are_required_where_the_settings_say_so() -> None:
    by = with_rules(SHADOW, labels={"required": True})
    agreeing = (
        "v2",
        0,
        {"copies": {"agree": 3_000}, "control": {"agree": 300}, "timing": {"-1": 150, "0": 150}},
    )
    assert judged(evidence(agreeing, pairs(10, 0, 0)), by).because == ("labels",)
    assert judged(evidence(agreeing, pairs(3_000, 30, 30)), by).word == "pass"


def test_labels_of_a_shadow_as_much_worse_as_the_margin_are_no_proof() -> None:
    assert not signal(judged(evidence(pairs(96_000, 3_000, 1_000)), SHADOW), "labels").certified
