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

from benchmarks.coverage.answers.adversarial_rows import AdversarialRow, Row, RowMaker
from benchmarks.coverage.answers.own_answers import OwnAnswers

PAIRS = 120
# As many halvings as a number of 64 bits needs.
HALVINGS = 70
LEAST_STEP = 1e-4
NUDGE = 1e-9


@dataclass(frozen=True)
class _Pair:
    """Two rows that differ in one column alone.

    low, high: its values. low_sizes, high_sizes: what the pipeline answers for them.
    """

    row: Row
    column: str
    low: Any
    high: Any
    low_sizes: np.ndarray
    high_sizes: np.ndarray

    def at(self, value: Any) -> Row:
        """The row with this value in the column."""
        return self.row | {self.column: value}

    def middle(self) -> Any:
        """Halfway; of two neighbours one of them."""
        if isinstance(self.low, int):
            return (self.low + self.high) // 2

        return self.low / 2 + self.high / 2

    def halved(self, middle_sizes: np.ndarray) -> "_Pair":
        """The half whose ends differ more."""
        to_low, to_high = self.low_sizes - middle_sizes, self.high_sizes - middle_sizes
        if np.abs(to_low).max() >= np.abs(to_high).max():
            return replace(self, high=self.middle(), high_sizes=middle_sizes)

        return replace(self, low=self.middle(), low_sizes=middle_sizes)

    def is_step(self) -> bool:
        """Whether the two get different answers."""
        return bool(np.abs(self.low_sizes - self.high_sizes).max() > LEAST_STEP)


def step_rows(own: OwnAnswers, maker: RowMaker) -> Iterator[AdversarialRow]:
    """Both rows of every step that is found; none where answers have no size."""
    pairs = _random_pairs(own, maker)
    for _ in range(HALVINGS):
        # Where an answer changes smoothly, soon no half is a step any more.
        pairs = _halved(own, [pair for pair in pairs if pair.is_step()])

    for pair in _steps_of_their_column(own, pairs):
        for value in (pair.low, pair.high):
            yield AdversarialRow(pair.at(value), "beside a step")


def _random_pairs(own: OwnAnswers, maker: RowMaker) -> list[_Pair]:
    """Rows of training, with two rows' values of one column."""
    chosen = []
    columns = [*maker.floats, *maker.integers]
    for number in range(PAIRS if columns else 0):
        column = columns[number % len(columns)]
        row, other = maker.base(), maker.base()
        if None not in (row[column], other[column]) and row[column] != other[column]:
            chosen.append((row, column, row[column], other[column]))

    return _with_sizes(own, chosen)


def _with_sizes(own: OwnAnswers, chosen: list[tuple[Row, str, Any, Any]]) -> list[_Pair]:
    """Pairs of a row, a column and its two values."""
    if not chosen:
        return []

    lows = own.sizes([row | {column: low} for row, column, low, _ in chosen])
    highs = own.sizes([row | {column: high} for row, column, _, high in chosen])
    if lows is None or highs is None:
        return []

    return [_Pair(*one, *sizes) for one, *sizes in zip(chosen, lows, highs, strict=True)]


def _halved(own: OwnAnswers, pairs: list[_Pair]) -> list[_Pair]:
    if not pairs:
        return []

    middles = own.sizes([pair.at(pair.middle()) for pair in pairs])
    if middles is None:
        return []

    return [pair.halved(sizes) for pair, sizes in zip(pairs, middles, strict=True)]


def _steps_of_their_column(own: OwnAnswers, pairs: list[_Pair]) -> list[_Pair]:
    """Those whose step stays where it is when the other numbers move a little.

    Where two distances are equal it moves with them, and which of the two is smaller there is only
    a matter of rounding.
    """
    for direction in (-1, 1):
        chosen = [(_nudged(pair, direction), pair.column, pair.low, pair.high) for pair in pairs]
        nudged = _with_sizes(own, chosen)
        pairs = list(compress(pairs, [pair.is_step() for pair in nudged]))

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
