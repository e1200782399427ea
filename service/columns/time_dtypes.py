"""Which dtypes of pandas hold moments or lengths of time, and how fine."""

from typing import Any

import numpy as np

from service.columns.iso_datetimes import Datetimes
from service.columns.iso_durations import Durations


def time_dtype_of(dtype: Any) -> Datetimes | Durations | None:
    """The kind of a datetime or a duration of numpy's, pandas' or pyarrow's; None of all others."""
    import pandas

    if isinstance(dtype, pandas.ArrowDtype):
        return _of_arrow(dtype.pyarrow_dtype)

    if isinstance(dtype, pandas.DatetimeTZDtype):
        return Datetimes(dtype.unit, zoned=True)

    if not isinstance(dtype, np.dtype):
        return None

    if dtype.kind == "M":
        return Datetimes(np.datetime_data(dtype)[0], zoned=False)
    if dtype.kind == "m":
        return Durations(np.datetime_data(dtype)[0])

    return None


def _of_arrow(held: Any) -> Datetimes | Durations | None:
    from pyarrow import types

    if types.is_timestamp(held):
        return Datetimes(held.unit, zoned=held.tz is not None)
    if types.is_duration(held):
        return Durations(held.unit)

    return None
