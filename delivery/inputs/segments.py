"""Chooses the segments of a version: the values of a few columns, for which the verdict of its
rollout is shown and judged apart.

Their values leave in the signed manifest, as categories do, so only values that repeat may: no row
can be told by one of them."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from delivery.errors import DeliveryError
from delivery.inputs.kinds.row_values import json_value
from delivery.inputs.signature import repeat
from delivery.recipe import Recipe
from service.bundle import Column, Segment

if TYPE_CHECKING:
    import pandas as pd

# Of each of these kinds a value is written in one way only.
WITH_SEGMENTS = ("string", "int", "bool", "date", "period")
PLURALS = {"float": "numbers with fractions"}
MOST_COLUMNS = 3
MOST_VALUES = 20
BETWEEN = "="
"""Between column and value in a segment's name, so no column with it has segments."""


def segments_of(recipe: Recipe, columns: list[Column]) -> list[Segment]:
    """The segments of the columns that the recipe names, by default of the first categories.

    The most frequent values first, at most MOST_VALUES a column. Raises DeliveryError naming the
    column that can have none."""
    seen = recipe.held_out if recipe.training is None else recipe.training
    values = {str(name): seen[name] for name in seen.columns}
    return [
        Segment(column=column.name, values=_most_frequent(values[column.name], column.dtype))
        for column in _chosen(recipe, columns, values)
    ]


def _chosen(
    recipe: Recipe, columns: list[Column], values: "dict[str, pd.Series]"
) -> Iterable[Column]:
    if recipe.segments is None:
        return list(filter(_has_few_values, columns))[:MOST_COLUMNS]

    by_name = {column.name: column for column in columns}
    names = list(dict.fromkeys(map(str, recipe.segments)))
    if len(names) > MOST_COLUMNS:
        raise DeliveryError(
            f"segments names {len(names)} columns: at most {MOST_COLUMNS}, or each would be found "
            f"later"
        )

    for name in names:
        if name not in by_name:
            raise DeliveryError(
                f"segments names {name!r}, which is no column: choose of {', '.join(by_name)}"
            )
        _require_few_values(by_name[name], values[name])

    return [by_name[name] for name in names]


def _has_few_values(column: Column) -> bool:
    return 2 <= len(column.categories or ()) <= MOST_VALUES and BETWEEN not in column.name


def _require_few_values(column: Column, seen: "pd.Series") -> None:
    if BETWEEN in column.name:
        raise DeliveryError(f"segments names {column.name!r}: a name with '=' cannot have segments")

    if column.dtype not in WITH_SEGMENTS:
        kind = PLURALS.get(column.dtype, column.dtype)
        raise DeliveryError(
            f"segments names {column.name!r}, a column of {kind}: only texts, whole numbers, "
            f"booleans, days and periods of few values have segments"
        )

    if column.categories is not None or column.dtype == "bool":
        return

    counts = _counts(seen, column.dtype)
    if column.dtype == "string" or not repeat(list(counts.values())):
        raise DeliveryError(
            f"segments names {column.name!r}, whose {len(counts)} values are too many or hardly "
            f"repeat, so they would leave training rows in release.yaml: name another column"
        )


def _most_frequent(seen: "pd.Series", dtype: str) -> list[str]:
    counts = _counts(seen, dtype)
    return sorted(counts, key=lambda value: (-counts[value], value))[:MOST_VALUES]


def _counts(seen: "pd.Series", dtype: str) -> Counter[str]:
    """How often each value was seen, by its text."""
    counts: Counter[str] = Counter()
    for value in seen.dropna().tolist():
        counts[_text(value, dtype)] += 1

    return counts


def _text(value: Any, dtype: str) -> str:
    """A value as the router writes that of a row."""
    if dtype == "bool":
        return str(bool(value)).lower()
    if dtype == "int":
        return str(int(value))
    return str(json_value(value))
