"""The signature of columns: what a row must look like, read off the training frame and the held-out one."""

from typing import TYPE_CHECKING, Any

from delivery.errors import DeliveryError
from delivery.frame_columns import frame_column
from service.bundle import Column

if TYPE_CHECKING:
    import pandas as pd

MOST_CATEGORIES = 1000


def columns_of(held_out: "pd.DataFrame", training: "pd.DataFrame | None") -> list[Column]:
    """One Column a column of the held-out frame, with range or categories of training; raises DeliveryError."""
    seen = held_out if training is None else training
    if not len(held_out.columns):
        raise DeliveryError("the held-out frame has no columns: there would be nothing to send")
    for frame in (held_out, seen):
        _check_names(frame)
    missing = [name for name in held_out.columns if name not in seen.columns]
    if missing:
        raise DeliveryError(f"the held-out rows have a column {missing[0]!r} that the training rows lack")
    return [_column(str(name), held_out[name], seen[name]) for name in held_out.columns]


def _check_names(frame: "pd.DataFrame") -> None:
    names = [str(name) for name in frame.columns]
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise DeliveryError(f"a frame has two columns with the name {twice[0]!r}: rename one of them")


def _column(name: str, held_out: "pd.Series", seen: "pd.Series") -> Column:
    import pandas as pd

    dtype = _common_dtype(name, held_out, seen)
    nullable = bool(held_out.isna().any() or seen.isna().any())
    frame = frame_column(held_out, seen, nullable)
    present = seen.dropna()
    if dtype in ("float", "int") and len(present):
        if isinstance(present.dtype, pd.CategoricalDtype):
            present = present.astype(present.cat.categories.dtype)
        low, high = float(present.min()), float(present.max())
        return Column(name=name, dtype=dtype, nullable=nullable, minimum=low, maximum=high, frame=frame)
    if dtype == "string":
        values = sorted(str(value) for value in present.unique())
        return Column(name=name, dtype=dtype, nullable=nullable, categories=values[:MOST_CATEGORIES], frame=frame)
    return Column(name=name, dtype=dtype, nullable=nullable, frame=frame)


def _common_dtype(name: str, held_out: "pd.Series", seen: "pd.Series") -> str:
    """Of both frames; one that holds nothing but nulls has no say, and whole numbers are floats too."""
    here, there = (_dtype(name, each) if each.notna().any() else None for each in (held_out, seen))
    if here is None or there is None or here == there:
        return here or there or _dtype(name, held_out)
    if {here, there} == {"int", "float"}:
        return "float"
    raise DeliveryError(f"column {name!r} is {here} in the held-out rows and {there} in the training rows")


def _dtype(name: str, series: "pd.Series") -> str:
    import pandas as pd
    from pandas.api import types

    if isinstance(series.dtype, pd.CategoricalDtype):
        return _dtype(name, series.cat.categories.to_series())
    if types.is_bool_dtype(series.dtype):
        return "bool"
    if types.is_integer_dtype(series.dtype):
        return "int"
    if types.is_float_dtype(series.dtype):
        return "float"
    present = series.dropna()
    if len(present) and all(isinstance(value, str) for value in present):
        return "string"
    raise DeliveryError(
        f"column {name!r} has dtype {series.dtype}: a row sent as JSON holds numbers, booleans and strings only; "
        "convert it before the pipeline or inside it"
    )


def rows_of(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """The frame's rows as JSON values, null for NaN."""
    listed = {str(name): [_plain(value) for value in frame[name].tolist()] for name in frame.columns}
    return [dict(zip(listed, row, strict=True)) for row in zip(*listed.values(), strict=True)]


def _plain(value: Any) -> Any:
    # NaN is the one value that differs from itself; pandas.NA has no truth of its own.
    if value is None or type(value).__name__ == "NAType" or value != value:
        return None
    return str(value) if isinstance(value, str) else value
