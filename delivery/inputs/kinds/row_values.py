"""A value of a frame as a row of JSON has it."""

import base64
import datetime
import decimal
from typing import Any

import numpy as np

from service.columns.iso_durations import duration_text


def json_value(value: Any) -> Any:
    """Python's own number, boolean or text for numpy's and pandas'; None for null.

    Moments and durations are ISO 8601, decimals and bytes texts, arrays lists. What has no form in
    JSON stays as it is.
    """
    if value is None or isinstance(value, list | tuple | np.ndarray | bytes | decimal.Decimal):
        return _held_by_objects(value)

    # NaN and NaT are the values that differ from themselves; pandas.NA has no truth of its own.
    if type(value).__name__ == "NAType" or value != value:
        return None

    if isinstance(value, str):
        return str(value)
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer) and not isinstance(value, np.timedelta64):
        return int(value)
    if isinstance(value, np.floating):
        return float(value)

    return _moment(value)


def datetime_text(value: datetime.datetime) -> str:
    """A moment as ISO 8601; one with a zone in UTC, with a Z."""
    if value.tzinfo is None:
        return value.isoformat()

    return f"{value.astimezone(datetime.UTC).replace(tzinfo=None).isoformat()}Z"


def _held_by_objects(value: Any) -> Any:
    if isinstance(value, np.ndarray) and _is_listed_at_once(value):
        return value.tolist()

    if isinstance(value, list | tuple | np.ndarray):
        return list(map(json_value, value))

    if isinstance(value, bytes):
        return base64.b64encode(value).decode()

    if isinstance(value, decimal.Decimal) and not value.is_nan():
        return str(value)

    return None


def _is_listed_at_once(array: np.ndarray) -> bool:
    """Whether numpy's own list of the array is one of JSON's values."""
    if array.dtype.kind == "f":
        return not np.isnan(array).any()

    return array.dtype.kind in "biu"


def _moment(value: Any) -> Any:
    import pandas as pd

    if isinstance(value, datetime.datetime):
        return datetime_text(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return duration_text(value)

    if isinstance(value, pd.Period):
        return str(value)

    return value
