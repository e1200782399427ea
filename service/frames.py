"""Builds the pipeline's input from a request: a frame of the dtypes of training, or a sequence.

pandas would infer a dtype from the values of each batch, so that a row's prediction depended on the
rows beside it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from service.bundle import FRAME, LIST, BundleError, Column, FrameColumn
from service.columns.array_cells import cell_maker
from service.columns.arrow_types import arrow_type
from service.columns.kind import ColumnKind
from service.columns.registry import PLAIN, column_kind
from service.columns.time_dtypes import time_dtype_of
from service.rows import Columns, row_count

NUMPY_OF = {"float": "float64", "int": "int64", "bool": "bool", "string": "object"}
NULLABLE_NUMPY_OF = {"float": "float64", "int": "float64", "bool": "object", "string": "object"}
CATEGORY = "category["
ARROW = "[pyarrow]"
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


def pandas_dtype(frame: FrameColumn, kind: ColumnKind | None = None) -> Any:
    """The pandas dtype of a column; raises TypeError where the installed pandas has no such one.

    kind: of the levels of a category that are more than plain JSON; None: as the dtype says.
    """
    import pandas

    if frame.dtype.startswith(CATEGORY):
        levels = _levels(frame, frame.dtype[len(CATEGORY) : -1], kind)
        return pandas.CategoricalDtype(levels, frame.ordered)

    return _dtype_by_name(frame.dtype)


def _dtype_by_name(name: str) -> Any:
    import pandas

    # The name of pandas' own texts in arrays of pyarrow's, which are another dtype.
    if name.endswith(ARROW) and name != f"string{ARROW}":
        return pandas.ArrowDtype(arrow_type(name.removesuffix(ARROW)))

    return pandas.api.types.pandas_dtype(name)


def _levels(frame: FrameColumn, name: str, kind: ColumnKind | None) -> Any:
    """The levels of a category, which the manifest has as a row sends them."""
    import pandas

    dtype, levels = _dtype_by_name(name), frame.levels or []
    kind = kind or time_dtype_of(dtype)
    if kind is None:
        return pandas.Index(levels, dtype=dtype)

    return pandas.Index(_holder(dtype)(kind.array(levels)))


def _converter(column: Column) -> Convert:
    frame = column.frame or _as_numpy_holds(column)
    kind = None if column.dtype in PLAIN else column_kind(column)
    try:
        dtype = pandas_dtype(frame, kind)
    except TypeError as error:
        raise BundleError(
            f"column {column.name!r} has pandas' dtype {frame.dtype}, which the installed pandas "
            f"does not have: install the pandas that release.yaml names, or deliver again"
        ) from error

    if frame.cell is not None:
        return _to_cells(frame)
    if frame.dtype == "object":
        return _to_objects(frame.null)
    if frame.dtype.startswith(CATEGORY):
        hold = np.asarray if kind is None else _holder(dtype.categories.dtype)
        return _to_category(dtype, hold)

    return _holder(dtype)


def _as_numpy_holds(column: Column) -> FrameColumn:
    held = NULLABLE_NUMPY_OF if column.nullable else NUMPY_OF
    return FrameColumn(dtype=held[column.dtype], null="None")


def _holder(dtype: Any) -> Convert:
    """Converts an array to one of pandas' of that dtype."""
    import pandas

    if isinstance(dtype, np.dtype):
        return lambda array: array.astype(dtype, copy=False)

    if isinstance(dtype, pandas.DatetimeTZDtype):
        return lambda array: _in_zone(array, dtype)

    if isinstance(dtype, pandas.ArrowDtype):
        return lambda array: _arrow_array(array, dtype)

    return lambda array: pandas.array(array, dtype=dtype)


def _in_zone(array: np.ndarray, dtype: Any) -> Any:
    """Moments in UTC, with the zone of the dtype."""
    import pandas

    return pandas.DatetimeIndex(array).tz_localize("UTC").tz_convert(dtype.tz).array


def _arrow_array(array: np.ndarray, dtype: Any) -> Any:
    """An array of pyarrow's, which takes moments for UTC where its dtype has a zone."""
    import pandas
    import pyarrow

    values: Any = array
    if array.ndim > 1 or (len(array) and isinstance(array[0], np.ndarray)):
        values = [None if cell is None else cell.tolist() for cell in array]

    made = pyarrow.array(values, type=dtype.pyarrow_dtype, from_pandas=True)
    return pandas.arrays.ArrowExtensionArray(made)


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


def _to_cells(frame: FrameColumn) -> Convert:
    """Converts arrays to objects, one a row: lists, tuples or numpy's arrays."""
    make = cell_maker(frame)
    fill_nulls = _to_objects(frame.null)

    def convert(array: np.ndarray) -> Any:
        cells = np.empty(len(array), dtype=object)
        for row, cell in enumerate(array):
            if cell is not None:
                cells[row] = make(cell)

        return fill_nulls(cells)

    return convert


def _to_category(dtype: Any, hold: Convert) -> Convert:
    """Adds a value that is none of the levels after them: the pipeline decides what it means.

    hold: makes an array of the levels' dtype.
    """
    import pandas

    levels = dtype.categories

    def convert(array: np.ndarray) -> Any:
        values = hold(array)
        codes = levels.get_indexer(values)
        unknown = (codes < 0) & ~pandas.isna(array)
        if not unknown.any():
            return pandas.Categorical.from_codes(codes, dtype=dtype)

        more = pandas.unique(values[unknown])
        return pandas.Categorical(values, categories=[*levels, *more], ordered=dtype.ordered)

    return convert
