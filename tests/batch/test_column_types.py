"""Columns of every kind in files: the service's own answers, or refused before the first row."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from batch.errors import BatchError
from batch.inputs.accepted_types import check_types
from batch.inputs.arrow_columns import ColumnFitter
from batch.inputs.json_forms import json_forms
from service.bundle import Column, FrameColumn, ValueForm
from service.rows import RowReader

ZONED = ValueForm(unit="us", zone="Europe/Oslo")
MOMENT = datetime.datetime(2021, 10, 31, 1, 30, tzinfo=datetime.UTC)


def column(dtype, form=None, nullable=False, frame=None):
    """A column `x`."""
    return Column(name="x", dtype=dtype, nullable=nullable, form=form, frame=frame)


def of_service(wanted, sent):
    """The values that the service's reader has of what a row sends."""
    decoded = RowReader([wanted]).read(
        b'{"instances":[%s]}' % b",".join(b'{"x":%s}' % raw for raw in sent)
    )
    assert not decoded.errors
    return decoded.columns["x"]


def fitted(wanted, array):
    """What a batch run makes of an Arrow column."""
    return ColumnFitter([wanted]).fit(pa.RecordBatch.from_arrays([array], ["x"]))


@pytest.mark.parametrize("name", ["rides", "nights", "digits", "vectors", "prices", "accounts"])
def test_predictions_of_typed_columns_are_the_services(typed, name):
    frame = typed.held_out(name)
    typed.write(frame)
    ended = typed.run(name)
    assert (ended.state, ended.rows, ended.bad) == ("done", len(frame), 0)
    assert typed.predictions() == typed.served(name, frame)


@pytest.mark.parametrize("file", ["rows.parquet", "rows.csv", "rows.jsonl"])
def test_days_times_durations_periods_and_bytes_are_the_services(typed, file):
    frame = typed.held_out("visits")
    # An empty cell of a CSV is null.
    frame = frame[frame["raw"].map(len) > 0].reset_index(drop=True)
    served = typed.served("visits", frame)
    if not file.endswith("jsonl"):
        frame["month"] = frame["month"].astype(str)
    if file.endswith("csv"):
        frame = as_sent(frame)

    typed.write(frame, file)
    ended = typed.run("visits", output_format="parquet")
    assert (ended.state, ended.bad) == ("done", 0), typed.bad_rows()[:1]
    assert typed.predictions() == served


def as_sent(frame):
    """The frame's values as texts that a request has."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    forms = {name: json_forms(table[name].combine_chunks()) for name in table.column_names}
    return pd.DataFrame(forms)


@pytest.mark.parametrize(
    ("wanted", "array", "sent"),
    [
        (
            column("datetime", ZONED),
            pa.array([MOMENT], pa.timestamp("us", "America/New_York")),
            [b'"2021-10-31T02:30:00+01:00"'],
        ),
        (
            column("datetime", ValueForm(unit="ns"), nullable=True),
            pa.array([1, None, -1], pa.timestamp("ns")),
            [b'"1970-01-01T00:00:00.000000001"', b"null", b'"1969-12-31T23:59:59.999999999"'],
        ),
        (
            column("datetime", ValueForm(unit="s")),
            pa.array([5_000], pa.timestamp("ms")),
            [b'"1970-01-01T00:00:05"'],
        ),
        (
            column("datetime", ValueForm(unit="us")),
            pa.array([datetime.date(2020, 2, 29)]),
            [b'"2020-02-29"'],
        ),
        (column("date"), pa.array([datetime.date(1, 1, 1)]), [b'"0001-01-01"']),
        (
            column("time", ValueForm(unit="us")),
            pa.array([datetime.time(23, 59, 59, 1)], pa.time64("us")),
            [b'"23:59:59.000001"'],
        ),
        (
            column("duration", ValueForm(unit="ns")),
            pa.array([-90_000_000_001], pa.duration("ns")),
            [b'"-PT90.000000001S"'],
        ),
        (
            column("decimal", ValueForm(digits=38, scale=2)),
            pa.array([Decimal("12345678901234567890.10")], pa.decimal128(38, 2)),
            [b'"12345678901234567890.10"'],
        ),
        (column("bytes"), pa.array([b"\x00\xff"]), [b'"AP8="']),
        (
            column("array", ValueForm(shape=[2, 2], items="float", item_dtype="float64")),
            pa.array([[[0.1, 2], [3, 4]]]),
            [b"[[0.1,2],[3,4]]"],
        ),
        (
            column("array", ValueForm(shape=[None], longest=3, items="string"), nullable=True),
            pa.array([["a"], None]),
            [b'["a"]', b"null"],
        ),
        (
            column("int", frame=FrameColumn(dtype="uint64")),
            pa.array([2**64 - 1, 2**63], pa.uint64()),
            [b"18446744073709551615", b"9223372036854775808"],
        ),
        (
            column("int", frame=FrameColumn(dtype="UInt64"), nullable=True),
            pa.array([2**64 - 1, None], pa.uint64()),
            [b"18446744073709551615", b"null"],
        ),
    ],
    ids=lambda value: value.dtype if isinstance(value, Column) else "",
)
def test_a_value_is_the_services_to_the_last_digit(wanted, array, sent):
    check_types([wanted], pa.schema([pa.field("x", array.type)]), "a.parquet")
    batch, expected = fitted(wanted, array), of_service(wanted, sent)
    assert not batch.bad
    held = batch.columns["x"]
    assert held.dtype == expected.dtype
    if expected.dtype == object:
        assert list(map(repr, held)) == list(map(repr, expected))
    else:
        np.testing.assert_array_equal(held, expected)


@pytest.mark.parametrize(
    ("wanted", "array", "reason"),
    [
        (column("datetime", ValueForm(unit="s")), pa.array([1], pa.timestamp("ms")), "more digits"),
        (column("datetime", ValueForm(unit="us")), pa.array([None], pa.timestamp("us")), "null"),
        (
            column("datetime", ValueForm(unit="us")),
            pa.array([2**61], pa.timestamp("us")),
            "is no datetime",
        ),
        (
            column("datetime", ValueForm(unit="ns")),
            pa.array(["1600-01-01"]).cast(pa.timestamp("us")),
            "out of range",
        ),
        (column("duration", ValueForm(unit="ms")), pa.array([1], pa.duration("us")), "more digits"),
        (column("time", ValueForm(unit="us")), pa.array([1], pa.time64("ns")), "more digits"),
        (column("time", ValueForm(unit="s")), pa.array([90_000], pa.time32("s")), "no time of day"),
        (
            column("decimal", ValueForm(digits=4, scale=2)),
            pa.array([Decimal("1.234")], pa.decimal128(10, 3)),
            "does not fit",
        ),
        (
            column("array", ValueForm(shape=[2], items="float", nullable_items=True)),
            pa.array([[1.0, np.inf]]),
            "Expected `float | null`, got `str`",
        ),
        (
            column("array", ValueForm(shape=[2], items="int", item_dtype="int8")),
            pa.array([[1, 300]]),
            "<= 127",
        ),
        (
            column("int", frame=FrameColumn(dtype="uint64")),
            pa.array([-1], pa.int64()),
            ">= 0",
        ),
        (column("int"), pa.array([2**63], pa.uint64()), "<= 9223372036854775807"),
    ],
)
def test_a_value_that_a_column_does_not_hold_makes_a_bad_row(wanted, array, reason):
    batch = fitted(wanted, pa.concat_arrays([array, array]))
    assert list(batch.kept) == []
    assert reason in batch.bad[1]


@pytest.mark.parametrize(
    ("wanted", "given", "remedy"),
    [
        (column("datetime", ZONED), pa.timestamp("us"), "timestamp[us] with a zone, such as UTC"),
        (column("datetime", ValueForm(unit="ns")), pa.timestamp("ns", "UTC"), "without a zone"),
        (column("date"), pa.timestamp("us"), "write it as date32"),
        (column("time", ValueForm(unit="us")), pa.timestamp("us"), "write it as time64[us]"),
        (column("duration", ValueForm(unit="ms")), pa.int64(), "write it as duration[ms]"),
        (column("decimal"), pa.float64(), "write it as decimal128"),
        (column("bytes"), pa.list_(pa.uint8()), "write it as binary"),
        (column("period", ValueForm(frequency="M")), pa.int64(), "as pandas writes it"),
        (
            column("array", ValueForm(shape=[2, 2], items="float")),
            pa.list_(pa.float64()),
            "list<item: list<item: double>>",
        ),
        (column("array", ValueForm(shape=[2], items="float")), pa.list_(pa.int64()), "double"),
        (column("string"), pa.struct([]), "write it as text"),
    ],
)
def test_another_type_is_refused_with_what_to_write(wanted, given, remedy):
    with pytest.raises(BatchError) as caught:
        check_types([wanted], pa.schema([pa.field("x", given)]), "a.parquet")

    assert str(caught.value).startswith("a.parquet: column 'x' holds ")
    assert remedy in str(caught.value)


def test_arrays_in_a_csv_are_refused_before_any_row(typed):
    typed.write(typed.held_out("vectors"), "rows.csv")
    with pytest.raises(BatchError, match="column 'pixels' takes arrays, which CSV has no form of"):
        typed.run("vectors")


def test_the_wide_numbers_of_a_csv_are_read_to_the_last_digit(tmp_path):
    from batch.inputs.csv_rows import CsvFileRows
    from batch.inputs.input_files import find_input_files
    from batch.inputs.work_units import units_of

    path = tmp_path / "rows.csv"
    path.write_text("x\n18446744073709551615\n-1\n9007199254740993.0\n")
    rows = CsvFileRows([column("int", frame=FrameColumn(dtype="uint64"))], [])
    (unit,) = units_of(*find_input_files([str(path)]))
    (piece,) = rows.read(unit, 10)
    assert piece.fitted.columns["x"].tolist() == [2**64 - 1]
    assert sorted(piece.fitted.bad) == [1, 2]
