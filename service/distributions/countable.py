"""What is counted of a column's values: a number, or a text that repeats."""

from typing import Any

import numpy as np

from service.bundle import Column
from service.distributions.bins import Distribution, of_numbers, of_texts

NUMBERS = ("float", "int", "decimal")
LENGTHS = {"string": "characters", "bytes": "bytes", "array": "items"}
DAY_S = 86_400.0


def distribution_of(column: Column, values: np.ndarray) -> Distribution | None:
    """Bins that suit a column's values, as a model takes them; None where they are not counted."""
    counted = countable(column, values)
    if counted.dtype.kind == "f":
        return of_numbers(column.name, counted, unit_of(column), column.minimum, column.maximum)

    known = ["false", "true"] if column.dtype == "bool" else column.categories
    return of_texts(column.name, counted, known)


def unit_of(column: Column) -> str:
    """What a counted number of the column means; empty for the number itself."""
    if column.dtype in ("datetime", "date"):
        return "moment"
    if column.dtype in ("duration", "time"):
        return "seconds"
    if column.dtype in LENGTHS and column.categories is None:
        return LENGTHS[column.dtype]

    return ""


def countable(column: Column, values: np.ndarray) -> np.ndarray:
    """Floats with NaN for null, or texts with None.

    Of texts that hardly repeat, of bytes and of arrays it is their length.
    """
    if values.dtype.kind in "mM":
        return _seconds(values)
    if column.dtype in NUMBERS:
        return values.astype(np.float64)
    if column.dtype == "string" and column.categories is not None:
        return values

    kind = "bool" if column.dtype == "bool" else column.dtype
    match kind:
        case "date":
            return _floats(values, lambda day: (day.toordinal() - 719_163) * DAY_S)
        case "time":
            return _floats(values, _second_of_day)
        case "bool":
            return _texts(values, lambda value: "true" if value else "false")
        case "string" | "bytes" | "array":
            return _floats(values, len)
        case _:
            return _texts(values, str)


def _seconds(values: np.ndarray) -> np.ndarray:
    """Of moments since 1970, or of durations; NaT is NaN."""
    name = "m8[us]" if values.dtype.kind == "m" else "M8[us]"
    whole = values.astype(name)
    seconds = whole.astype(np.int64) / 1e6
    return np.where(np.isnat(whole), np.nan, seconds)


def _second_of_day(time: Any) -> float:
    seconds = time.hour * 3600 + time.minute * 60 + time.second + time.microsecond / 1e6
    return float(seconds)


def _floats(values: np.ndarray, of: Any) -> np.ndarray:
    numbers = [np.nan if value is None else float(of(value)) for value in values]
    return np.array(numbers, dtype=np.float64)


def _texts(values: np.ndarray, of: Any) -> np.ndarray:
    texts = np.empty(len(values), dtype=object)
    for row, value in enumerate(values.tolist()):
        texts[row] = None if value is None else of(value)

    return texts
