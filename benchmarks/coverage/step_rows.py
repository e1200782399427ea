"""Rows on both sides of a pipeline's steps, found by bisection of one column.

A tree's threshold, a bin's edge and a rounding are steps: two neighbouring numbers get different
answers. The two neighbours are looked for by the pipeline's answers alone, so whatever stands
before the step, they are the last number on this side and the first on the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np

from benchmarks.coverage.adversarial_rows import AdversarialRow, Row, RowMaker
from benchmarks.coverage.own_answers import OwnAnswers

PAIRS = 160
# As many halvings as a number of 64 bits needs.
HALVINGS = 70
LEAST_STEP = 1e-4
NUDGE = 1e-9


@dataclass(frozen=True)
class _Pair:
    """Two rows that differ in one column alone. low, high: its values."""

    row: Row
    column: str
    low: Any
    high: Any

    def at(self, value: Any) -> Row:
        """The row with this value in the column."""
        return self.row | {self.column: value}

    def middle(self) -> Any:
        """Halfway; of two neighbours one of them."""
        if isinstance(self.low, int):
            return (self.low + self.high) // 2

        return self.low / 2 + self.high / 2


def step_rows(own: OwnAnswers, maker: RowMaker) -> Iterator[AdversarialRow]:
    """Both rows of every step that is found; none where answers have no size."""
    pairs = _stepping(own, _random_pairs(maker))
    for _ in range(HALVINGS):
        if not pairs:
            return

        pairs = _halved(own, pairs)

    for pair in _steps_of_their_column(own, _stepping(own, pairs)):
        for value in (pair.low, pair.high):
            yield AdversarialRow(pair.at(value), "beside a step")


def _random_pairs(maker: RowMaker) -> list[_Pair]:
    """Rows of training, with two rows' values of one column."""
    pairs = []
    columns = [*maker.floats, *maker.integers]
    for number in range(PAIRS if columns else 0):
        column = columns[number % len(columns)]
        row, other = maker.base(), maker.base()
        if None not in (row[column], other[column]) and row[column] != other[column]:
            pairs.append(_Pair(row, column, row[column], other[column]))

    return pairs


def _halved(own: OwnAnswers, pairs: list[_Pair]) -> list[_Pair]:
    """Each pair with its middle for the end whose answer is further from that of the middle."""
    lows = own.sizes([pair.at(pair.low) for pair in pairs])
    middles = own.sizes([pair.at(pair.middle()) for pair in pairs])
    highs = own.sizes([pair.at(pair.high) for pair in pairs])
    if lows is None or middles is None or highs is None:
        return []

    halves = []
    from_low, from_high = _distances(lows, middles), _distances(middles, highs)
    for pair, below, above in zip(pairs, from_low, from_high, strict=True):
        if below >= above:
            halves.append(replace(pair, high=pair.middle()))
        else:
            halves.append(replace(pair, low=pair.middle()))

    return [pair for pair in halves if pair.low != pair.high]


def _stepping(own: OwnAnswers, pairs: list[_Pair]) -> list[_Pair]:
    """Those whose two rows get different answers."""
    return list(compress(pairs, _steps(own, pairs)))


def _steps(own: OwnAnswers, pairs: list[_Pair]) -> list[bool]:
    """Of each pair whether its two rows get different answers."""
    if not pairs:
        return []

    lows = own.sizes([pair.at(pair.low) for pair in pairs])
    highs = own.sizes([pair.at(pair.high) for pair in pairs])
    if lows is None or highs is None:
        return [False] * len(pairs)

    return list((_distances(lows, highs) > LEAST_STEP).tolist())


def _distances(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    distances: np.ndarray = np.abs(ones - others).max(axis=1)
    return distances


def _steps_of_their_column(own: OwnAnswers, pairs: list[_Pair]) -> list[_Pair]:
    """Those whose step stays where it is when the other numbers move a little.

    Where two distances are equal it moves with them, and which of the two is smaller there is only
    a matter of rounding.
    """
    for direction in (-1, 1):
        nudged = [replace(pair, row=_nudged(pair, direction)) for pair in pairs]
        pairs = list(compress(pairs, _steps(own, nudged)))

    return pairs


def _nudged(pair: _Pair, direction: int) -> Row:
    """The row with every other number a little larger or smaller, an integer by 1."""
    row = dict(pair.row)
    for name, value in row.items():
        if name == pair.column or isinstance(value, bool):
            continue

        if isinstance(value, int):
            row[name] = value + direction
        elif isinstance(value, float):
            row[name] = value * (1 + direction * NUDGE)

    return row
