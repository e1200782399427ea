"""Columns of days, of times of day and of periods."""

import datetime
from collections.abc import Iterator
from typing import Any

from delivery.inputs.kinds.datetimes_and_durations import (
    DAYS,
    ends_of_training,
    extremes,
    held_dtype,
)
from delivery.inputs.kinds.kind import FrameKind, Probed, ProbedColumn, SeenColumn, arrow_dtype
from service.bundle import FrameColumn, ValueForm
from service.frames import pandas_dtype

FAR_DAYS = ("1677-09-22", "2262-04-11", "0001-01-01", "9999-12-31")
TIMES = ("00:00:00", "00:00:01", "12:00:00", "23:59:59", "23:59:59.999999")
# So many periods after each other are asked, from the first of training on.
PERIODS = 4


class DateKind(FrameKind):
    """Days: datetime.date in a column of objects, or pyarrow's dates."""

    name = "date"

    def has_dtype(self, dtype: Any) -> bool:
        """See FrameKind."""
        return str(arrow_dtype(dtype)).startswith("date")

    def has_value(self, value: Any) -> bool:
        """See FrameKind."""
        return isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)

    def form(self, column: SeenColumn) -> tuple[FrameColumn, ValueForm]:
        """See FrameKind."""
        earliest, latest = extremes(column)
        return column.frame, ValueForm(earliest=earliest, latest=latest)

    def probes(self, column: ProbedColumn) -> Iterator[Probed]:
        """See FrameKind."""
        yield from ends_of_training(column.form)
        for day in DAYS:
            yield day, False

        for day in FAR_DAYS:
            yield day, True


class TimeKind(FrameKind):
    """Times of day without a zone: datetime.time in a column of objects, or pyarrow's times."""

    name = "time"

    def has_dtype(self, dtype: Any) -> bool:
        """See FrameKind; Python has no time of nanoseconds."""
        return str(arrow_dtype(dtype)) in ("time32[s]", "time32[ms]", "time64[us]")

    def has_value(self, value: Any) -> bool:
        """See FrameKind."""
        return isinstance(value, datetime.time) and value.tzinfo is None and not value.fold

    def form(self, column: SeenColumn) -> tuple[FrameColumn, ValueForm]:
        """See FrameKind."""
        unit = "us"
        if column.frame.dtype.startswith("time32["):
            unit = column.frame.dtype.partition("[")[2].partition("]")[0]

        earliest, latest = extremes(column)
        return column.frame, ValueForm(unit=unit, earliest=earliest, latest=latest)

    def probes(self, column: ProbedColumn) -> Iterator[Probed]:
        """See FrameKind."""
        yield from ends_of_training(column.form)
        for time in TIMES:
            yield time, False


class PeriodKind(FrameKind):
    """Periods of pandas'."""

    name = "period"

    def has_dtype(self, dtype: Any) -> bool:
        """See FrameKind."""
        import pandas as pd

        return isinstance(dtype, pd.PeriodDtype)

    def form(self, column: SeenColumn) -> tuple[FrameColumn, ValueForm]:
        """See FrameKind."""
        frequency = str(held_dtype(pandas_dtype(column.frame))).partition("[")[2][:-1]
        earliest, latest = extremes(column)
        return column.frame, ValueForm(frequency=frequency, earliest=earliest, latest=latest)

    def probes(self, column: ProbedColumn) -> Iterator[Probed]:
        """See FrameKind."""
        import pandas as pd

        form = column.form
        yield from ends_of_training(form)
        for end in filter(None, (form.earliest, form.latest)):
            period = pd.Period(end, freq=form.frequency)
            for steps in range(-PERIODS, PERIODS + 1):
                yield str(period + steps), False
