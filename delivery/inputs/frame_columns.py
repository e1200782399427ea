"""How a column is held in the frame that the pipeline was fitted on, so that the service can
rebuild it.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any

from service.bundle import FrameColumn
from service.frames import CATEGORY

if TYPE_CHECKING:
    import pandas as pd


def frame_column(held_out: "pd.Series", seen: "pd.Series", nullable: bool) -> FrameColumn:
    """As training holds it; as the held-out rows do where only that can hold what both frames
    hold.
    """
    chosen = next(
        (each for each in (seen, held_out) if _holds(each, held_out, seen, nullable)), None
    )
    if chosen is None:
        return FrameColumn(dtype="object", null=_null(held_out, seen))

    name = dtype_name(chosen.dtype)
    if name == "object":
        return FrameColumn(dtype=name, null=_null(held_out, seen))

    if name.startswith(CATEGORY):
        levels = [_plain(level) for level in chosen.cat.categories]
        return FrameColumn(dtype=name, levels=levels, ordered=bool(chosen.cat.ordered))

    return FrameColumn(dtype=name)


def dtype_name(dtype: Any) -> str:
    """A name by which pandas finds the dtype again; of a sparse one that of its values, which are
    the same.
    """
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

    return str(dtype)


def kinds_of_null(column: "pd.Series") -> "pd.Series":
    """What stands for null in each row: None, NaN, NA or NaT; empty where there is a value."""
    import pandas as pd

    nulls = column.isna()
    kinds = [_kind(value) for value in column[nulls].tolist()]
    marked = pd.Series("", index=range(len(column)), dtype=object)
    marked[nulls.to_numpy(dtype=bool)] = kinds
    return marked


def _holds(column: "pd.Series", held_out: "pd.Series", seen: "pd.Series", nullable: bool) -> bool:
    """Whether the column's dtype holds the nulls of both frames, and numbers with a fraction where
    either has some.
    """
    from pandas.api import types

    dtype = getattr(column.dtype, "subtype", column.dtype)
    plain = getattr(dtype, "kind", "O") in "iub" and not types.is_extension_array_dtype(dtype)
    if nullable and plain:
        return False

    fraction = any(
        types.is_float_dtype(each.dtype) and each.notna().any() for each in (held_out, seen)
    )
    return not (fraction and types.is_integer_dtype(dtype))


def _null(held_out: "pd.Series", seen: "pd.Series") -> str:
    """What stands for null most often, in the held-out rows first: they are what a user's frame
    looks like.
    """
    for series in (held_out, seen):
        kinds = Counter(_kind(value) for value in series[series.isna()].tolist())
        if kinds:
            return kinds.most_common(1)[0][0]
    return "None"


def _kind(value: Any) -> str:
    names = {"NoneType": "None", "NAType": "NA", "NaTType": "NaT"}
    return names.get(type(value).__name__, "NaN")


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    return value
