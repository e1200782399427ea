"""The numbers of docs/verdict.md: tables from the code that judges, and simulations to draw."""

import math
from functools import cache
from typing import Any

import numpy as np

from benchmarks.judges.repeated_tests import chi_square
from rollout.state.policy import SIGNALS, VerdictConfig, policy, section_of
from rollout.state.strategy import STRATEGIES, strategy
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence, merged
from rollout.verdict.sequential import (
    ODDS,
    _factors_against,
    log_against,
    payoff,
    requests_to_proof,
)
from rollout.verdict.verdict import judge
from rollout.verdict.words.alarm import odds

Array = Any
SHARE = 0.05
CANDIDATE, STABLE = 41, 959
STABLE_FAILED = 1
CENTRE = Reference().errors

WEIGHTS = (0.01, 0.05, 0.2, 0.5)
MARGINS = (0.001, 0.002, 0.005, 0.01)
RATES = (0.001, 0.01)

SEED = 4
LOOKS, BETWEEN = 200, 250
HEALTHY_RUNS = 2_000
HEALTHY, WORSE = 0.01, 0.03
PAIRS_OF_THIRTY = (0, 3, 6, 9, 12, 15)
SHOWN_LOOKS = (1, 2, 5, 10, 20, 50, 100, 200)


def signals() -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """What each signal counts, and its defaults."""
    head = (
        "signal",
        "what it counts",
        "evidence means",
        "part of `alpha`",
        "alone at",
        "tolerance",
        "margin",
        "looked at by",
    )
    return head, [_signal(name) for name in SIGNALS]


def _signal(name: str) -> tuple[str, ...]:
    judging = VerdictConfig()
    signal = judging.signal(name)
    needed = 1 / (judging.alpha * signal.weight)
    margin = "no proof"
    if signal.margin:
        margin = f"{100 * signal.margin:g} %"
        if signal.required:
            margin += ", required"

    tolerance = f"{100 * signal.tolerance:g} %" if signal.tolerance else "0"
    by = ", ".join(f"`{row.name}`" for row in STRATEGIES.values() if name in row.signals)
    return (
        f"`{section_of(name)}`",
        _summary(type(signal)),
        signal.action,
        f"{signal.weight:g}",
        odds(math.log(needed)),
        tolerance,
        margin,
        by,
    )


def _summary(signal: type) -> str:
    """The first sentence of its docstring, without its notes on the tolerance."""
    paragraph, _, _ = (signal.__doc__ or "").partition("\n\n")
    sentence, _, _ = " ".join(paragraph.split()).partition(". Tolerance")
    return sentence.rstrip(".")


def bets() -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """What one request of the worked example does to a unit that is staked."""
    pays = payoff(SHARE, CENTRE, 1.0, 0.0)
    names = (f"v2, {100 * SHARE:g} % of the draws", f"v1, {100 - 100 * SHARE:g} %")
    rows: list[tuple[str, ...]] = [
        (name, f"{good:.0f}", f"{won:+.3f}", f"{bad:.0f}", f"{lost:+.2f}")
        for name, (good, bad), (won, lost) in zip(names, example(3)[SHARE], pays, strict=True)
    ]
    return ("", "answered", "pays a unit", "failed", "pays a unit"), rows


def bettors() -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Every bettor of the worked example, with what became of 1."""
    counts = example(3)[SHARE]
    logs = np.tensordot(counts, _factors_against(SHARE, CENTRE, 1.0, 0.0, 2), axes=2)
    believed = ODDS * CENTRE / (1 - CENTRE + ODDS * CENTRE)
    head = ("who believes that v2 fails on", *(f"{100 * rate:.2g} %" for rate in believed), "mean")
    capital = [*np.exp(logs), math.exp(float(log_against({SHARE: counts}, CENTRE)))]
    return head, [("has now", *(f"{amount:.3g}" for amount in capital))]


def failures() -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The worked example's verdict by the failures of the candidate."""
    head = (
        f"failed of {CANDIDATE}",
        "odds of `errors`",
        "acts at",
        "of all signals together",
        "acts at",
        "word",
        "because",
    )
    return head, [_verdict(failed) for failed in range(5)]


def thirty_users() -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The verdict on a candidate that fails everything, after all draws of thirty users and so many
    pairs.
    """
    head = (
        "pairs so far",
        "odds of `errors`",
        "acts at",
        "of `pairs`",
        "acts at",
        "of all signals together",
        "acts at",
        "word",
    )
    return head, [_after_pairs(pairs) for pairs in PAIRS_OF_THIRTY]


def _after_pairs(pairs: int) -> tuple[str, ...]:
    judging = policy(VerdictConfig(), strategy("canary"))
    drawn = (
        ("v2", 2_500, {"drawn": {"all": 7}, "finished": {"ok": 7}}),
        ("v1", 2_500, {"drawn": {"all": 23}, "finished": {"ok": 23}}),
    )
    asked = ("v2", 2_500, {"answers": {"both": 600, "candidate failed": pairs}})
    verdict = judge(merged("v2", "v1", (*drawn, asked)), [], Reference(), judging)
    row = [f"{pairs}"]
    for name in ("errors", "pairs"):
        signal = next(judged for judged in verdict.signals if judged.rule.name == name)
        row += [odds(signal.against), odds(signal.against_needed)]

    row += [odds(verdict.against), odds(verdict.needed), verdict.word]
    return tuple(row)


def _verdict(failed: int) -> tuple[str, ...]:
    judging = policy(VerdictConfig(), strategy("canary"))
    verdict = judge(counted(failed), [], Reference(), judging)
    errors = verdict.signals[0]
    because = ", ".join(verdict.because)
    if verdict.word == "undecided":
        because = f"not proved: {because}"

    return (
        f"{failed}",
        odds(errors.against),
        odds(errors.against_needed),
        odds(verdict.against),
        odds(verdict.needed),
        verdict.word,
        because,
    )


def counted(failed: int) -> Evidence:
    """1,000 requests at 5 %: 41 went to the candidate, and `failed` of them failed."""
    candidate = {
        "drawn": {"all": CANDIDATE},
        "finished": {"ok": CANDIDATE - failed, "error": failed},
    }
    stable = {
        "drawn": {"all": STABLE},
        "finished": {"ok": STABLE - STABLE_FAILED, "error": STABLE_FAILED},
    }
    points = round(SHARE * 10_000)
    return merged("v2", "v1", [("v2", points, candidate), ("v1", points, stable)])


def example(failed: int) -> dict[float, Array]:
    """The same as four cells by share."""
    return counted(failed).errors()


def proofs() -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Requests of both versions until the proof of `errors`, if they are alike: the median, and 9
    of 10.
    """
    beta = VerdictConfig().beta
    head = ("errors of v1", "margin", *(f"at {100 * share:g} %" for share in WEIGHTS))
    rows = []
    for rate in RATES:
        for margin in MARGINS:
            cells = [
                tuple(requests_to_proof(share, rate, margin, beta, q) for q in (0.5, 0.9))
                for share in WEIGHTS
            ]
            shown = (f"{_thousands(half)} ({_thousands(most)})" for half, most in cells)
            rows.append((f"{100 * rate:g} %", f"+{100 * margin:g} pp", *shown))

    return head, rows


def _thousands(count: float) -> str:
    if count < 1000:
        return f"{count:.0f}"
    return f"{float(f'{count:.2g}'):,.0f}"


def looks() -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """How many healthy rollouts each judge has rolled back by a look."""
    chi, ours = false_alarms()
    head = ("looks", *(str(look) for look in SHOWN_LOOKS))
    rows = [
        (name, *(f"{100 * rates[look - 1]:.1f} %" for look in SHOWN_LOOKS))
        for name, rates in (("chi-square, p < 0.05", chi), ("the verdict, `alpha` 5 %", ours))
    ]
    return head, rows


@cache
def false_alarms() -> tuple[Array, Array]:
    """Shares (LOOKS,) of healthy rollouts that were rolled back by a look: by repeated chi-square,
    by the bet.
    """
    counts = rollouts(np.random.default_rng(SEED), HEALTHY_RUNS, HEALTHY)
    bet = log_against({SHARE: counts}, HEALTHY) >= math.log(1 / VerdictConfig().alpha)
    return tuple(
        np.maximum.accumulate(fired, axis=1).mean(0) for fired in (chi_square(counts), bet)
    )


@cache
def capitals(runs: int) -> tuple[Array, Array]:
    """Capital (runs, LOOKS) of the signal `errors` against healthy candidates, and against worse
    ones.
    """
    chance = np.random.default_rng(SEED)
    healthy, worse = (rollouts(chance, runs, rate) for rate in (HEALTHY, WORSE))
    return tuple(np.exp(log_against({SHARE: counts}, HEALTHY)) for counts in (healthy, worse))


def rollouts(chance: np.random.Generator, runs: int, candidate_rate: float) -> Array:
    """Counts (runs, LOOKS, 2, 2) up to each look; the stable version fails on HEALTHY of its
    requests.
    """
    drawn = chance.binomial(BETWEEN, SHARE, (runs, LOOKS))
    requests = np.stack([drawn, BETWEEN - drawn], -1)
    bad = chance.binomial(requests, [candidate_rate, HEALTHY])
    return np.stack([requests - bad, bad], -1).cumsum(1)
