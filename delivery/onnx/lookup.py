"""Finds what an encoder makes of a value: a table from its categories to numbers.

The encoder itself fills the table, once for each category and once for a value that it has not
learned. So whatever its parameters mean (drop, infrequent categories, encoded values), it says so
itself.
"""

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from delivery.onnx.graph import Graph, GraphValue, NotConvertible
from delivery.onnx.passes.ml_opset import ML
from delivery.onnx.texts.null_texts import null_text_of

UNSEEN_TEXT = "\x00never seen in training"


@dataclass(frozen=True)
class EncodedCategories:
    """What an encoder makes of the categories of one column, as a sparse matrix.

    known: a row for each category. unknown: the row of all other values, None where they fail.
    """

    known: Any
    unknown: Any | None


def looked_up(
    graph: Graph, column: GraphValue, categories: np.ndarray, values: np.ndarray, other: Any
) -> str:
    """The value of each row's category, int64 or double of shape [n, 1]; `other` for all others.

    Numbers are compared as double, or as int64; NaN equals NaN.
    """
    keys = _Keys(column, graph)
    chosen: dict[Any, Any] = {}
    for category, value in zip(categories.tolist(), values.tolist(), strict=True):
        key = keys.of(category)
        if key is not None:
            chosen.setdefault(key, value)

    # A node needs one entry at least; none of the column's own values equals this one.
    chosen = chosen or {keys.never: other}
    return graph.add(
        "LabelEncoder",
        keys.column,
        domain=ML,
        keys_tensor=_tensor(list(chosen), keys.dtype),
        values_tensor=_tensor(list(chosen.values()), values.dtype),
        default_tensor=_tensor([other], values.dtype),
    )


class _Keys:
    """What the categories of one column come as. column: its value in that type."""

    def __init__(self, column: GraphValue, graph: Graph) -> None:
        self.dtype: Any = np.float64
        self.never: Any = float("inf")
        if column.kind == TensorProto.STRING:
            self.dtype, self.never = object, b"\xff"
            self.column = column.name
        elif column.kind in (TensorProto.INT64, TensorProto.BOOL):
            self.dtype, self.never = np.int64, 0
            self.column = graph.as_kind(column, TensorProto.INT64)
        else:
            self.column = graph.as_kind(column, TensorProto.DOUBLE)

    def of(self, category: Any) -> Any:
        """The key of a category; None where no value of the column can equal it."""
        null = null_text_of(category)
        if self.dtype is object:
            return null or (category.encode() if isinstance(category, str) else None)
        if isinstance(category, str | bytes):
            return None
        if self.dtype is np.float64:
            return float("nan") if null is not None else float(category)
        if null is not None or int(category) != category:
            return None

        return int(category)


def _tensor(values: Sequence[Any], dtype: Any) -> Any:
    if dtype is object:
        return helper.make_tensor("keys", TensorProto.STRING, [len(values)], values)

    return numpy_helper.from_array(np.array(values, dtype=dtype))


def encoded_categories(model: Any, number: int) -> EncodedCategories:
    """What an encoder makes of column `number`.

    Of shape [categories, columns out of that column].
    """
    categories = model.categories_[number]
    known = _encoded(model, number, list(categories))
    try:
        unknown = _encoded(model, number, [_unseen(categories)])
    # Whatever it raises on an unknown value, it raises on a user's row.
    except Exception:  # noqa: BLE001
        unknown = None

    return EncodedCategories(known, unknown)


def _unseen(categories: np.ndarray) -> Any:
    """A value that is none of the categories."""
    values = {value for value in categories.tolist() if null_text_of(value) is None}
    if any(isinstance(value, str) for value in values):
        return UNSEEN_TEXT
    if categories.dtype.kind == "b":
        raise NotConvertible("a truth value is always known")

    # The first number that is none; of large ones the next would be the same in double.
    return next(number for number in count() if number not in values)


def _encoded(model: Any, number: int, values: list[Any]) -> Any:
    """A sparse matrix of the columns that come of column `number`; the others hold any category."""
    import pandas
    from scipy.sparse import csr_array

    columns = []
    for other, known in enumerate(model.categories_):
        column = values if other == number else [known[0]] * len(values)
        dtype = object if known.dtype.kind in "OUSb" else known.dtype
        columns.append(pandas.Series(column, dtype=dtype, name=other))

    frame = pandas.concat(columns, axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoded = csr_array(_plain_copy(model).transform(frame))

    widths = getattr(model, "_n_features_outs", None) or [1] * len(model.categories_)
    start = int(sum(widths[:number]))
    return encoded[:, start : start + int(widths[number])]


def _plain_copy(model: Any) -> Any:
    """The encoder for a frame without names, whose answer is a sparse matrix or an array."""
    plain = copy.copy(model)
    for name in ("feature_names_in_", "_sklearn_output_config"):
        if hasattr(plain, name):
            delattr(plain, name)

    if hasattr(plain, "sparse_output"):
        plain.sparse_output = True

    return plain
