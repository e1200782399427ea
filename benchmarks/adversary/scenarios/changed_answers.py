"""Candidates that answer every request, and answer something else: each by the way it differs."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from math import exp
from typing import Any

from benchmarks.adversary import arrivals
from benchmarks.adversary.play import Ending, Stream, played
from benchmarks.adversary.rollout_plan import LADDER, VALUES, AnswerKind, RolloutPlan
from benchmarks.adversary.simulated_version import Row, SimulatedVersion, in_order
from benchmarks.adversary.stack import LOOKS_LIKE, Contest, Stack
from rollout.verdict.bins import value_bin

RATE = 100.0
REQUESTS = 60_000
MANY = 20
FIFTY = 50
PERCENT = 100
PAGE = 8
"""Rows of a request whose answers come in another order."""
Answer = Callable[[Row, float], bytes | int]


@dataclass(frozen=True)
class Change:
    """A candidate, the stable version, and what both answer.

    classes: as the answers name them, raw JSON. rows: of one request. history: of the stable
    version."""

    candidate: Answer
    stable: Answer
    kind: AnswerKind
    classes: bytes = b"null"
    rows: int = 1
    order: Callable[[list[bytes]], list[bytes]] = in_order
    history: dict[str, dict[str, int]] = field(default_factory=dict)


def ending(name: str, seed: int) -> Ending:
    """The ending of a canary by its usual steps. name: a key of CHANGES."""
    change = CHANGES[name]

    def send(stack: Stack, chance: random.Random) -> None:
        stack.send(b",".join(arrivals.row(chance) for _ in range(change.rows)))

    candidate = SimulatedVersion(change.candidate, change.classes, order=change.order)
    stable = SimulatedVersion(change.stable, change.classes)
    contest = Contest(RolloutPlan(LADDER, change.kind), candidate, stable, change.history)
    return played(contest, Stream(RATE, REQUESTS / RATE, send), seed)


def fraud(row: Row, _now: float) -> bytes:
    """Class 1 for one row in a hundred."""
    return b"%d" % (row % PERCENT == 0)


def no_fraud(_row: Row, _now: float) -> bytes:
    """Class 0 for all."""
    return b"0"


def more_fraud(row: Row, _now: float) -> bytes:
    """Class 1 for 29 rows in a thousand."""
    return b"%d" % (row % 1000 < 29)


def one_of(count: int) -> Answer:
    """Classes that are equally frequent."""
    return lambda row, _now: b"%d" % (row % count)


def next_one_of(count: int) -> Answer:
    """The same, each named as the next."""
    return lambda row, _now: b"%d" % ((row + 1) % count)


def even_one_of(count: int) -> Answer:
    """Only every second class: the others are named as the one before."""
    return lambda row, _now: b"%d" % (row % count // 2 * 2)


def confident(row: Row, _now: float) -> bytes:
    """Probabilities of two classes, most of them near 0 and 1."""
    first = 0.5 + 0.49 * ((row * 7919 % 1000) / 1000) ** 0.2
    return _probabilities(row, first)


def collapsed(row: Row, _now: float) -> bytes:
    """The same class, and hardly more than one half for it."""
    return _probabilities(row, 0.5001)


def price(row: Row, _now: float) -> bytes:
    """A value from about 10 to 1000."""
    return b"%.4f" % _price(row)


def higher_price(row: Row, _now: float) -> bytes:
    """The same, 1.1 times as high."""
    return b"%.4f" % (1.1 * _price(row))


def usual_price(_row: Row, _now: float) -> bytes:
    """The same value for all."""
    return b"100.0"


def amount(row: Row, _now: float) -> bytes:
    """0 for three rows in ten, else a value."""
    if row % 10 < 3:
        return b"0.0"
    return price(row, _now)


def negative_amount(row: Row, now: float) -> bytes:
    """The same, but -5 instead of 0."""
    if row % 10 < 3:
        return b"-5.0"
    return price(row, now)


def _price(row: Row) -> float:
    return 100 * exp((row * 7919 % 10_007) / 10_007 * 4.6 - 2.3)


def _probabilities(row: Row, first: float) -> bytes:
    if row % 2:
        first = 1 - first
    return b"[%.6f,%.6f]" % (first, 1 - first)


def _classes(shares: dict[str, int]) -> dict[str, Any]:
    return {"classes": shares}


def _even_classes(count: int) -> dict[str, Any]:
    return _classes({str(name): LOOKS_LIKE // count for name in range(count)})


def _values(answer: Answer) -> dict[str, Any]:
    """The bins of a version's values, as of rows that come in turn."""
    bins: dict[str, int] = {}
    for row in range(LOOKS_LIKE):
        index = str(value_bin(float(answer(row, 0.0))))
        bins[index] = bins.get(index, 0) + 1

    return {"values": bins}


def _named(count: int) -> AnswerKind:
    return AnswerKind("classification", tuple(range(count)))


_RARE = _classes({"0": LOOKS_LIKE * 99 // PERCENT, "1": LOOKS_LIKE // PERCENT})
_TWO = AnswerKind("classification", (0, 1), "predict_proba")
CHANGES = {
    "never says fraud": Change(no_fraud, fraud, AnswerKind(), history=_RARE),
    "fraud 1 % to 2.9 %": Change(more_fraud, fraud, AnswerKind(), history=_RARE),
    "25 of 50 classes": Change(
        even_one_of(FIFTY), one_of(FIFTY), _named(FIFTY), history=_even_classes(FIFTY)
    ),
    "classes permuted": Change(
        next_one_of(MANY), one_of(MANY), _named(MANY), history=_even_classes(MANY)
    ),
    "rows permuted": Change(
        one_of(MANY),
        one_of(MANY),
        _named(MANY),
        rows=PAGE,
        order=lambda predictions: predictions[::-1],
        history=_even_classes(MANY),
    ),
    "scores collapsed": Change(collapsed, confident, _TWO, b"[0,1]", history=_even_classes(2)),
    "values x1.1": Change(higher_price, price, VALUES, history=_values(price)),
    "zeros become -5": Change(negative_amount, amount, VALUES, history=_values(amount)),
    "a constant": Change(usual_price, price, VALUES, history=_values(price)),
}
