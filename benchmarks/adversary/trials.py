"""Which contests are played how often, and what they say together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any

import numpy as np

from benchmarks.adversary.outages import OUTAGES
from benchmarks.adversary.play import ENDS, Ending
from benchmarks.adversary.scenarios import (
    alike,
    capacity,
    changed_answers,
    late_labels,
    parts_of_the_traffic,
    repeated_ids,
    shared_outages,
    sticky_users,
)

USERS = (30, 200, 2_000)
WEIGHTS = (500, 2_500, 5_000)
STICKY_WEIGHT = 2_500
GAP_WEIGHTS = (2_500, 5_000)
LABEL_WEIGHT = 500
ALONE = "alike"
Result = dict[str, Any]
Played = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Trial:
    """One contest. play: of a seed; runs: in the full benchmark; together: runs a batch."""

    name: str
    play: Callable[[int], Any]
    runs: int
    together: int = 5

    def scaled(self, part: float) -> int:
        """The runs of a part of the full benchmark, at least one."""
        return max(1, round(self.runs * part))

    def some(self, chance: np.random.Generator, runs: int) -> list[Any]:
        """The results of so many seeds."""
        return [self.play(int(seed)) for seed in chance.integers(2**31, size=runs)]


def trials() -> list[Trial]:
    """All of them; what takes long comes first."""
    return [
        *_outages(),
        *_alike(),
        *_repeated_ids(),
        *_sticky(),
        *_changed(),
        *_parts(),
        *_capacity(),
        *_labels(),
    ]


def summary(played: Played) -> Result:
    """The keys of the benchmark's JSON: a number is the median of the runs, a share that of the
    worst trial; None where it was not found in most of the runs. `adversary` has each trial.
    """
    details = {}
    for trial in trials():
        details[trial.name] = figures(played[trial.name])

    found = partial(_until_found, details)
    return {
        **{f"sticky_{users}": found(_sticky_name(users, STICKY_WEIGHT)) for users in USERS},
        "outage_false": _worst(details, "outage: ", "rolled_back"),
        "request_id_false": _worst(details, "ids: ", "acted_on"),
        "fraud_hold": found("never says fraud"),
        "permuted_found": _slowest(found("classes permuted"), found("rows permuted")),
        "collapsed_scores_found": found("scores collapsed"),
        "label_gap_false": _worst(details, "label gap", "mean"),
        "label_1_to_2": found(
            f"loss 1 to 2 %, {_labels_at(LABEL_WEIGHT, late_labels.MANY_BEFORE)}"
        ),
        "capacity_held": _capacity_is_held(details),
        "segment_found": found("segment fails"),
        "tail_found": found("slow tail"),
        "alike_rolled_back": _worst(details, ALONE, "rolled_back"),
        "alike_held": _worst(details, ALONE, "held"),
        "breaker_false": _breaker_false(details),
        "adversary": details,
    }


def figures(results: Sequence[Any]) -> Result:
    """What the runs of one trial say together: their number, the median and the shares."""
    if isinstance(results[0], Ending):
        return _of_endings(results)
    return _of_numbers(list(map(float, results)))


def _until_found(details: Result, name: str) -> float | None:
    median: float | None = details[name]["median"]
    return median


def _slowest(*medians: float | None) -> float | None:
    known = [median for median in medians if median is not None]
    if len(known) < len(medians):
        return None
    return max(known)


def _worst(details: Result, prefix: str, figure: str) -> float:
    return max(detail[figure] for name, detail in details.items() if name.startswith(prefix))


def _capacity_is_held(details: Result) -> bool:
    held = []
    for name in capacity.CANDIDATES:
        acted_on = details[f"capacity: {name}"]["acted_on"]
        held.append(acted_on == float(name != capacity.ENOUGH))

    return all(held)


def _breaker_false(details: Result) -> float:
    """The share of all rollouts of versions alike that the breaker ended."""
    same = [d for name, d in details.items() if name.startswith(("outage: ", "ids: ", ALONE))]
    runs = sum(detail["runs"] for detail in same)
    return float(sum(detail["breaker"] * detail["runs"] for detail in same) / runs)


def _of_endings(endings: Sequence[Ending]) -> Result:
    """Shares of how they ended, and the requests until it was held or rolled back."""

    def share(what: Callable[[Ending], bool]) -> float:
        return float(np.mean(list(map(what, endings))))

    return {
        **_of_numbers([ending.requests_until(*ENDS) for ending in endings]),
        "rolled_back": share(lambda ending: ending.act == "rollback"),
        "held": share(lambda ending: ending.act == "hold"),
        "acted_on": share(lambda ending: ending.act in ENDS),
        "released": share(lambda ending: ending.act == "promote"),
        "breaker": share(lambda ending: ending.act == "rollback" and "breaker" in ending.reason),
        "reasons": sorted({ending.reason for ending in endings if ending.act in ENDS})[:3],
    }


def _of_numbers(numbers: Sequence[float]) -> Result:
    median = float(np.quantile(numbers, 0.5, method="higher"))
    finite = isfinite(median)
    return {
        "runs": len(numbers),
        "median": median if finite else None,
        "found": float(np.mean(np.isfinite(numbers))),
        "mean": float(np.mean(numbers)) if np.isfinite(numbers).all() else None,
    }


def _sticky() -> Iterator[Trial]:
    for users in USERS:
        for weight in WEIGHTS:
            play = partial(sticky_users.failures, users, weight)
            yield Trial(_sticky_name(users, weight), play, 20)


def _outages() -> Iterator[Trial]:
    for kind in OUTAGES:
        for weight in WEIGHTS:
            play = partial(shared_outages.ending, kind, weight)
            yield Trial(f"outage: {kind}, {weight / 100:g} %", play, 200, 10)


def _repeated_ids() -> Iterator[Trial]:
    for calls in repeated_ids.CALLS:
        yield Trial(f"ids: {calls} calls each", partial(repeated_ids.ending, calls), 100)


def _changed() -> Iterator[Trial]:
    for name in changed_answers.CHANGES:
        yield Trial(name, partial(changed_answers.ending, name), 20)


def _alike() -> Iterator[Trial]:
    for name in alike.KINDS:
        yield Trial(f"{ALONE}: {name}", partial(alike.ending, name), 100)


def _parts() -> Iterator[Trial]:
    yield Trial("segment fails", parts_of_the_traffic.failing_segment, 20)
    yield Trial("segment changed", parts_of_the_traffic.changed_segment, 20)
    yield Trial("slow tail", parts_of_the_traffic.slow_tail, 20)


def _capacity() -> Iterator[Trial]:
    for name in capacity.CANDIDATES:
        yield Trial(f"capacity: {name}", partial(capacity.ending, name), 10)


def _labels() -> Iterator[Trial]:
    for before in (late_labels.MANY_BEFORE, 0):
        for weight in GAP_WEIGHTS:
            play = partial(late_labels.called_worse, weight, before)
            yield Trial(f"label gap, {_labels_at(weight, before)}", play, 200, 20)

        for weight in WEIGHTS:
            play = partial(late_labels.requests_until_found, weight, before)
            yield Trial(f"loss 1 to 2 %, {_labels_at(weight, before)}", play, 60, 20)


def _sticky_name(users: int, weight: int) -> str:
    return f"{users} users, {weight / 100:g} %"


def _labels_at(weight: int, before: int) -> str:
    return f"{weight / 100:g} %, {before} labels before"
