"""The texts that stand for null within a graph, one for each kind of null that pandas has.

A text of a request comes into the graph as UTF-8, in which the byte 0xFF never stands. So no text
that a user sends can be one of these, and nothing has to be escaped or refused.
"""

from collections.abc import Sequence
from typing import Any

from service.bundle import Column

_NONE, _NAN, _NA, _NAT = b"\xffNone", b"\xffNaN", b"\xffNA", b"\xffNaT"
_BY_NAME = {"None": _NONE, "NaN": _NAN, "NA": _NA, "NaT": _NAT}
ALL_NULL_TEXTS = tuple(_BY_NAME.values())


def null_texts_of(columns: Sequence[Column]) -> dict[int, bytes]:
    """By its number what stands for null in each column of texts that may hold nulls."""
    texts = {}
    for number, column in enumerate(columns):
        if column.dtype == "string" and column.nullable:
            texts[number] = _BY_NAME[_null_of(column)]

    return texts


def null_text_of(value: Any) -> bytes | None:
    """The text for a null that scikit-learn learned; None where it is no null."""
    import pandas

    if value is None:
        return _NONE
    if value is pandas.NA:
        return _NA
    if value is pandas.NaT:
        return _NAT
    if isinstance(value, float) and value != value:
        return _NAN

    return None


def _null_of(column: Column) -> str:
    """The null that the pipeline's frame gets: as service/frames.py builds it."""
    if column.frame is None:
        return "None"
    if column.frame.dtype == "object":
        return column.frame.null
    if column.frame.dtype.startswith("string"):
        return "NA"

    return "NaN"
