"""What the verdict promises, put to the test: healthy candidates, candidates on a margin, dead
ones, and its time.
"""

import math
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from benchmarks.judges import ours, rollouts
from benchmarks.judges.ours import CANARY, CANDIDATE, STABLE, STRICT, alone
from rollout.state.policy import PROVABLE, Policy
from rollout.state.split import ALL
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence
from rollout.verdict.verdict import judge, proof

COMPARED = 2
"""Looks a batch at which rollout.verdict.verdict.judge is asked for a second opinion on whole
numbers.
"""
REQUIRED = tuple(rule.name for rule in CANARY.rules if rule.required)
ON_MARGIN = tuple(rule.name for rule in CANARY.rules if rule.name in PROVABLE)

Result = dict[str, Any]


def healthy(rng: np.random.Generator, runs: int) -> Result:
    """How many rollouts of a candidate that is as the stable version are rolled back or held,
    ever.
    """
    seen, reference = rollouts.rollouts(rng, runs, CANARY)
    parts = ours.periods(seen)
    result: Result = {"rollouts": runs}
    for name, judged in (("default", CANARY), ("strict", STRICT)):
        logs = ours.capitals(judged, parts, reference)
        total = ours.together(judged, logs)
        _agree(rng, seen, reference, judged, logs, total)
        _, needed = alone(judged, "prediction")
        result[name] = {
            "rolled_back": _ever(total >= math.log(1 / judged.alpha)),
            "held": _ever(logs["prediction"] >= needed),
        }

    return result


def _ever(reached: np.ndarray) -> int:
    return int(reached.any(-1).sum())


def _agree(
    rng: np.random.Generator,
    seen: Evidence,
    reference: Reference,
    judged: Policy,
    logs: dict[str, np.ndarray],
    total: np.ndarray,
) -> None:
    """Raise AssertionError unless the conductor's own call says the same of some looks."""
    for _ in range(COMPARED):
        run, look = (int(rng.integers(size)) for size in total.shape)
        one, marks = ours.at(seen, run, look)
        verdict = judge(one, marks, reference, judged)
        np.testing.assert_allclose(verdict.against, total[run, look], atol=1e-9)
        for signal in verdict.signals:
            np.testing.assert_allclose(signal.against, logs[signal.rule.name][run, look], atol=1e-9)


def on_margin(name: str, rng: np.random.Generator, runs: int) -> Result:
    """How many candidates that are exactly on one margin get that signal's proof, and how many are
    promoted, ever.

    Promoted by a judge who waits for no quiet: a bound for ours.
    """
    required = name in REQUIRED
    kinds = rollouts.KINDS if required else ("finished", "labels")
    seen, reference = rollouts.rollouts(rng, runs, CANARY, name, kinds)
    needed = math.log(1 / CANARY.beta)
    certified = {
        rule.name: np.asarray(proof(rule, seen, reference)) >= needed
        for rule in CANARY.rules
        if rule.name == name or (required and rule.required)
    }
    result: Result = {"rollouts": runs, "certified": _ever(certified[name])}
    if required:
        against = ours.together(CANARY, ours.capitals(CANARY, ours.periods(seen), reference))
        failed = np.maximum.accumulate(against >= math.log(1 / CANARY.alpha), -1)
        result["promoted"] = _ever(np.logical_and.reduce(list(certified.values())) & ~failed)

    return result


def dead_canary(errors: float, weight: int, rng: np.random.Generator, runs: int) -> list[int]:
    """Requests of a candidate that fails every one of them, until it is rolled back; default
    policy.
    """
    return [_buried(errors, weight, rng) for _ in range(runs)]


def _buried(errors: float, weight: int, rng: np.random.Generator) -> int:
    stable = {"ok": 0, "error": 0}
    failed, word = 0, ""
    while word != "fail":
        failed += 1
        others = int(rng.geometric(weight / ALL)) - 1
        bad = int(rng.binomial(others, errors))
        stable = {"ok": stable["ok"] + others - bad, "error": stable["error"] + bad}
        tallies = {
            (CANDIDATE, weight): {"drawn": {"all": failed}, "finished": {"error": failed}},
            (STABLE, weight): {"drawn": {"all": sum(stable.values())}, "finished": stable},
        }
        word = judge(
            Evidence(CANDIDATE, STABLE, tallies), (), Reference(errors=errors), CANARY
        ).word

    return failed


def cost(times: int = 20) -> dict[str, float]:
    """Microseconds of a verdict on four weights, five classes and nine restarts; first: the bets
    are sized as well.
    """
    firsts, laters = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        came = rng.poisson(2_000, (1, rollouts.LOOKS))
        weights = np.repeat([100, 500, 2500, 5000], rollouts.LOOKS // 4)
        seen, reference = rollouts.planned(rng, came, weights, CANARY)
        one, marks = ours.at(seen, 0, rollouts.LOOKS - 1)
        took = [_microseconds(partial(judge, one, marks, reference, CANARY)) for _ in range(times)]
        firsts.append(took[0])
        laters += took[1:]

    return {"median": round(median(laters)), "first": round(median(firsts)), "restarts": len(marks)}


def _microseconds(call: Callable[[], Any]) -> float:
    # Processor time: other work on the machine is no part of it.
    began = time.process_time()
    call()
    return (time.process_time() - began) * 1e6
