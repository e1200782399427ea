"""The segments of a row, whatever a client sends."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.state.segments import SegmentColumn, segment_names
from router.evidence.row_segments import segments_of_row

COLUMNS = (SegmentColumn("airline", ("AA", "UA")), SegmentColumn("month", ("1", "2")))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ROWS = st.dictionaries(st.sampled_from(["airline", "month", "other", ""]), JSON)


def segments(raw):
    return segments_of_row(msgspec.Raw(raw), COLUMNS)


def test_a_row_has_one_segment_of_each_column():
    assert segments(b'{"x": 1, "airline": "UA", "month": 2}') == ["airline=UA", "month=2"]
    assert segments(b'{"airline": null, "month": 2.0}') == ["airline=null", "month=2"]
    assert segments(b'{"airline": "ua"}') == ["airline=other", "month=null"]
    assert segments_of_row(msgspec.Raw(b'{"airline": "UA"}'), ()) == []


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"7", b"[1]", b'"AA"', b'{"airline": "AA"', b'{"airline": "\xff"}'),
        *(b'{"airline": "\\ud800"}', b'{"airline": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"),
        b'{"airline": "AA", "month": nonsense}',
    ],
)
def test_a_row_that_cannot_be_read_has_none(raw):
    assert segments(raw) == []


@settings(max_examples=100, deadline=None, derandomize=True)
@given(ROWS)
def test_whatever_is_sent_each_column_has_one_of_its_listed_segments(row):
    names = segments(json.dumps(row).encode("utf-8", "surrogatepass"))
    known = segment_names(COLUMNS)
    if names:
        assert [name.partition("=")[0] for name in names] == ["airline", "month"]
        assert set(names) <= set(known)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_counted_nowhere(raw):
    assert len(segments(raw)) in (0, len(COLUMNS))
