"""Numbers between and far beyond those of training, which a user may send as well as any other.

Between: a step that cuts numbers to whole ones, or an edge in other units than the column's, shows
there. Far: numbers of 32 bits lose what tells two distances apart, or overflow."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

# Texts of one digit that stand for "unknown", and the largest integers of 32 bits.
SENTINELS = (999.0, 9999.0, 99999.0, 999999.0, 99999999.0, 999999999.0, 2147483647.0)
MAGNITUDES = (*SENTINELS, *(10.0**exponent for exponent in range(3, 39)))
FRACTIONS = (0.5, 0.1, -0.1)
# A value beyond the column's by more than so many times its span is far.
NEAR_SPANS = 10
# Of a made number: 0.33 + 0.1 is 0.43, as a user writes it.
DIGITS = 9
STEPS = (-3, -2, -1, 0, 1, 2)


def numbers_of(series: "pd.Series") -> np.ndarray:
    """A column's numbers as float64, NaN for what is none."""
    import pandas as pd

    numbers = pd.to_numeric(series, errors="coerce")
    return np.asarray(numbers.to_numpy(dtype=np.float64, na_value=np.nan))


def between(values: np.ndarray, count: int) -> Iterator[tuple[int, float]]:
    """Halfway from one value to the next, of at most `count` values and three times as many places,
    then fractions beside some values; each with the place of the value it lies beside.
    """
    distinct, places = _distinct(values)
    for number in spread(len(distinct) - 1, count):
        yield int(places[number]), float(_halfway(distinct[number], distinct[number + 1]))

    # Of an edge deep in a tree few rows know, so that one of each value may not come there.
    for place in spread(len(values), 3 * count):
        number = int(np.searchsorted(distinct, values[place]))
        if number < len(distinct) - 1:
            yield place, float(_halfway(distinct[number], distinct[number + 1]))

    for number in spread(len(distinct), max(1, count // 8)):
        for fraction in FRACTIONS:
            yield int(places[number]), round(float(distinct[number]) + fraction, DIGITS)


def moved(values: np.ndarray, places: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """The values at these places, each moved a few values up or down, and from there halfway to the
    next; NaN where there is none.
    """
    distinct, _ = _distinct(values)
    if not len(distinct):
        return np.full(len(places), np.nan)

    own, last = values[places], len(distinct) - 1
    here = np.searchsorted(distinct, np.where(np.isfinite(own), own, distinct[0]))
    lower = np.clip(here + chance.choice(STEPS, len(places)), 0, max(0, last - 1))
    upper = np.minimum(lower + 1, last)
    return np.where(np.isfinite(own), _halfway(distinct[lower], distinct[upper]), np.nan)


def far(low: float, high: float, count: int) -> list[float]:
    """Of at most `count` magnitudes and their negatives those that are far from low to high."""
    chosen = [MAGNITUDES[place] for place in spread(len(MAGNITUDES), count)]
    return [value for size in chosen for value in (size, -size) if is_far(value, low, high)]


def is_far(value: float, low: float, high: float) -> bool:
    """Whether a value lies beyond low and high by more than NEAR_SPANS spans."""
    reach = NEAR_SPANS * span(low, high)
    return not low - reach <= value <= high + reach


def span(low: float, high: float) -> float:
    """The distance of the two, or the size of the one where they are the same."""
    return high - low or max(1.0, abs(high))


def spread(length: int, count: int) -> list[int]:
    """Evenly spread places, at most `count` of them."""
    if length > count:
        return sorted({place * length // count for place in range(count)})
    return list(range(length))


def _distinct(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    distinct, places = np.unique(values, return_index=True)
    finite = np.isfinite(distinct)
    return distinct[finite], places[finite]


def _halfway(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    # Each half by itself, since the sum of two large numbers may overflow.
    return one / 2 + other / 2
