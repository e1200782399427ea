"""All kinds of columns beyond numbers, booleans and texts."""

from typing import Any

from delivery.inputs.kinds.arrays import ArrayKind
from delivery.inputs.kinds.dates_times_periods import DateKind, PeriodKind, TimeKind
from delivery.inputs.kinds.datetimes_and_durations import DatetimeKind, DurationKind
from delivery.inputs.kinds.decimals import DecimalKind
from delivery.inputs.kinds.encoded_bytes import BytesKind
from delivery.inputs.kinds.kind import FrameKind

KINDS: dict[str, FrameKind] = {
    kind.name: kind
    for kind in (
        DatetimeKind(),
        DurationKind(),
        DateKind(),
        TimeKind(),
        PeriodKind(),
        DecimalKind(),
        BytesKind(),
        ArrayKind(),
    )
}


def kind_of_dtype(dtype: Any) -> str:
    """The kind of a column by its dtype; empty where that does not say it."""
    for kind in KINDS.values():
        if kind.has_dtype(dtype):
            return kind.name

    return ""


def kind_of_object(value: Any) -> str:
    """The kind of a value in a column of objects; empty where it is of none."""
    for kind in KINDS.values():
        if kind.has_value(value):
            return kind.name

    return ""
