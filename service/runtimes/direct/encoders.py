"""Encoders of categories: one look-up a value instead of a search for unknown ones."""

from collections.abc import Callable
from typing import Any

import numpy as np

from service.runtimes.direct.errors import LeftToPipeline, NoDirectForm
from service.runtimes.direct.step import Transform

# Wider results are left to scikit-learn, which makes them sparse.
MOST_CATEGORIES = 2048
UNKNOWN = -1


def one_hot_encoder(step: Any) -> Transform:
    """One column a category; no column of a category that was not learned."""
    _refuse_infrequent(step)
    if step.drop is not None:
        raise NoDirectForm("a category without a column")

    if step.handle_unknown not in ("error", "ignore"):
        raise NoDirectForm(f"handle_unknown={step.handle_unknown!r}")

    sizes = [len(categories) for categories in step.categories_]
    width = sum(sizes)
    if width > MOST_CATEGORIES:
        raise NoDirectForm(f"{width} categories")

    codes_of = _coder(step, refuse_unknown=step.handle_unknown == "error")
    firsts = np.cumsum([0, *sizes[:-1]])

    def transform(block: np.ndarray) -> np.ndarray:
        codes = codes_of(block)
        encoded = np.zeros((len(block), width), step.dtype)
        rows, columns = np.nonzero(codes != UNKNOWN)
        encoded[rows, codes[rows, columns] + firsts[columns]] = 1
        return encoded

    return transform


def ordinal_encoder(step: Any) -> Transform:
    """The number of a category, and the values that the step has for missing and unknown ones."""
    _refuse_infrequent(step)
    codes_of = _coder(step, refuse_unknown=step.handle_unknown == "error")
    numbers = []
    for column, categories in enumerate(step.categories_):
        values = np.arange(len(categories) + 1).astype(step.dtype)
        if column in step._missing_indices:
            values[step._missing_indices[column]] = step.encoded_missing_value
        if step.handle_unknown == "use_encoded_value":
            values[UNKNOWN] = step.unknown_value

        numbers.append(values)

    def transform(block: np.ndarray) -> np.ndarray:
        codes = codes_of(block)
        encoded = np.empty(codes.shape, step.dtype)
        for column, values in enumerate(numbers):
            encoded[:, column] = values[codes[:, column]]

        return encoded

    return transform


def _refuse_infrequent(step: Any) -> None:
    if getattr(step, "_infrequent_enabled", False):
        raise NoDirectForm("infrequent categories together in one")


def _coder(step: Any, refuse_unknown: bool) -> Callable[[np.ndarray], np.ndarray]:
    """The number of each value's category, UNKNOWN for one that was not learned."""
    tables = [_table(categories) for categories in step.categories_]

    def codes_of(block: np.ndarray) -> np.ndarray:
        if block.ndim != 2 or block.shape[1] != len(tables):
            raise LeftToPipeline(f"an array of shape {block.shape}")

        codes = np.empty(block.shape, dtype=np.intp)
        for column, table in enumerate(tables):
            values = block[:, column].tolist()
            codes[:, column] = [table.get(_key(value), UNKNOWN) for value in values]

        if refuse_unknown and (codes == UNKNOWN).any():
            raise LeftToPipeline("an unknown category")

        return codes

    return codes_of


def _table(categories: np.ndarray) -> dict[Any, int]:
    return {_key(category): number for number, category in enumerate(categories.tolist())}


def _key(value: Any) -> Any:
    """The value; of NaN, which does not equal itself, the one NaN of numpy."""
    if value != value:
        return np.nan

    return value
