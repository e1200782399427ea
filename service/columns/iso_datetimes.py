"""Datetimes as ISO 8601 texts: 2021-01-31T13:45:00.123456789, with an offset where zoned.

A time without a zone has no offset, and one with a zone has one: so a text stands for one moment,
also where the clocks are set back. A moment is a count of the column's units since 1970, as pandas
holds it, and a text that this count cannot hold exactly is refused.
"""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from service.columns.kind import BadValue, counts_of, shown

# Digits behind the second, by unit.
DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
EPOCH = date(1970, 1, 1).toordinal()
LARGEST_COUNT = 2**63 - 1
RANGE_OF_NS = ", up to 292 years from 1970 or as long"
_DATE = r"(\d{4})-(\d\d)-(\d\d)"
_TIME = r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,9}))?)?"
_OFFSET = r"(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
_DATETIME = re.compile(rf"{_DATE}(?:[T ]{_TIME}{_OFFSET}?)?", re.ASCII)
DATE = re.compile(_DATE, re.ASCII)
TIME = re.compile(_TIME, re.ASCII)


class Datetimes:
    """Datetimes of one unit (s, ms, us or ns); zoned: with an offset, held in UTC."""

    json_type = str

    def __init__(self, unit: str, zoned: bool) -> None:
        self.unit, self.zoned = unit, zoned
        self.to_send = 'ISO 8601 without an offset, such as "2021-01-31T13:45:00"'
        if zoned:
            self.to_send = 'ISO 8601 with an offset, such as "2021-01-31T13:45:00+01:00"'

    def array(self, values: Sequence[Any]) -> np.ndarray:
        """See ColumnKind; datetime64 of the unit, NaT for null."""
        return counts_of(values, self.parse).view(f"M8[{self.unit}]")

    def parse(self, text: str) -> int:
        """The count of units since 1970; raises BadValue."""
        match = _DATETIME.fullmatch(text)
        if match is None:
            raise BadValue(f"{shown(text)} is no datetime: send {self.to_send}")

        year, month, day, hour, minute, second, fraction, offset = match.groups()
        self._check_offset(text, offset)
        days = ordinal(text, year, month, day, self.to_send) - EPOCH
        seconds = days * 86_400 + seconds_of(hour, minute, second) - _offset_seconds(offset)
        return checked_count(text, seconds, fraction or "", self.unit)

    def _check_offset(self, text: str, offset: str | None) -> None:
        if self.zoned and offset is None:
            raise BadValue(f"{shown(text)} has no offset from UTC: send {self.to_send}")

        if not self.zoned and offset is not None:
            raise BadValue(
                f"{shown(text)} has an offset, and the column has no zone: send {self.to_send}"
            )


def ordinal(text: str, year: str, month: str, day: str, to_send: str) -> int:
    """The number of a day; raises BadValue where the calendar has no such day."""
    try:
        return date(int(year), int(month), int(day)).toordinal()
    except ValueError:
        raise BadValue(f"{shown(text)} is no day of the calendar: send {to_send}") from None


def seconds_of(hour: str | None, minute: str | None, second: str | None) -> int:
    """The seconds since midnight."""
    return int(hour or 0) * 3600 + int(minute or 0) * 60 + int(second or 0)


def checked_count(text: str, seconds: int, fraction: str, unit: str) -> int:
    """The count of units; raises BadValue where the column does not hold it exactly."""
    digits = DIGITS[unit]
    if fraction[digits:].strip("0"):
        raise BadValue(
            f"{shown(text)} has more digits than the column, which holds {unit}: send at most "
            f"{digits} behind the second"
        )

    count: int = seconds * 10**digits + int(fraction[:digits].ljust(digits, "0") or 0)
    # The smallest number of 64 bits stands for null.
    if abs(count) > LARGEST_COUNT:
        raise BadValue(
            f"{shown(text)} is out of range: the column holds what 64 bits count in {unit}"
            f"{RANGE_OF_NS if unit == 'ns' else ''}"
        )

    return count


def _offset_seconds(offset: str | None) -> int:
    if offset is None or offset == "Z":
        return 0

    seconds = int(offset[1:3]) * 3600 + int(offset[4:6]) * 60
    if offset.startswith("-"):
        return -seconds

    return seconds
