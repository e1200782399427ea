"""Values of every column of a file become groups, also those that Python has no value for."""

import datetime

import pyarrow as pa
import pytest

from batch.compare.segment_columns import GroupedColumn, python_values, typed

FAR = 2**60
DAYS = pa.array([0, 2**31 - 1], pa.int32()).cast(pa.date32())
NO_TEXT = [None, pa.array([0, 1], pa.int32()).buffers()[1], pa.py_buffer(b"\xff")]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (pa.array([0, FAR], pa.timestamp("us")), "38504-08-17T21:30:06.846976"),
        (pa.array([0, 2**40], pa.timestamp("s")), "36812-02-20T00:36:16"),
        (pa.array([0, FAR], pa.timestamp("us", "UTC")), "38504-08-17T21:30:06.846976Z"),
        (
            pa.array([0, 253_402_300_799], pa.timestamp("s", "Asia/Tokyo")),
            "9999-12-31T23:59:59Z",
        ),
        (DAYS, "5881580-07-11"),
        (pa.array([0, 2**62], pa.duration("s")), "P53375995583650DT27904S"),
        (pa.array([[0], [2**62]], pa.list_(pa.timestamp("s"))), "list<item: timestamp[s]>"),
        (pa.Array.from_buffers(pa.string(), 1, NO_TEXT), "string"),
    ],
)
def test_what_python_has_no_value_for_is_grouped_by_its_text(values, shown):
    found = python_values(typed(values, "datetime"))
    assert found[-1] == shown
    column = GroupedColumn("x", "datetime", found)
    coded = column.coded(typed(values, "datetime"))
    assert [coded.names[code] for code in coded.codes][-1] == shown


def test_its_neighbours_keep_python_s_own_values():
    values = pa.array([0, FAR, None], pa.timestamp("us", "UTC"))
    first, _, last = python_values(values)
    assert (first, last) == (datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC), None)
