"""Finds the category of a value: an encoder's own table, row by row.

The encoder itself fills the table, once for each category and once for a value it has not learned.
So whatever its parameters mean (drop, infrequent categories, encoded values), it says so itself.
"""

import warnings
from typing import Any

import numpy as np
from onnx import TensorProto

from delivery.onnx.graph import Graph, NotConvertible, Tensor
from delivery.onnx.ml_opset import ML
from delivery.onnx.null_texts import null_text_of

UNSEEN_TEXT = "\x00never seen in training"


def category_codes(graph: Graph, column: Tensor, categories: np.ndarray, unknown: int) -> str:
    """The number of each value's category, int64 of shape [n, 1]; `unknown` for all others."""
    if column.kind == TensorProto.STRING:
        return _codes_of_texts(graph, column, categories, unknown)

    return _codes_of_numbers(graph, column, categories, unknown)


def _codes_of_texts(graph: Graph, column: Tensor, categories: np.ndarray, unknown: int) -> str:
    keys, codes = [], []
    for code, value in enumerate(categories.tolist()):
        key = _text_key(value)
        if key is not None:
            keys.append(key)
            codes.append(code)

    if not keys:
        raise NotConvertible(f"{graph.step} has no category that a text could be")

    return graph.add(
        "LabelEncoder",
        column.name,
        domain=ML,
        keys_strings=keys,
        values_int64s=codes,
        default_int64=unknown,
    )


def _text_key(value: Any) -> bytes | None:
    """The text that a category comes as; None where it is no text, which no text equals."""
    null = null_text_of(value)
    if null is not None:
        return null
    if isinstance(value, str):
        return value.encode()

    return None


def _codes_of_numbers(graph: Graph, column: Tensor, categories: np.ndarray, unknown: int) -> str:
    """By comparison with each category, since only double tells all numbers apart."""
    value = graph.as_kind(column, TensorProto.DOUBLE)
    numbers = [_number(category) for category in categories.tolist()]
    equal = graph.add("Equal", value, graph.constant(np.array([numbers], dtype=np.float64)))
    if any(number != number for number in numbers):
        is_nan = graph.constant(np.isnan(np.array([numbers], dtype=np.float64)))
        equal = graph.add("Or", equal, graph.add("And", graph.add("IsNaN", value), is_nan))

    flags = graph.cast(equal, TensorProto.INT64)
    shifted = np.arange(len(numbers), dtype=np.int64) - unknown
    weighed = graph.add("Mul", flags, graph.constant(shifted.reshape(1, -1)))
    axis = graph.constant(np.array([1], dtype=np.int64))
    total = graph.add("ReduceSum", weighed, axis, keepdims=1)
    return graph.add("Add", total, graph.constant(np.int64(unknown)))


def _number(category: Any) -> float:
    """A category of numbers as double; nulls of all kinds are NaN there."""
    if null_text_of(category) is not None:
        return float("nan")
    if isinstance(category, str):
        raise NotConvertible("an encoder has learned texts and gets numbers")

    return float(category)


def encoder_table(model: Any, number: int, unknown_raises: bool) -> np.ndarray:
    """What an encoder makes of column `number`: one row a category, then one for all others.

    Of shape [categories + 1, columns out]; without the last row where such a value fails.
    """
    categories = list(model.categories_[number])
    values = list(categories)
    if not unknown_raises:
        values.append(_unseen(model.categories_[number]))

    frame = {}
    for other, known in enumerate(model.categories_):
        column = values if other == number else [known[0]] * len(values)
        frame[other] = _series(column, known.dtype)

    return _columns_of(model, number, _transformed(model, frame))


def _unseen(categories: np.ndarray) -> Any:
    """A value that is none of the categories."""
    if categories.dtype.kind in "OUS" and any(isinstance(c, str) for c in categories.tolist()):
        return UNSEEN_TEXT
    if categories.dtype.kind == "b":
        raise NotConvertible("an encoder of a truth value that knows one of both only")

    known = {float(c) for c in categories.tolist() if null_text_of(c) is None}
    return max(known, default=0.0) + 1


def _series(values: list[Any], dtype: np.dtype) -> Any:
    import pandas

    kind = object if dtype.kind in "OUS" else dtype
    return pandas.Series(values, dtype=kind)


def _transformed(model: Any, frame: dict[int, Any]) -> np.ndarray:
    import pandas

    names = getattr(model, "feature_names_in_", None)
    rows = pandas.DataFrame(frame)
    rows.columns = list(frame) if names is None else list(names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = rows if names is not None else rows.to_numpy(dtype=object)
        encoded = model.transform(given)

    dense = encoded.toarray() if hasattr(encoded, "toarray") else encoded
    return np.asarray(dense, dtype=np.float64)


def _columns_of(model: Any, number: int, encoded: np.ndarray) -> np.ndarray:
    """Of all encoded columns those of one input column."""
    widths = getattr(model, "_n_features_outs", None) or [1] * len(model.categories_)
    start = int(sum(widths[:number]))
    return encoded[:, start : start + int(widths[number])]
