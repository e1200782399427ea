"""Numbers between and far beyond those of training, which a user may send as well as any other.

Numbers between show a step that rounds, or a threshold in other units than the column's. Numbers
far beyond show where 32 bits lose the difference of two distances, or overflow.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

# Numbers of one repeated digit that stand for "unknown", and the largest integers of 32 bits.
SENTINELS = (999.0, 9999.0, 99999.0, 999999.0, 99999999.0, 999999999.0, 2147483647.0)
MAGNITUDES = (*SENTINELS, *(10.0**exponent for exponent in range(3, 39)))
FRACTIONS = (0.5, 0.1, -0.1)
# A value that is beyond the column's range by more than so many times its span is far.
NEAR_SPANS = 10
# A made number is rounded to these: 0.33 + 0.1 is 0.43, as a user writes it.
DIGITS = 9
STEPS = (-3, -2, -1, 0, 1, 2)


def numbers_of(series: "pd.Series") -> np.ndarray:
    """A column's numbers as float64, NaN for what is none."""
    import pandas as pd

    numbers = pd.to_numeric(series, errors="coerce")
    return np.asarray(numbers.to_numpy(dtype=np.float64, na_value=np.nan))


def between(values: np.ndarray, count: int) -> Iterator[tuple[int, float]]:
    """Numbers between the values, each with the row of the value that it is beside.

    Halfway from one value to the next, of at most `count` values and of three times as many rows;
    then fractions beside some values.
    """
    distinct, rows = _distinct(values)
    for number in spread(len(distinct) - 1, count):
        yield int(rows[number]), float(_halfway(distinct[number], distinct[number + 1]))

    # Few rows reach a threshold deep in a tree, so that one row of each value may miss it.
    for row in spread(len(values), 3 * count):
        number = int(np.searchsorted(distinct, values[row]))
        if number < len(distinct) - 1:
            yield row, float(_halfway(distinct[number], distinct[number + 1]))

    for number in spread(len(distinct), max(1, count // 8)):
        for fraction in FRACTIONS:
            yield int(rows[number]), round(float(distinct[number]) + fraction, DIGITS)


def moved(values: np.ndarray, rows: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """The values of these rows, each moved to halfway between two distinct values near it.

    NaN where a row has no value.
    """
    distinct, _ = _distinct(values)
    if not len(distinct):
        return np.full(len(rows), np.nan)

    own, last = values[rows], len(distinct) - 1
    numbers = np.searchsorted(distinct, np.where(np.isfinite(own), own, distinct[0]))
    lower = np.clip(numbers + chance.choice(STEPS, len(rows)), 0, max(0, last - 1))
    upper = np.minimum(lower + 1, last)
    return np.where(np.isfinite(own), _halfway(distinct[lower], distinct[upper]), np.nan)


def far(low: float, high: float, count: int) -> list[float]:
    """Of at most `count` magnitudes and their negatives those that are far from low to high."""
    values = []
    for number in spread(len(MAGNITUDES), count):
        for value in (MAGNITUDES[number], -MAGNITUDES[number]):
            if is_far(value, low, high):
                values.append(value)

    return values


def is_far(value: float, low: float, high: float) -> bool:
    """Whether a value lies beyond low and high by more than NEAR_SPANS spans."""
    reach = NEAR_SPANS * span(low, high)
    return not low - reach <= value <= high + reach


def span(low: float, high: float) -> float:
    """The distance of the two; where they are equal the size of one of them, at least 1."""
    return high - low or max(1.0, abs(high))


def spread(length: int, count: int) -> list[int]:
    """At most `count` evenly spread numbers from 0 up to `length`, without it."""
    if length > count:
        return sorted({number * length // count for number in range(count)})

    return list(range(length))


def _distinct(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The finite values without repetition, sorted, and the first row of each."""
    distinct, rows = np.unique(values, return_index=True)
    finite = np.isfinite(distinct)
    return distinct[finite], rows[finite]


def _halfway(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    # Each half by itself, since the sum of two large numbers may overflow.
    return one / 2 + other / 2
