"""A value of a column stands for itself or is refused with what to send; nothing is guessed."""

import datetime
import json
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.bundle import BundleError, Column, FrameColumn, ValueForm
from service.columns.iso_durations import duration_text
from service.columns.registry import column_kind
from service.rows import RowReader


def column(dtype, held=None, nullable=False, **form):
    """A column x of that kind. held: the dtype of the pipeline's own frame."""
    frame = None if held is None else FrameColumn(dtype=held)
    form = ValueForm(**form)
    return Column(name="x", dtype=dtype, nullable=nullable, frame=frame, form=form)


NAIVE = column("datetime", unit="us")
ZONED = column("datetime", unit="ns", zone="Europe/Oslo")
DURATION = column("duration", unit="ms")
PRICE = column("decimal", digits=5, scale=2)
VECTOR = column("array", shape=[2], items="float", item_dtype="float64")
IMAGES = column("array", shape=[None, 2], longest=2, items="int", item_dtype="uint8")
LONGEST = datetime.timedelta(microseconds=2**63 - 1)
UNSIGNED = column("int", "UInt64", nullable=True)


def read(of, value):
    """One value through a body."""
    return RowReader([of]).read(json.dumps({"instances": [{"x": value}]}).encode())


@pytest.mark.parametrize(
    ("of", "value", "held"),
    [
        (NAIVE, "2020-02-29", "2020-02-29T00:00:00"),
        (NAIVE, "2021-01-31T13:45", "2021-01-31T13:45:00"),
        (NAIVE, "2021-01-31 13:45:00.1234560", "2021-01-31T13:45:00.123456"),
        (NAIVE, "0001-01-01T00:00:00", "0001-01-01T00:00:00"),
        (NAIVE, "1969-12-31T23:59:59.999999", "1969-12-31T23:59:59.999999"),
        (ZONED, "2021-10-31T02:30:00+02:00", "2021-10-31T00:30:00"),
        (ZONED, "2021-10-31T02:30:00+01:00", "2021-10-31T01:30:00"),
        (ZONED, "2262-04-12T00:00:00+01:00", "2262-04-11T23:00:00"),
        (ZONED, "1677-09-21T00:12:43.145224193Z", "1677-09-21T00:12:43.145224193"),
    ],
)
def test_a_datetime_is_that_moment(of, value, held):
    decoded = read(of, value)
    assert not decoded.errors
    assert decoded.columns["x"].tolist() == np.array([held], f"M8[{of.form.unit}]").tolist()


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        ("PT0S", 0),
        ("P1W2DT3H4M5.006S", ((9 * 24 + 3) * 60 + 4) * 60_000 + 5006),
        ("-PT1.5S", -1500),
        ("P-1DT23H59M59S", -1000),
        ("+P1D", 86_400_000),
    ],
)
def test_a_duration_is_its_sum(value, milliseconds):
    assert read(DURATION, value).columns["x"].astype(int).tolist() == [milliseconds]


@pytest.mark.parametrize(
    ("of", "value", "held"),
    [
        (PRICE, "12.3400", Decimal("12.34")),
        (PRICE, -999.99, Decimal("-999.99")),
        (column("decimal"), "1" * 76, Decimal("1" * 76)),
        (column("decimal"), 0.1, Decimal("0.1")),
        (column("time", unit="ms"), "23:59:59.120", datetime.time(23, 59, 59, 120_000)),
        (column("date"), "9999-12-31", datetime.date(9999, 12, 31)),
        (column("bytes"), "aGVsbG8=", b"hello"),
        (column("int", "uint64"), 2**64 - 1, 2**64 - 1),
        (column("int", "uint64"), 3.0, 3),
        (UNSIGNED, 2**64 - 1, 2**64 - 1),
        (VECTOR, [1, 0.1], [1.0, 0.1]),
        (column("array", shape=[1], items="int", item_dtype="uint64"), [2**64 - 1], [2**64 - 1]),
    ],
)
def test_a_value_is_held_exactly(of, value, held):
    decoded = read(of, value)
    assert not decoded.errors
    assert decoded.columns["x"].tolist() == [held]


def test_digits_of_a_number_of_json_are_those_of_the_decimal():
    """As a float it would be 0.1000000000000000055."""
    body = b'{"instances": [{"x": 12345678901234567890.12345678901234567890}]}'
    (value,) = RowReader([column("decimal")]).read(body).columns["x"]
    assert str(value) == "12345678901234567890.12345678901234567890"


@pytest.mark.parametrize(
    ("of", "value", "message"),
    [
        (NAIVE, "2021-02-30T00:00:00", "is no day of the calendar: send ISO 8601"),
        (NAIVE, "2021-1-1", '"2021-1-1" is no datetime: send ISO 8601 without an offset'),
        *((NAIVE, value, "is no datetime") for value in ("", "now", "NaT", "20210131", "2021")),
        *(
            (NAIVE, value, "is no datetime")
            for value in ("2021-01-31T24:00", "2021-01-31T01:00:60")
        ),
        (NAIVE, "２０２１-01-31", "is no datetime"),
        (NAIVE, 1612137600, "Expected `str`, got `int`: send ISO 8601"),
        (NAIVE, None, "Expected `str`, got `null`"),
        (NAIVE, "2021-01-31T13:45:00Z", "has an offset, and the column has no zone"),
        (NAIVE, "2021-01-31T13:45:00.1234567", "has more digits than the column, which holds us"),
        (ZONED, "2021-01-31T13:45:00", "has no offset from UTC: send ISO 8601 with an offset"),
        (ZONED, "1677-09-21T00:12:43Z", "is out of range"),
        (ZONED, "2262-04-11T23:47:16.854775808Z", "is out of range"),
        (ZONED, "2021-01-31T00:00:00+25:00", "is no datetime"),
        (column("date"), "2021-02-29", "is no day of the calendar"),
        (column("date"), "2021-01-31T00:00:00", "is no day: send a day"),
        (column("time", unit="s"), "12:00:00.5", "has more digits"),
        (column("time", unit="s"), "24:00:00", "is no time of day"),
        *((DURATION, value, "is no duration") for value in ("P", "PT", "P1DT", "P1Y", "90", "P1M")),
        (DURATION, 90, "Expected `str`, got `int`: send an ISO 8601 duration"),
        (DURATION, "PT0.0001S", "has more digits"),
        (DURATION, "P106751991168D", "is out of range"),
        (PRICE, "12.345", "the column holds 3 digits before the point and 2 behind it"),
        (PRICE, "1e3", "does not fit"),
        *((PRICE, value, "is no number") for value in ("NaN", "Infinity")),
        (PRICE, "abc", "Invalid decimal string: send a decimal"),
        (column("decimal"), "0e999999999", "does not fit"),
        (column("decimal"), "1e-77", "does not fit"),
        (column("bytes"), "aGVsbG8", "is not base64"),
        (column("bytes"), "QR==", "is not base64 as it is written"),
        (column("period", frequency="M"), "2021", "is no period of this column"),
        (column("period", frequency="M"), "NaT", "is no period of this column"),
        (column("period", frequency="M"), "2021-13", "is no period: send a period"),
        (VECTOR, [1], "Expected `array` of length >= 2: send a list of 2 numbers"),
        (VECTOR, [1, 2, 3], "Expected `array` of length <= 2"),
        (VECTOR, [1, None], r"Expected `float`, got `null` - at `$[1]`"),
        (VECTOR, [1, 1e39], "Expected `float` <="),
        (VECTOR, 1, "Expected `array`, got `int`"),
        (IMAGES, [[1, 256]], "Expected `int` <= 255"),
        (IMAGES, [[1, 2]] * 3, "send a list of up to 2 lists of 2 whole numbers"),
        (
            column("array", shape=[None, None], longest=2, items="int", item_dtype="int64"),
            [[1, 2], [3]],
            "its lists have different lengths",
        ),
        (UNSIGNED, 2**64, "the number is beyond 64 bits: send a whole number up to"),
        (UNSIGNED, -1, "Expected `int` >= 0"),
    ],
)
def test_a_value_that_the_column_does_not_hold_is_refused_with_what_to_send(of, value, message):
    (error,) = read(of, value).errors
    assert (error.status, error.column) == (422, "x")
    assert message in error.detail
    assert len(error.detail) <= 303


def test_the_good_rows_beside_a_bad_one_are_kept():
    rows = [{"x": text} for text in ("2021-01-31", "2021-02-30", "2021-03-31")]
    decoded = RowReader([NAIVE]).read(json.dumps({"instances": rows}).encode())
    assert (decoded.kept, [error.row for error in decoded.errors]) == ([0, 2], [1])
    assert decoded.columns["x"].astype(str).tolist() == [
        "2021-01-31T00:00:00.000000",
        "2021-03-31T00:00:00.000000",
    ]


def test_names_that_need_the_slow_path_take_the_same_values():
    odd = Column(name='a"b', dtype="datetime", nullable=True, form=NAIVE.form)
    body = json.dumps({"instances": [{'a"b': "2021-01-31"}, {'a"b': "2021-02-30"}, {'a"b': None}]})
    decoded = RowReader([odd]).read(body.encode())
    assert decoded.kept == [0, 2]
    assert np.isnat(decoded.columns['a"b']).tolist() == [False, True]


def test_no_rows_have_the_shape_of_the_array_all_the_same():
    assert RowReader([VECTOR]).read(b'{"instances": []}').columns["x"].shape == (0, 2)


def test_a_kind_of_a_newer_sluice_is_refused_by_name():
    with pytest.raises(BundleError, match="column 'x' is tensor, a kind that this Sluice does not"):
        column_kind(column("tensor"))


@given(st.timedeltas(-LONGEST, LONGEST))
def test_every_duration_comes_back(value):
    of = column_kind(column("duration", unit="us"))
    assert of.array([duration_text(value)]).tolist() == [value]


@given(st.datetimes())
def test_every_datetime_comes_back(value):
    assert column_kind(NAIVE).array([value.isoformat()]).tolist() == [value]


@given(st.text(max_size=30))
def test_any_text_is_a_value_or_refused(text):
    for of in (NAIVE, ZONED, DURATION, column("date"), column("time", unit="us"), column("bytes")):
        decoded = read(of, text)
        assert len(decoded.errors) + len(decoded.kept) == 1
