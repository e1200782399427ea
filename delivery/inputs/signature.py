"""The signature of columns: what a row must look like, read off the training frame and the held-out
one.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from delivery.errors import DeliveryError
from delivery.inputs.column_kinds import kind_of
from delivery.inputs.frame_columns import frame_column
from service.bundle import Column, FrameColumn
from service.frames import pandas_dtype

if TYPE_CHECKING:
    import pandas as pd

# Texts are categories where they are few, short and each seen often: then none of them tells of one
# row.
MOST_CATEGORIES = 100
LONGEST_CATEGORY = 100
SEEN_AT_LEAST = 2
SEEN_ON_AVERAGE = 5


def columns_of(held_out: "pd.DataFrame", training: "pd.DataFrame | None") -> list[Column]:
    """One Column a column of the held-out frame, with range or categories of training; raises
    DeliveryError.
    """
    seen = held_out if training is None else training
    if not len(held_out.columns):
        raise DeliveryError("the held-out frame has no columns: there would be nothing to send")

    for frame in (held_out, seen):
        check_names(frame)

    missing = [name for name in held_out.columns if name not in seen.columns]
    if missing:
        raise DeliveryError(
            f"the held-out rows have a column {missing[0]!r} that the training rows lack"
        )

    return [_column(str(name), held_out[name], seen[name]) for name in held_out.columns]


def check_names(frame: "pd.DataFrame") -> None:
    """Raise DeliveryError where two columns have one name in JSON, or one has a name that JSON
    cannot hold.
    """
    names = [str(name) for name in frame.columns]
    seen: set[str] = set()
    for name in names:
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
    present = [_plain(value) for value in seen.dropna().tolist()]
    if kind in ("float", "int") and present:
        low, high = float(min(present)), float(max(present))
        return Column(
            name=name, dtype=kind, nullable=nullable, minimum=low, maximum=high, frame=frame
        )

    if kind == "string" and present:
        return _text_column(Column(name=name, dtype=kind, nullable=nullable, frame=frame), present)

    return Column(name=name, dtype=kind, nullable=nullable, frame=frame)


def _refuse_unnamed(name: str, frame: FrameColumn) -> None:
    """Raise DeliveryError for a dtype, such as a dictionary of pyarrow's, that pandas does not find
    again by its name.
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
    """With its categories where the texts are some; else with their number and lengths, and none of
    them.
    """
    import msgspec

    distinct, counts = np.unique(np.asarray(texts, dtype=object), return_counts=True)
    lengths = [len(text) for text in distinct]
    repeat = counts.min() >= SEEN_AT_LEAST and len(texts) >= SEEN_ON_AVERAGE * len(distinct)
    if repeat and len(distinct) <= MOST_CATEGORIES and max(lengths) <= LONGEST_CATEGORY:
        return msgspec.structs.replace(column, categories=distinct.tolist())

    levels = column.frame.levels if column.frame else None
    if (
        levels is not None
        and len(levels) > MOST_CATEGORIES
        and len(texts) < SEEN_AT_LEAST * len(levels)
    ):
        raise DeliveryError(
            f"column {column.name!r} is a category of {len(levels)} texts that hardly repeat, and "
            f"the levels of a "
            f"category are written into release.yaml: make it text, "
            f"frame[{column.name!r}].astype(str)"
        )

    return msgspec.structs.replace(
        column, distinct=len(distinct), shortest=min(lengths), longest=max(lengths)
    )


def _common_kind(name: str, held_out: "pd.Series", seen: "pd.Series") -> str:
    """Of both frames; one that holds nothing but nulls has no say, and whole numbers are floats
    too.
    """
    here, there = (kind_of(name, each) if each.notna().any() else None for each in (held_out, seen))
    if here is None or there is None or here == there:
        return here or there or kind_of(name, held_out)
    if {here, there} == {"int", "float"}:
        return "float"

    raise DeliveryError(
        f"column {name!r} is {here} in the held-out rows and {there} in the training rows"
    )


def rows_of(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """The frame's rows as JSON values, null for NaN."""
    listed = {
        str(name): [_plain(value) for value in frame[name].tolist()] for name in frame.columns
    }
    return [dict(zip(listed, row, strict=True)) for row in zip(*listed.values(), strict=True)]


def _plain(value: Any) -> Any:
    """A value as JSON has it; numpy's and pandas' own kinds of number, text and null as
    Python's.
    """
    # NaN is the one value that differs from itself; pandas.NA has no truth of its own.
    if value is None or type(value).__name__ == "NAType" or value != value:
        return None
    if isinstance(value, str):
        return str(value)
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)

    if isinstance(value, np.floating):
        return float(value)
    return value
