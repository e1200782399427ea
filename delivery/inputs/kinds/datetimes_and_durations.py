"""Columns of datetimes and of durations."""

from collections.abc import Iterator
from typing import Any

from delivery.errors import DeliveryError
from delivery.inputs.kinds.kind import FrameKind, Probed, ProbedColumn, SeenColumn
from delivery.inputs.kinds.row_values import json_value
from service.bundle import FrameColumn, ValueForm
from service.columns.iso_datetimes import Datetimes
from service.columns.iso_durations import Durations
from service.columns.time_dtypes import time_dtype_of
from service.frames import pandas_dtype

# Leap days, ends of months and years, the epoch and before, and where clocks are set.
DAYS = (
    *("2020-02-29", "2000-02-29", "2023-02-28", "2024-12-31", "2025-01-01", "2024-03-31"),
    *("1970-01-01", "1969-12-31", "1900-03-01"),
)
TIMES = ("T00:00:00", "T12:00:00", "T23:59:59")
# Gaps and repeated hours in Europe and in America, in UTC.
CLOCK_CHANGES = (
    *("2021-03-28T00:59:59", "2021-03-28T01:00:00", "2021-10-31T00:30:00", "2021-10-31T01:30:00"),
    *("2021-03-14T07:00:00", "2021-11-07T05:30:00", "2021-11-07T06:30:00"),
    *("2021-03-28T02:30:00", "2021-10-31T02:30:00"),
)
SMALLEST = {"s": "", "ms": ".001", "us": ".000001", "ns": ".000000001"}
# The ends of nanoseconds and of years; a column takes those that it holds.
ENDS = (
    *("1677-09-21T00:12:43.145224193", "2262-04-11T23:47:16.854775807", "1678-01-01T00:00:00"),
    *("2261-12-31T23:59:59", "0001-01-01T00:00:00", "9999-12-31T23:59:59"),
)
DURATIONS = ("PT0S", "PT1S", "-PT1S", "P1D", "-P1DT1S", "PT86399S", "P7D", "P365DT1S")
LONG_DURATIONS = ("P106751D", "-P106751D", "P100000000D")


class DatetimeKind(FrameKind):
    """Datetimes, naive or with a zone."""

    name = "datetime"

    def has_dtype(self, dtype: Any) -> bool:
        """See FrameKind."""
        return isinstance(time_dtype_of(dtype), Datetimes)

    def form(self, column: SeenColumn) -> tuple[FrameColumn, ValueForm]:
        """See FrameKind."""
        _require_one_kind_of_zone(column)
        dtype = held_dtype(pandas_dtype(column.frame))
        unit, zone = _unit(dtype), _zone(dtype)
        earliest, latest = extremes(column)
        return column.frame, ValueForm(unit=unit, zone=zone, earliest=earliest, latest=latest)

    def probes(self, column: ProbedColumn) -> Iterator[Probed]:
        """See FrameKind."""
        form = column.form
        offset = "" if form.zone is None else "Z"
        yield from ends_of_training(form)
        for day in DAYS:
            for time in TIMES:
                yield f"{day}{time}{offset}", False

        for moment in CLOCK_CHANGES:
            yield f"{moment}{offset}", False
            yield f"{moment}{SMALLEST[form.unit]}{offset}", False

        for moment in ENDS:
            yield f"{moment}{offset}", True


class DurationKind(FrameKind):
    """Durations."""

    name = "duration"

    def has_dtype(self, dtype: Any) -> bool:
        """See FrameKind."""
        return isinstance(time_dtype_of(dtype), Durations)

    def form(self, column: SeenColumn) -> tuple[FrameColumn, ValueForm]:
        """See FrameKind."""
        earliest, latest = extremes(column)
        unit = _unit(held_dtype(pandas_dtype(column.frame)))
        return column.frame, ValueForm(unit=unit, earliest=earliest, latest=latest)

    def probes(self, column: ProbedColumn) -> Iterator[Probed]:
        """See FrameKind."""
        form = column.form
        yield from ends_of_training(form)
        for duration in (*DURATIONS, f"PT0{SMALLEST[form.unit]}S"):
            yield duration, False

        for duration in LONG_DURATIONS:
            yield duration, True


def extremes(column: SeenColumn) -> tuple[str | None, str | None]:
    """The first and the last of all values, as JSON has them."""
    values = column.present()
    if not values:
        return None, None

    return json_value(min(values)), json_value(max(values))


def ends_of_training(form: ValueForm) -> Iterator[Probed]:
    """What training saw first and last."""
    for value in (form.earliest, form.latest):
        if value is not None:
            yield value, False


def held_dtype(dtype: Any) -> Any:
    """The dtype itself, or of a category that of its levels."""
    categories = getattr(dtype, "categories", None)
    if categories is None:
        return dtype

    return categories.dtype


def _unit(dtype: Any) -> str:
    kind = time_dtype_of(dtype)
    assert kind is not None
    return kind.unit


def _zone(dtype: Any) -> str | None:
    """The name of the zone, None where the datetimes have none."""
    zone = getattr(dtype, "tz", None)
    if zone is None:
        zone = getattr(getattr(dtype, "pyarrow_dtype", None), "tz", None)

    return None if zone is None else str(zone)


def _require_one_kind_of_zone(column: SeenColumn) -> None:
    zoned = set()
    for series in column.series:
        if series.notna().any():
            zoned.add(_zone(held_dtype(series.dtype)) is not None)

    if len(zoned) > 1:
        raise DeliveryError(
            f"column {column.name!r} has a zone in one of the frames and none in the other: give "
            f"both the same, such as frame[{column.name!r}].dt.tz_localize('UTC')"
        )
