"""Describes how the pipeline's own frame holds a column, so that the service can rebuild it."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from delivery.inputs.kinds.row_values import json_value
from service.bundle import FrameColumn
from service.frames import CATEGORY

if TYPE_CHECKING:
    import pandas as pd


def frame_column(held_out: "pd.Series", seen: "pd.Series", nullable: bool) -> FrameColumn:
    """The column as training holds it, or as the held-out rows do where only that holds both.

    Objects where neither holds the values of both frames.
    """
    if _holds(seen, held_out, seen, nullable):
        chosen = seen
    elif _holds(held_out, held_out, seen, nullable):
        chosen = held_out
    else:
        return FrameColumn(dtype="object", null=_null(held_out, seen))

    name = dtype_name(chosen.dtype)
    if name == "object":
        return FrameColumn(dtype=name, null=_null(held_out, seen))

    if name.startswith(CATEGORY):
        levels = list(map(json_value, chosen.cat.categories))
        return FrameColumn(dtype=name, levels=levels, ordered=bool(chosen.cat.ordered))

    return FrameColumn(dtype=name)


def dtype_name(dtype: Any) -> str:
    """A name by which pandas finds the dtype again; of a sparse one its values' dtype."""
    import pandas as pd

    if isinstance(dtype, pd.SparseDtype):
        return dtype_name(dtype.subtype)
    if isinstance(dtype, pd.CategoricalDtype):
        return f"{CATEGORY}{dtype_name(dtype.categories.dtype)}]"

    if isinstance(dtype, pd.StringDtype):
        # Before pandas 3 there is no text dtype whose null is NaN.
        keeps_nan = getattr(dtype, "na_value", pd.NA) is not pd.NA
        if keeps_nan:
            return "str"
        return f"string[{dtype.storage}]"

    if str(dtype) == "string[pyarrow]":
        # pyarrow's own texts, which pandas finds by no name: that one is of its other dtype.
        return "utf8[pyarrow]"

    return str(dtype)


def kinds_of_null(column: "pd.Series") -> "pd.Series":
    """What stands for null in each row: None, NaN, NA or NaT; empty where there is a value."""
    import pandas as pd

    nulls = column.isna()
    kinds = pd.Series("", index=range(len(column)), dtype=object)
    kinds[nulls.to_numpy(dtype=bool)] = list(map(_kind, column[nulls].tolist()))
    return kinds


def _holds(column: "pd.Series", held_out: "pd.Series", seen: "pd.Series", nullable: bool) -> bool:
    """Whether the column's dtype holds the nulls and the fractions of both frames."""
    from pandas.api import types

    dtype = getattr(column.dtype, "subtype", column.dtype)
    plain = getattr(dtype, "kind", "O") in "iub" and not types.is_extension_array_dtype(dtype)
    if nullable and plain:
        return False

    if not types.is_integer_dtype(dtype):
        return True

    for series in (held_out, seen):
        if types.is_float_dtype(series.dtype) and series.notna().any():
            return False

    return True


def _null(held_out: "pd.Series", seen: "pd.Series") -> str:
    """What stands for null most often, in the held-out rows first: users' frames look like them."""
    for series in (held_out, seen):
        kinds = Counter(map(_kind, series[series.isna()].tolist()))
        if kinds:
            return kinds.most_common(1)[0][0]

    return "None"


def _kind(value: Any) -> str:
    names = {"NoneType": "None", "NAType": "NA", "NaTType": "NaT"}
    return names.get(type(value).__name__, "NaN")
