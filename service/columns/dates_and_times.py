"""Days without a time, 2021-01-31, and times without a day, 13:45:00.5, as ISO 8601 texts."""

import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np

from service.columns.iso_datetimes import DATE, DIGITS, TIME, ordinal
from service.columns.kind import BadValue, objects_of, shown


class Dates:
    """Days, held as datetime.date."""

    json_type = str
    to_send = 'a day as ISO 8601, such as "2021-01-31"'

    def array(self, values: Sequence[Any]) -> np.ndarray:
        """See ColumnKind."""
        return objects_of(values, self.parse)

    def parse(self, text: str) -> datetime.date:
        """The day; raises BadValue."""
        match = DATE.fullmatch(text)
        if match is None:
            raise BadValue(f"{shown(text)} is no day: send {self.to_send}")

        year, month, day = match.groups()
        return datetime.date.fromordinal(ordinal(text, year, month, day, self.to_send))


class Times:
    """Times of day of one unit (s, ms or us), held as datetime.time."""

    json_type = str
    to_send = 'a time of day as ISO 8601 without an offset, such as "13:45:00"'

    def __init__(self, unit: str) -> None:
        self.unit = unit

    def array(self, values: Sequence[Any]) -> np.ndarray:
        """See ColumnKind."""
        return objects_of(values, self.parse)

    def parse(self, text: str) -> datetime.time:
        """The time; raises BadValue."""
        match = TIME.fullmatch(text)
        if match is None:
            raise BadValue(f"{shown(text)} is no time of day: send {self.to_send}")

        hour, minute, second, fraction = match.groups()
        fraction = (fraction or "").rstrip("0")
        if len(fraction) > DIGITS[self.unit]:
            raise BadValue(
                f"{shown(text)} has more digits than the column, which holds {self.unit}: send at "
                f"most {DIGITS[self.unit]} behind the second"
            )

        microseconds = int(fraction.ljust(6, "0"))
        return datetime.time(int(hour), int(minute), int(second or 0), microseconds)
