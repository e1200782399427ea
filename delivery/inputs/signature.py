"""Reads the signature of columns, what a row must look like, from the frames."""

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from delivery.errors import DeliveryError
from delivery.inputs.column_kinds import kind_of
from delivery.inputs.frame_columns import frame_column
from delivery.inputs.kinds.kind import SeenColumn
from delivery.inputs.kinds.registry import KINDS
from delivery.inputs.kinds.row_values import json_value
from service.bundle import Column, FrameColumn
from service.frames import pandas_dtype

if TYPE_CHECKING:
    import pandas as pd

# Texts are categories where they are few, short and repeat: then none of them identifies a row.
MOST_CATEGORIES = 100
LONGEST_CATEGORY = 100
SEEN_AT_LEAST = 2
SEEN_ON_AVERAGE = 5


def columns_of(held_out: "pd.DataFrame", training: "pd.DataFrame | None") -> list[Column]:
    """One Column for each column of the held-out frame, with range or categories of training.

    Raises DeliveryError where a column has no form in JSON or the frames do not fit.
    """
    seen = held_out if training is None else training
    if not len(held_out.columns):
        raise DeliveryError("the held-out frame has no columns: there would be nothing to send")

    for frame in (held_out, seen):
        check_names(frame)

    for name in held_out.columns:
        if name not in seen.columns:
            raise DeliveryError(
                f"the held-out rows have a column {name!r} that the training rows lack"
            )

    return [_column(str(name), held_out[name], seen[name]) for name in held_out.columns]


def check_names(frame: "pd.DataFrame") -> None:
    """Raise DeliveryError where two columns have one name in JSON, or JSON cannot hold a name."""
    seen: set[str] = set()
    for name in map(str, frame.columns):
        if name in seen:
            raise DeliveryError(
                f"a frame has two columns with the name {name!r}: rename one of them"
            )

        seen.add(name)
        if name != name.encode("utf-8", "replace").decode():
            raise DeliveryError(
                f"column {name!r} has half a character in its name, which JSON cannot hold: "
                f"rename it before fit"
            )


def _column(name: str, held_out: "pd.Series", seen: "pd.Series") -> Column:
    kind = _common_kind(name, held_out, seen)
    nullable = bool(held_out.isna().any() or seen.isna().any())
    frame = frame_column(held_out, seen, nullable)
    _refuse_unnamed(name, frame)

    if kind in KINDS:
        frame, form = KINDS[kind].form(SeenColumn(name, frame, (held_out, seen)))
        column = Column(name=name, dtype=kind, nullable=nullable, frame=frame, form=form)
        _refuse_rare_levels(column, int(seen.notna().sum()))
        return column

    column = Column(name=name, dtype=kind, nullable=nullable, frame=frame)
    present = list(map(json_value, seen.dropna().tolist()))
    if kind in ("float", "int") and present:
        low, high = float(min(present)), float(max(present))
        return msgspec.structs.replace(column, minimum=low, maximum=high)

    if kind == "string" and present:
        return _text_column(column, present)

    return column


def _refuse_unnamed(name: str, frame: FrameColumn) -> None:
    """Raise DeliveryError for a dtype that pandas does not find by its name.

    A dictionary of pyarrow's is one.
    """
    try:
        pandas_dtype(frame)
    except TypeError as error:
        raise DeliveryError(
            f"column {name!r} has pandas' dtype {frame.dtype}, which no service can make again: "
            f"make it frame[{name!r}].astype('category') or .astype(str) in both frames and "
            f"before fit"
        ) from error


def _text_column(column: Column, texts: list[str]) -> Column:
    """With categories where the texts are few and repeat, else with their number and lengths."""
    distinct, counts = np.unique(np.asarray(texts, dtype=object), return_counts=True)
    lengths = list(map(len, distinct))
    if repeat(counts.tolist()) and max(lengths) <= LONGEST_CATEGORY:
        return msgspec.structs.replace(column, categories=distinct.tolist())

    _refuse_rare_levels(column, len(texts))
    return msgspec.structs.replace(
        column, distinct=len(distinct), shortest=min(lengths), longest=max(lengths)
    )


def repeat(counts: list[int]) -> bool:
    """Whether values that were seen so often are few and repeat, so that none of them tells a
    row.
    """
    if not 0 < len(counts) <= MOST_CATEGORIES or min(counts) < SEEN_AT_LEAST:
        return False
    return sum(counts) >= SEEN_ON_AVERAGE * len(counts)


def _refuse_rare_levels(column: Column, values: int) -> None:
    """Raise DeliveryError for a category of many levels that hardly repeat among the values."""
    levels = column.frame.levels if column.frame else None
    if levels is None or len(levels) <= MOST_CATEGORIES:
        return

    if values < SEEN_AT_LEAST * len(levels):
        dtype, noun = f"frame[{column.name!r}].cat.categories.dtype", "values"
        if column.dtype == "string":
            dtype, noun = "str", "texts"

        raise DeliveryError(
            f"column {column.name!r} is a category of {len(levels)} {noun} that hardly repeat, "
            f"and the levels of a category are written into release.yaml: make it no category, "
            f"frame[{column.name!r}].astype({dtype})"
        )


def _common_kind(name: str, held_out: "pd.Series", seen: "pd.Series") -> str:
    """The kind of both frames' columns; of int and float it is float.

    A column that holds nothing but nulls has no kind of its own.
    """
    of_held_out = kind_of(name, held_out) if held_out.notna().any() else None
    of_training = kind_of(name, seen) if seen.notna().any() else None
    if of_held_out is None or of_training is None or of_held_out == of_training:
        return of_held_out or of_training or kind_of(name, held_out)

    if {of_held_out, of_training} == {"int", "float"}:
        return "float"

    raise DeliveryError(
        f"column {name!r} is {of_held_out} in the held-out rows and {of_training} in the training "
        f"rows"
    )


def rows_of(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """The frame's rows as JSON values, null for NaN."""
    columns = {}
    for name in frame.columns:
        columns[str(name)] = list(map(json_value, frame[name].tolist()))

    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
