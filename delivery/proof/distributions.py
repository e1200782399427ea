"""Counts how the columns were distributed in training, and the answers on the held-out rows.

A report over files compares with them. They are counts in bins, so no training row can be read out
of them beyond what the manifest tells of ranges and categories.
"""

from math import prod
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from delivery.inputs.signature import rows_of
from delivery.recipe import Recipe
from service.bundle import Column, Output
from service.distributions.bins import Distribution, of_numbers, of_texts
from service.distributions.bundle_distributions import (
    BundleDistributions,
    by_position,
    counted_answers,
)
from service.distributions.countable import distribution_of
from service.rows import Columns, RowReader
from service.runtimes.outputs import by_output

MOST_ROWS = 50_000
"""Of training, evenly spread: to read more would take longer than it tells more."""
MOST_ITEMS = 2_000_000
"""Values of all those rows, whose arrays may be long."""
MOST_ANSWERS = 50
"""Values of a row's answer in one output that are counted."""


def bundle_distributions(
    recipe: Recipe,
    columns: list[Column],
    held_out: Columns,
    outputs: list[Output],
    predictions: list[Any],
) -> BundleDistributions:
    """Of a delivery. predictions: of the held-out rows, None where one failed."""
    seen, columns_of = _training(recipe, columns), "training"
    if seen is None:
        seen, columns_of = held_out, "held-out"

    counted = [distribution_of(column, seen[column.name]) for column in columns]
    return BundleDistributions(
        columns=list(filter(None, counted)),
        columns_of=columns_of,
        predictions=_answers(outputs, predictions),
    )


def _training(recipe: Recipe, columns: list[Column]) -> Columns | None:
    """Some of the training rows; None where there are none, or they are no rows of the columns."""
    frame = recipe.training
    if frame is None or not len(frame):
        return None

    most = min(len(frame), MOST_ROWS, max(1, MOST_ITEMS // sum(map(_items, columns))))
    spread = np.linspace(0, len(frame) - 1, most).astype(int)
    names = set(map(attrgetter("name"), columns))
    part = frame.iloc[np.unique(spread)]
    part = part[[name for name in part.columns if str(name) in names]]
    try:
        return RowReader(columns).row_columns(rows_of(part))
    # What is only shown never keeps a version from being delivered.
    except (msgspec.ValidationError, ValueError, TypeError, OverflowError):
        return None


def _items(column: Column) -> int:
    """How many values a row has in a column, which are more than one of arrays."""
    if column.form is None:
        return 1

    return prod(length or column.form.longest or 1 for length in column.form.shape)


def _answers(outputs: list[Output], predictions: list[Any]) -> dict[str, list[Distribution | None]]:
    names = list(map(attrgetter("name"), outputs))
    given = [prediction for prediction in predictions if prediction is not None]
    return {name: _positions(answers) for name, answers in by_output(names, given).items()}


def _positions(answers: list[Any]) -> list[Distribution | None]:
    """One for each value of a row's answer, in the order of their columns."""
    return list(map(_counted, by_position(answers)[:MOST_ANSWERS]))


def _counted(values: list[Any]) -> Distribution | None:
    counted = counted_answers(values)
    if counted.dtype.kind == "f":
        return of_numbers("", counted)

    return of_texts("", counted)
