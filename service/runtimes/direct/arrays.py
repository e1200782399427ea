"""Reads columns of a request as one array, as scikit-learn takes it from the pipeline's own frame.

It does so only for dtypes of which that array is known; steps on other columns get a frame.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from service.bundle import Column
from service.rows import Columns, row_count
from service.runtimes.direct.errors import LeftToPipeline

Read = Callable[[Columns], np.ndarray]
NUMBERS = ("float64", "float32", "int64", "int32", "int16", "int8", "uint8", "uint16", "uint32")
# Dtypes of texts whose null is NaN, which become arrays of objects.
TEXTS = ("str", "category[str]", "category[object]")
NULLS = {"NaN": np.nan, "None": None}


def array_reader(columns: Sequence[Column], exact: bool = False) -> Read | None:
    """Reads these columns side by side, shape [rows, columns]; None where a frame is needed.

    exact: not where a value would change, as large integers do beside floats.
    """
    names = list(map(_number_dtype, columns))
    if all(names):
        dtypes = list(map(np.dtype, filter(None, names)))
        if exact and len(set(dtypes)) > 1:
            return None

        return _number_reader(columns, dtypes)

    if all(map(_is_text, columns)):
        return _text_reader(columns)

    return None


def floats(block: np.ndarray, width: int) -> np.ndarray:
    """The block as floats, of 32 bits where it has those, as scikit-learn's checks leave it.

    width: its number of columns. Raises LeftToPipeline for another one, for objects and for
    infinity.
    """
    if block.ndim != 2 or block.shape[1] != width:
        raise LeftToPipeline(f"an array of shape {block.shape} for {width} columns")

    if block.dtype.kind in "iub":
        return block.astype(np.float64)

    if block.dtype not in (np.float64, np.float32):
        raise LeftToPipeline(f"an array of {block.dtype}")

    if np.isinf(block).any():
        raise LeftToPipeline("infinity")

    return block


def is_none(block: np.ndarray) -> Any:
    """Where an array of objects holds None."""
    return block == None  # noqa: E711


def _number_dtype(column: Column) -> str | None:
    """numpy's dtype of the column in the frame; None where it holds something else."""
    if column.dtype not in ("float", "int"):
        return None

    name = column.frame.dtype if column.frame else _default_dtype(column)
    if name in NUMBERS:
        return name

    return None


def _default_dtype(column: Column) -> str:
    """Of a bundle that does not say how its frame held the column."""
    if column.dtype == "int" and not column.nullable:
        return "int64"

    return "float64"


def _number_reader(columns: Sequence[Column], dtypes: Sequence[np.dtype]) -> Read:
    names = [column.name for column in columns]
    dtype = np.result_type(*dtypes)

    def read(values: Columns) -> np.ndarray:
        block = np.empty((row_count(values), len(names)), dtype)
        for number, (name, own_dtype) in enumerate(zip(names, dtypes, strict=True)):
            block[:, number] = values[name].astype(own_dtype, copy=False)

        return block

    return read


def _is_text(column: Column) -> bool:
    if column.dtype != "string":
        return False

    if column.frame is None:
        return True

    frame = column.frame
    return frame.dtype in TEXTS or (frame.dtype == "object" and frame.null in NULLS)


def _text_reader(columns: Sequence[Column]) -> Read:
    nulls = {column.name: _null_of(column) for column in columns}

    def read(values: Columns) -> np.ndarray:
        block = np.empty((row_count(values), len(nulls)), dtype=object)
        for number, (name, null) in enumerate(nulls.items()):
            block[:, number] = values[name]
            if null is not None:
                texts = block[:, number]
                texts[is_none(texts)] = null

        return block

    return read


def _null_of(column: Column) -> Any:
    if column.frame is None:
        return None

    if column.frame.dtype == "object":
        return NULLS[column.frame.null]

    return np.nan
