"""A harm of few is seen among the many, and looking at many segments costs what it says."""

import math
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.state.policy import Policy, VerdictConfig, policy
from rollout.state.segments import SegmentColumn
from rollout.state.strategy import strategy
from rollout.verdict.evidence import Evidence, merged
from rollout.verdict.report import JudgingInput, account
from rollout.verdict.segments import segment_rows
from rollout.verdict.sequential import log_paired
from rollout.verdict.signals.pairs import FAILED, OF_SEGMENTS, PairsSignal, pairs_by
from rollout.verdict.verdict import judge
from tests.rollout.evidence_factory import USUAL, evidence, of_candidate
from tests.rollout.ledger_commands import STARTED, ledger_after, quick

AIRLINE = SegmentColumn("airline", ("AA", "B6", "DL", "UA"))
JUDGED = policy(VerdictConfig(), strategy("canary"), segments=(AIRLINE,))
ROLLOUT = ledger_after("canary v2 --auto", ledger=STARTED).running()
NAMES = AIRLINE.names()
PARTS = {"worse": "candidate failed", "better": "stable failed", "both": "both"}
COUNTS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=len(NAMES), max_size=len(NAMES)
)


def pairs_rule(by: Policy = JUDGED) -> Any:
    """The rule of pairs."""
    return next(rule for rule in by.rules if rule.name == "pairs")


def of_pairs(counts: dict[str, dict[str, int]]) -> Evidence:
    """The evidence of pairs: worse, better and both by segment of one column."""
    answers: dict[str, int] = {}
    segments = {}
    for name, words in counts.items():
        for word, count in words.items():
            segments[f"{name}|{word}"] = count
            answers[PARTS[word]] = answers.get(PARTS[word], 0) + count

    return merged("v2", "v1", [("v2", 2500, {"answers": answers, "segments": segments})])


def capital(seen: Evidence, by: Policy = JUDGED) -> float:
    """What the bets on pairs have come to."""
    return math.exp(float(np.ravel(PairsSignal().against(pairs_rule(by), seen, USUAL))[0]))


def alone(worse: int, better: int) -> float:
    """What the bet on one segment has come to."""
    return math.exp(float(log_paired(np.array([better, 0, worse]))))


def test_each_segment_that_is_listed_bets_the_same_part_whether_it_was_seen_or_not() -> None:
    seen = of_pairs({"airline=UA": {"worse": 6, "better": 1, "both": 90}})
    others = 0.6 * math.exp(float(log_paired(pairs_by(seen, FAILED)))) + 0.15
    mean = (alone(6, 1) + len(NAMES) - 1) / len(NAMES)
    assert capital(seen) == pytest.approx(others + OF_SEGMENTS * mean)


@quick
@given(COUNTS, st.lists(st.floats(0.01, 1), min_size=len(NAMES), max_size=len(NAMES)))
def test_no_next_pair_wins_on_average_for_a_candidate_that_is_no_worse(
    counts: list[tuple[int, int]], traffic: list[float]
) -> None:
    """Whatever was seen before, and also where the next pair is the first one of its segment."""
    now = dict(zip(NAMES, counts, strict=True))
    total = 0.0
    for (name, share), word in product(zip(NAMES, traffic, strict=True), (0, 1)):
        pair = list(now[name])
        pair[word] += 1
        total += share / sum(traffic) / 2 * in_segments({**now, name: tuple(pair)})

    assert total <= in_segments(now) * (1 + 1e-9)


def in_segments(counts: dict[str, tuple[int, int]]) -> float:
    """What the bets on segments alone have come to; those never seen are not in the evidence."""
    seen = {
        name: {"worse": worse, "better": better}
        for name, (worse, better) in counts.items()
        if worse or better
    }
    found = of_pairs(seen)
    whole = capital(found) - capital(found, replace(JUDGED, rules=(unsegmented(),)))
    return whole / OF_SEGMENTS + 1


def unsegmented() -> Any:
    """The rule of pairs without segments: that part is not staked."""
    return replace(pairs_rule(), segments=())


def test_segments_that_are_not_listed_bet_nothing() -> None:
    known = of_pairs({"airline=UA": {"worse": 6, "both": 90}})
    tally = dict(known.tallies["v2", 2500])
    tally["segments"] = {**tally["segments"], "airline=ZZ|worse": 500}
    assert capital(replace(known, tallies={("v2", 2500): tally})) == capital(known)


def test_rows_of_a_column_add_up_to_all_pairs_the_worst_first_with_what_each_needs() -> None:
    seen = evidence(
        of_candidate("answers", both=970, candidate_failed=20, stable_failed=5, neither=5),
        (
            "v2",
            500,
            {
                "segments": {
                    "airline=UA|both": 700,
                    "airline=UA|differs": 30,
                    "airline=UA|better": 5,
                    "airline=B6|worse": 20,
                    "airline=other|both": 240,
                    "airline=null|neither": 5,
                }
            },
        ),
    )
    rows = segment_rows(seen, JUDGED)
    assert sum(row["pairs"] for row in rows) == 1_000
    worst = rows[0]
    assert (worst["column"], worst["value"], worst["pairs"], worst["worse"]) == (
        "airline",
        "B6",
        20,
        20,
    )
    assert worst["against"] == pytest.approx(math.log(alone(20, 0)))
    assert worst["needed"] == pytest.approx(math.log(6 / (0.05 * 0.1 * 0.25 * 0.8)))
    assert len(rows) == len(NAMES)
    assert next(row for row in rows if row["value"] == "UA")["differs"] == 30


def test_a_segment_that_has_what_it_needs_rolls_back_whatever_the_others_say() -> None:
    needed = segment_rows(of_pairs({}), JUDGED)[0]["needed"]
    worse = next(n for n in range(100) if math.log(alone(n, 0)) >= needed)
    better = {"airline=UA": {"better": 400, "both": 9_000}}
    seen = of_pairs({"airline=B6": {"worse": worse}, **better})
    verdict = judge(seen, [], USUAL, JUDGED)
    assert (verdict.word, verdict.because) == ("fail", ("pairs",))
    report = account(JudgingInput(ROLLOUT, JUDGED, seen, [], USUAL, 2500, 600.0))
    assert "most of them airline=B6" in report["because"]
    assert report["segments"][0]["value"] == "B6"
    fewer = of_pairs({"airline=B6": {"worse": worse // 2}, **better})
    assert judge(fewer, [], USUAL, JUDGED).word == "undecided"


def test_without_segments_the_report_has_none_and_a_weightless_rule_needs_the_impossible() -> None:
    nothing = of_pairs({})
    assert segment_rows(nothing, policy(VerdictConfig(), strategy("canary"))) == []
    weightless = replace(JUDGED, rules=(replace(pairs_rule(), weight=0.0),))
    assert segment_rows(nothing, weightless)[0]["needed"] > 1e300


def test_without_pairs_no_segment_is_looked_at() -> None:
    unpaired = policy(VerdictConfig(pairs_per_s=0), strategy("canary"), segments=(AIRLINE,))
    assert pairs_rule(unpaired).segments == ()


def paths(
    shares: np.ndarray, worse: np.ndarray, better: np.ndarray, pairs: int, every: int, runs: int
) -> Any:
    """Simulated counts of worse and better pairs by segment, (runs, looks, 2, segments), seeded.

    shares: of the traffic by segment; worse, better: chance that one version alone fails there."""
    chances = np.concatenate([shares * worse, shares * better])
    chances = np.append(chances, 1 - chances.sum())
    drawn = np.random.default_rng(7).multinomial(every, chances, size=(runs, pairs // every))
    return drawn[..., :-1].reshape(runs, pairs // every, 2, len(shares)).cumsum(1)


def first_reached(counts: Any, every: int, by: Policy) -> np.ndarray:
    """Pairs until the bets on pairs alone roll back, by run; inf where they never do."""
    worse, better = counts[..., 0, :], counts[..., 1, :]
    cells = {f"{name}|worse": worse[..., n] for n, name in enumerate(NAMES)}
    cells |= {f"{name}|better": better[..., n] for n, name in enumerate(NAMES)}
    answers = {"candidate failed": worse.sum(-1), "stable failed": better.sum(-1), "both": 0}
    seen = Evidence("v2", "v1", {("v2", 2500): {"answers": answers, "segments": cells}})
    log = PairsSignal().against(pairs_rule(by), seen, USUAL)
    reached = np.log(0.8 * np.exp(log) + 0.2) >= math.log(1 / (0.05 * 0.1))
    at = (reached.argmax(-1) + 1.0) * every
    return np.where(reached.any(-1), at, np.inf)


SHARES = np.array([0.4, 0.005, 0.3, 0.2, 0.09, 0.005])
HARMED = np.arange(6) == 1


def test_an_airline_of_one_request_in_two_hundred_that_always_fails_is_found() -> None:
    """While 1 % of the others' requests fail on the one version, 0.5 % on the other one.

    All pairs together speak for such a candidate, so without segments it is never found."""
    worse, better = np.where(HARMED, 1.0, 0.005), np.where(HARMED, 0.0, 0.01)
    counts = paths(SHARES, worse, better, 12_000, 50, 200)
    by_segments = first_reached(counts, 50, JUDGED)
    assert np.median(by_segments) < 4_500
    assert np.quantile(by_segments, 0.9) < 6_000
    together = first_reached(counts, 50, replace(JUDGED, rules=(unsegmented(),)))
    assert np.isinf(together).mean() > 0.95


def test_alone_it_is_found_as_soon_as_without_segments() -> None:
    nobody = np.zeros(6)
    counts = paths(SHARES, np.where(HARMED, 1.0, 0.0), nobody, 12_000, 50, 200)
    by_segments = first_reached(counts, 50, JUDGED)
    together = first_reached(counts, 50, replace(JUDGED, rules=(unsegmented(),)))
    assert np.median(by_segments) <= 1.1 * np.median(together)
    assert np.median(by_segments) < 3_500


def test_of_two_equal_versions_the_segments_stay_within_their_part() -> None:
    """1 % of each fails alone; looked at after each 50 of 40,000 pairs, at 5 % instead of 0.5 %."""
    rate = np.full(6, 0.01)
    counts = paths(SHARES, rate, rate, 40_000, 50, 400)
    cells = np.stack([counts[..., 1, :], 0 * counts[..., 0, :], counts[..., 0, :]], -1)
    logs = np.log(np.exp(log_paired(cells)).mean(-1))
    assert (logs.max(-1) >= math.log(20)).mean() <= 0.05
