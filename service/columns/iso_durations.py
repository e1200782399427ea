"""Durations as ISO 8601 texts of weeks, days, hours, minutes and seconds: P1DT2H3M4.5S, -PT90S.

Years and months are refused: they are of no fixed length. A number is refused, since it says no
unit, and as a float it would lose nanoseconds.
"""

import datetime
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from service.columns.iso_datetimes import checked_count
from service.columns.kind import BadValue, counts_of, shown

_COUNT = r"(-?\d{1,12})"
_DURATION = re.compile(
    rf"([-+]?)P(?:{_COUNT}W)?(?:{_COUNT}D)?"
    rf"(?:T(?:{_COUNT}H)?(?:{_COUNT}M)?(?:(-?)(\d{{1,12}})(?:\.(\d{{1,9}}))?S)?)?",
    re.ASCII,
)
# A P or a T is followed by something.
_EMPTY = re.compile(r"[-+]?P(T?)|.*T")
_SECONDS = (7 * 86_400, 86_400, 3_600, 60)
NANOSECONDS = 10**9


class Durations:
    """Durations of one unit (s, ms, us or ns)."""

    json_type = str
    to_send = 'an ISO 8601 duration, such as "P1DT2H30M" or "PT90.5S"'

    def __init__(self, unit: str) -> None:
        self.unit = unit

    def array(self, values: Sequence[Any]) -> np.ndarray:
        """See ColumnKind; timedelta64 of the unit, NaT for null."""
        return counts_of(values, self.parse).view(f"m8[{self.unit}]")

    def parse(self, text: str) -> int:
        """The count of units; raises BadValue."""
        match = _DURATION.fullmatch(text)
        if match is None or _EMPTY.fullmatch(text):
            raise BadValue(f"{shown(text)} is no duration: send {self.to_send}")

        sign, *counts, seconds_sign, seconds, fraction = match.groups()
        nanoseconds = int(seconds or 0) * NANOSECONDS + int((fraction or "").ljust(9, "0"))
        if seconds_sign:
            nanoseconds = -nanoseconds

        for count, length in zip(counts, _SECONDS, strict=True):
            nanoseconds += int(count or 0) * length * NANOSECONDS

        if sign == "-":
            nanoseconds = -nanoseconds

        whole, rest = divmod(nanoseconds, NANOSECONDS)
        return checked_count(text, whole, f"{rest:09}", self.unit)


def duration_text(value: datetime.timedelta) -> str:
    """A duration as ISO 8601, with the nanoseconds of pandas' own."""
    whole = value.days * 86_400 + value.seconds
    nanoseconds = whole * NANOSECONDS + value.microseconds * 1000 + getattr(value, "nanoseconds", 0)
    sign = ""
    if nanoseconds < 0:
        sign, nanoseconds = "-", -nanoseconds

    whole, rest = divmod(nanoseconds, NANOSECONDS)
    days, seconds = divmod(whole, 86_400)
    fraction = f".{rest:09}".rstrip("0").rstrip(".")
    if days:
        return f"{sign}P{days}DT{seconds}{fraction}S"

    return f"{sign}PT{seconds}{fraction}S"
