"""Builds the pipeline's input from a request: a frame of the dtypes of training, or a sequence.

pandas would infer a dtype from the values of each batch, so that a row's prediction depended on the
rows beside it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from service.bundle import FRAME, LIST, BundleError, Column, FrameColumn
from service.rows import Columns, row_count

NUMPY_OF = {"float": "float64", "int": "int64", "bool": "bool", "string": "object"}
NULLABLE_NUMPY_OF = {"float": "float64", "int": "float64", "bool": "object", "string": "object"}
CATEGORY = "category["
Convert = Callable[[np.ndarray], Any]


class FrameBuilder:
    """Builds the input of one pipeline. form: frame, series or list, as in the manifest."""

    def __init__(self, columns: Sequence[Column], form: str = FRAME) -> None:
        import pandas

        self._frame, self._series, self._index = pandas.DataFrame, pandas.Series, pandas.RangeIndex
        self._form = form
        self._convert = {column.name: _converter(column) for column in columns}

    def build(self, columns: Columns) -> Any:
        """The input of that many rows; its dtypes do not depend on their values."""
        converted = {name: self._convert[name](array) for name, array in columns.items()}
        if self._form == FRAME:
            index = self._index(row_count(columns))
            # With the frame's own index there is nothing to align.
            held = {name: self._held(array, index) for name, array in converted.items()}
            return self._frame(held, index=index)

        ((name, array),) = converted.items()
        if self._form == LIST:
            return array.tolist()

        return self._series(array, name=name, dtype=array.dtype)

    def _held(self, array: Any, index: Any) -> Any:
        """The array, or a series of objects: pandas would turn texts into its own text dtype."""
        if array.dtype != object:
            return array

        return self._series(array, index=index, dtype=object, copy=False)


def pandas_dtype(frame: FrameColumn) -> Any:
    """The pandas dtype of a column; raises TypeError where the installed pandas has no such one."""
    import pandas

    if not frame.dtype.startswith(CATEGORY):
        return pandas.api.types.pandas_dtype(frame.dtype)

    levels = pandas.Index(frame.levels or [], dtype=frame.dtype[len(CATEGORY) : -1])
    return pandas.CategoricalDtype(levels, frame.ordered)


def _converter(column: Column) -> Convert:
    frame = column.frame or _as_numpy_holds(column)
    try:
        dtype = pandas_dtype(frame)
    except TypeError as error:
        raise BundleError(
            f"column {column.name!r} has pandas' dtype {frame.dtype}, which the installed pandas "
            f"does not have: install the pandas that release.yaml names, or deliver again"
        ) from error

    if frame.dtype == "object":
        return _to_objects(frame.null)
    if frame.dtype.startswith(CATEGORY):
        return _to_category(dtype)
    if isinstance(dtype, np.dtype):
        return lambda array: array.astype(dtype, copy=False)

    return lambda array: _array(array, dtype)


def _as_numpy_holds(column: Column) -> FrameColumn:
    held = NULLABLE_NUMPY_OF if column.nullable else NUMPY_OF
    return FrameColumn(dtype=held[column.dtype], null="None")


def _array(array: np.ndarray, dtype: Any) -> Any:
    import pandas

    return pandas.array(array, dtype=dtype)


def _to_objects(null: str) -> Convert:
    import pandas

    stands_for_null: Any = {"None": None, "NaN": np.nan, "NA": pandas.NA, "NaT": pandas.NaT}[null]

    def convert(array: np.ndarray) -> Any:
        objects = array.astype(object)
        # Of texts the null is None already; of floats it is NaN.
        held = stands_for_null is None and array.dtype == object
        if not held and (nulls := pandas.isna(objects)).any():
            objects[nulls] = stands_for_null
        return objects

    return convert


def _to_category(dtype: Any) -> Convert:
    """Adds a value that is none of the levels after them: the pipeline decides what it means."""
    import pandas

    levels = dtype.categories

    def convert(array: np.ndarray) -> Any:
        codes = levels.get_indexer(array)
        unknown = (codes < 0) & ~pandas.isna(array)
        if not unknown.any():
            return pandas.Categorical.from_codes(codes, dtype=dtype)

        more = pandas.unique(array[unknown])
        return pandas.Categorical(array, categories=[*levels, *more], ordered=dtype.ordered)

    return convert
