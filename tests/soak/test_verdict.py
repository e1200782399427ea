"""Slow proofs that the verdict keeps its promises, by thousands of rollouts of a fixed seed (`make
soak`).

In each the weight goes up and down by chance, the base rates drift and jump, and one looks a
hundred times. What may be wrong at most so often is wrong at most so often, within three standard
errors."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from rollout.state.policy import Policy, SignalPolicy, VerdictConfig, policy
from rollout.state.strategy import strategy
from rollout.verdict.baseline import Reference
from rollout.verdict.bins import slower_bin
from rollout.verdict.evidence import Evidence, Tally
from rollout.verdict.sequential import weighted
from rollout.verdict.verdict import (
    GUARD_ALPHA,
    RESTARTS,
    against,
    guard,
    margin_of,
    proof,
)

pytestmark = pytest.mark.soak

ROLLOUTS, AT_ONCE, LOOKS, REQUESTS = 2_000, 200, 100, 500
WEIGHTS = (100, 500, 2_500, 5_000)
CANARY = policy(VerdictConfig(), strategy("canary"))
NORMAL = Reference(
    errors=0.003,
    refused=0.002,
    loss=0.2,
    waits=((100, 0.5), (150, 0.05)),
    classes=(("late", 0.2), ("on time", 0.8)),
)
Array = Any


@dataclass(frozen=True)
class World:
    """How the candidate differs. Each is what the null allows at most, or what the margin excludes
    just so.
    """

    errors: float = 0.0
    refused: float = 0.0
    loss: float = 0.0
    slower: float = 1.0
    moved_wait: bool = False


def crossings(reached: Array) -> float:
    """The part of the rollouts in which it was reached at any look."""
    return float(np.mean(reached.any(-1)))


def at_most(level: float) -> float:
    """A level and three standard errors."""
    return level + 3 * math.sqrt(level * (1 - level) / ROLLOUTS)


def drifting(chance: np.random.Generator, usual: float) -> Array:
    """A base rate at each look (AT_ONCE, LOOKS): a slow wave by night and day, and one jump."""
    phase, jump_at = chance.random((2, AT_ONCE, 1))
    look = np.arange(LOOKS) / LOOKS
    wave = np.exp(0.7 * np.sin(2 * np.pi * (2 * look + phase)))
    jump = np.where(look > jump_at, np.exp(chance.normal(0, 0.4, (AT_ONCE, 1))), 1.0)
    return np.minimum(usual * wave * jump, 0.7)


def ramps(chance: np.random.Generator) -> Array:
    """The weight at each look, as a place in WEIGHTS: mostly up, sometimes down."""
    moves = chance.choice(
        (-1, 0, 0, 0, 0, 0, 0, 0, 1), (AT_ONCE, LOOKS), p=(0.03, *[0.13] * 7, 0.06)
    )
    index = np.zeros(AT_ONCE, int)
    places = []
    for look in range(LOOKS):
        index = np.clip(index + moves[:, look], 0, len(WEIGHTS) - 1)
        places.append(index)

    return np.stack(places, -1)


def batch(chance: np.random.Generator, world: World) -> Evidence:
    """Evidence of AT_ONCE rollouts at all looks: every count is (AT_ONCE, LOOKS)."""
    at, rates = (
        ramps(chance),
        {name: drifting(chance, getattr(NORMAL, name)) for name in ("errors", "refused", "loss")},
    )
    late, long = drifting(chance, 0.2), drifting(chance, 0.2)
    drawn = chance.binomial(REQUESTS, np.array(WEIGHTS)[at] / 10_000)
    tallies: dict[tuple[str, int], Tally] = {}
    for version, of in (("v2", drawn), ("v1", REQUESTS - drawn)):
        candidate = version == "v2"
        error = np.minimum(rates["errors"] + candidate * world.errors, 1.0)
        refused = np.minimum(rates["refused"] + candidate * world.refused, 1 - error)
        bad, no, ok = cells(chance, of, error, refused)
        lost = chance.binomial(of, np.minimum(rates["loss"] + candidate * world.loss, 1.0))
        first = chance.binomial(of, late)
        edges = [
            slower_bin(edge, 1.5, 2.0) if candidate and world.moved_wait else edge
            for edge, _ in NORMAL.waits
        ]
        highest, middle, low = cells(chance, of, 0.1 * long, 0.9 * long)
        kinds = {
            "drawn": {"all": of},
            "finished": {"error": bad, "refused": no, "ok": ok},
            "labels": {"0": of - lost, "16": lost},
            "classes": {"late": first, "on time": of - first},
            "waits": {str(edges[1]): highest, str(edges[0]): middle, "0": low},
            "timing": timings(chance, world.slower) if candidate else {},
        }
        for index, weight in enumerate(WEIGHTS):
            tallies[version, weight] = {
                kind: {
                    key: np.where(at == index, count, 0).cumsum(-1) for key, count in counts.items()
                }
                for kind, counts in kinds.items()
            }

    return Evidence("v2", "v1", tallies)


def cells(chance: np.random.Generator, of: Array, first: Array, second: Array) -> Iterator[Array]:
    """Counts of three cells, of which two have these chances."""
    chances = np.stack([first, second, 1 - first - second], -1)
    return iter(np.moveaxis(chance.multinomial(of, chances), -1, 0))


def timings(chance: np.random.Generator, slower: float) -> dict[str, Array]:
    """Bins of candidate's over stable's time for five batches a look; heavy tails, the same both
    ways.
    """
    noise = 0.1 * chance.standard_t(3, (5, AT_ONCE, LOOKS))
    bins = np.clip(np.floor((np.log2(slower) + noise) * 64), -100, 100).astype(int)
    return {str(index): (bins == index).sum(0) for index in range(-100, 101)}


def marks(whole: Evidence) -> list[Evidence]:
    """The evidence at each restart: of every look, as it was when so many had been served, or as it
    is before.
    """
    served = whole.requests("v2")
    frozen_at = []
    for count in RESTARTS:
        reached = np.where((served >= count).any(-1), (served >= count).argmax(-1), LOOKS - 1)
        look = np.minimum(np.arange(LOOKS), reached[:, None])
        frozen = {
            key: changed(tally, lambda n, look=look: np.take_along_axis(n, look, -1))
            for key, tally in whole.tallies.items()
        }
        frozen_at.append(Evidence("v2", "v1", frozen))

    return frozen_at


def changed(tally: Tally, change: Callable[[Array], Array]) -> Tally:
    """The tally with every count changed."""
    return {
        kind: {key: change(count) for key, count in counts.items()}
        for kind, counts in tally.items()
    }


def batches(seed: int, world: World) -> Iterator[Evidence]:
    """Evidence of all rollouts."""
    chance = np.random.default_rng(seed)
    for _ in range(ROLLOUTS // AT_ONCE):
        yield batch(chance, world)


def rules(by: Policy) -> Mapping[str, SignalPolicy]:
    """The rules by name."""
    return {rule.name: rule for rule in by.rules}


@pytest.mark.timeout(900)
def test_a_candidate_inside_every_tolerance_is_rolled_back_at_most_as_often_as_alpha_says() -> None:
    failed, held, broken = [], [], []
    of_holds = CANARY.alpha * rules(CANARY)["prediction"].weight
    for whole in batches(1, World(slower=1.1, moved_wait=True)):
        periods = [whole, *(whole.since(mark) for mark in marks(whole))]
        capitals = {name: against(rule, periods, NORMAL) for name, rule in rules(CANARY).items()}
        staked = [
            (rule.weight, capitals[rule.name]) for rule in CANARY.rules if rule.action == "rollback"
        ]
        rest = 1 - sum(weight for weight, _ in staked)
        failed.append(crossings(weighted([*staked, (rest, 0.0)]) >= math.log(1 / CANARY.alpha)))
        held.append(crossings(capitals["prediction"] >= math.log(1 / of_holds)))
        broken.append(crossings(guard(whole) >= math.log(1 / GUARD_ALPHA)))

    assert np.mean(failed) <= at_most(CANARY.alpha)
    assert np.mean(held) <= at_most(of_holds)
    assert np.mean(broken) <= at_most(GUARD_ALPHA)


@pytest.mark.timeout(900)
def test_a_candidate_on_a_margin_is_certified_at_most_as_often_as_beta_says() -> None:
    by = rules(CANARY)
    proved: dict[str, list[float]] = {
        name: [] for name in ("errors", "refusals", "latency", "labels")
    }
    on_margin = World(
        margin_of(by["errors"], NORMAL), by["refusals"].margin, by["labels"].margin, 1.25
    )
    for whole in batches(2, on_margin):
        for name, crossed in proved.items():
            crossed.append(crossings(proof(by[name], whole, NORMAL) >= math.log(1 / CANARY.beta)))

    for name, crossed in proved.items():
        assert np.mean(crossed) <= at_most(CANARY.beta), name


@pytest.mark.timeout(900)
def test_the_same_rollouts_find_a_bad_candidate_and_certify_a_good_one() -> None:
    by, bad, good = rules(CANARY), [], []
    for worse, alike in zip(batches(3, World(errors=0.02)), batches(4, World()), strict=True):
        capital = against(by["errors"], [worse], NORMAL)
        bad.append(crossings(capital >= math.log(1 / (CANARY.alpha * by["errors"].weight))))
        good.append(crossings(proof(by["errors"], alike, NORMAL) >= math.log(1 / CANARY.beta)))
        if len(bad) == 2:
            break

    assert min(*bad, *good) > 0.7
