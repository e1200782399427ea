"""A column of each kind beyond numbers, booleans and texts, as frames hold them."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa

OSLO = "Europe/Oslo"
MOMENTS = ["2021-01-31T13:45:00", None, "1969-12-31T23:59:59", "2020-02-29T00:00:00"]
# The second hour of a day on which clocks are set back comes twice.
FOLD = ["2021-10-31T00:30:00Z", "2021-10-31T01:30:00Z", None, "2021-03-28T01:00:00Z"]


def arrow(values, kind):
    """A column of pyarrow's."""
    return pd.Series(pd.array(values, dtype=pd.ArrowDtype(kind)))


def objects(*values):
    """A column of objects, lists and arrays too."""
    held = np.empty(len(values), dtype=object)
    for number, value in enumerate(values):
        held[number] = value

    return pd.Series(held)


def moments(dtype, texts=MOMENTS):
    """Datetimes of that dtype."""
    zoned = any(text and text.endswith("Z") for text in texts)
    return pd.Series(pd.to_datetime(texts, format="ISO8601", utc=zoned)).astype(dtype)


DAYS = (datetime.date(2021, 1, 31), None, datetime.date(1, 1, 1), datetime.date(9999, 12, 31))
TIMES = (datetime.time(13, 45), None, datetime.time(23, 59, 59, 999_999))
PRICES = (Decimal("12.50"), None, Decimal("-0.01"))
VECTORS = ([0.5, 1.0], [-1.5, 2.25], [0.1, 0.3])

COLUMN_SERIES = {
    **{f"datetime64[{unit}]": moments(f"datetime64[{unit}]") for unit in ("s", "ms", "us", "ns")},
    "nanoseconds": pd.Series(
        np.array([1, -1, 2**63 - 1, -(2**63) + 1], dtype=np.int64).view("M8[ns]")
    ),
    "years far from 1970": moments("datetime64[us]", ["0001-01-01T00:00:00", "9999-12-31"]),
    **{
        f"datetime64[{unit}, {zone}]": moments(f"datetime64[{unit}, {zone}]", FOLD)
        for unit, zone in (("ns", OSLO), ("us", "UTC"), ("ms", "America/New_York"))
    },
    "an offset for a zone": moments("datetime64[us, UTC+01:00]", FOLD),
    "timestamp[ns][pyarrow]": arrow(moments("datetime64[ns]"), pa.timestamp("ns")),
    "timestamp[us, tz][pyarrow]": moments(pd.ArrowDtype(pa.timestamp("us", tz=OSLO)), FOLD),
    "date32[pyarrow]": arrow(DAYS, pa.date32()),
    "dates": objects(*DAYS),
    "dates with NaT": objects(DAYS[0], pd.NaT),
    "times": objects(*TIMES),
    "time64[us][pyarrow]": arrow(TIMES, pa.time64("us")),
    "time32[s][pyarrow]": arrow([datetime.time(1, 2, 3), None], pa.time32("s")),
    **{
        f"timedelta64[{unit}]": pd.Series(pd.to_timedelta([90, None, -1], unit="s")).astype(
            f"timedelta64[{unit}]"
        )
        for unit in ("s", "ms", "us", "ns")
    },
    "durations of nanoseconds": pd.Series(np.array([1, -1, 2**63 - 1], dtype="m8[ns]")),
    "duration[ms][pyarrow]": arrow([datetime.timedelta(milliseconds=1), None], pa.duration("ms")),
    "decimals": objects(*PRICES),
    "decimals of many digits": objects(Decimal("12345678901234567890.123456789012345678"), None),
    "decimal128[pyarrow]": arrow(PRICES, pa.decimal128(10, 2)),
    "bytes": objects(b"", None, b"\x00\xff"),
    "binary[pyarrow]": arrow([b"", None, b"\x00\xff"], pa.binary()),
    **{
        f"period[{frequency}]": pd.Series(
            pd.PeriodIndex(["2021-05-03", None, "1969-12-31"], freq=frequency)
        )
        for frequency in ("M", "D", "Q-DEC", "h", "Y-DEC")
    },
    "vectors as lists": objects(*VECTORS),
    "vectors as lists or null": objects(VECTORS[0], None, VECTORS[1]),
    "vectors as tuples": objects(*map(tuple, VECTORS)),
    "vectors with NaN": objects([0.5, float("nan")], [1.5, 2.0]),
    "vectors with None": objects([0.5, None], [1.5, 2.0]),
    "vectors of several lengths": objects([0.5], [], [1.5, 2.5, 3.5]),
    "vectors of whole numbers": objects([1, 2**53 + 1], [3, 4]),
    "vectors of booleans": objects([True, False], [False, False]),
    "vectors of texts": objects(["a", "é"], ["", "b"]),
    **{
        f"arrays of {dtype}": objects(*(np.array(vector, dtype=dtype) for vector in VECTORS))
        for dtype in ("float64", "float32", "float16")
    },
    "arrays of uint8": objects(*np.arange(12, dtype="uint8").reshape(3, 2, 2)),
    "arrays of uint64": objects(np.array([2**64 - 1, 0], dtype="uint64")),
    "arrays of float32 with NaN": objects(np.array([np.nan, 0.1], dtype="float32"), None),
    "images": objects(*np.random.default_rng(0).normal(size=(3, 4, 5))),
    "images as lists": objects([[1.5, 2.0], [3.0, 4.0]], [[0.0, 0.5], [0.25, 0.125]]),
    "list<double>[pyarrow]": arrow([*VECTORS, None], pa.list_(pa.float64())),
    "list<float> of several lengths[pyarrow]": arrow(
        [[0.5], [], [1.5, None]], pa.list_(pa.float32())
    ),
    "fixed_size_list<float>[pyarrow]": arrow(VECTORS, pa.list_(pa.float32(), 2)),
    "list<list<int8>>[pyarrow]": arrow([[[1, 2], [3, -4]]], pa.list_(pa.list_(pa.int8()))),
    "dictionary[pyarrow]": arrow(["a", None, "b"], pa.dictionary(pa.int32(), pa.string())),
    "string of pyarrow itself": arrow(["a", None, "b"], pa.string()),
    "int64[pyarrow]": arrow([2**53 + 1, None], pa.int64()),
    "uint64[pyarrow]": arrow([2**64 - 1, None], pa.uint64()),
    "bool[pyarrow]": arrow([True, None], pa.bool_()),
    "double[pyarrow]": arrow([1.5, None], pa.float64()),
    "halffloat[pyarrow]": arrow([1.5, 2.0], pa.float16()),
    "int8[pyarrow]": arrow([1, -128], pa.int8()),
    "uint64": pd.Series([2**64 - 1, 0], dtype="uint64"),
    "UInt64": pd.Series([2**64 - 1, None, 2**63 + 1], dtype="UInt64"),
    "Int64 near its ends": pd.Series([2**63 - 1, None, -(2**63)], dtype="Int64"),
    "category of booleans": pd.Series(
        [True, None, False], dtype=pd.CategoricalDtype([True, False])
    ),
    "category of floats": pd.Series([0.5, None], dtype=pd.CategoricalDtype([1.5, 0.5])),
    "category of datetimes": moments("datetime64[us]").astype("category"),
    "category of zoned datetimes": moments(f"datetime64[us, {OSLO}]", FOLD).astype("category"),
    "category of durations": pd.Series(pd.to_timedelta([90, None, 1], unit="s")).astype("category"),
    "category of dates": objects(*DAYS[:2]).astype("category"),
    "category of periods": pd.Series(pd.PeriodIndex(["2021-05", None], freq="M")).astype(
        "category"
    ),
}
