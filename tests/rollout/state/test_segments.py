"""Segments: which there are is fixed, whatever clients send."""

import json

from hypothesis import given
from hypothesis import strategies as st

from rollout.state.segments import (
    MOST_COLUMNS,
    MOST_VALUES,
    SegmentColumn,
    column_and_value,
    segment_columns,
    segment_names,
    segments_body,
)
from tests.rollout.ledger_commands import quick

AIRLINE = SegmentColumn("airline", ("AA", "UA", "3"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


def test_a_value_has_the_segment_of_its_text() -> None:
    texts = ("AA", "other", "other", "null", "3", "3", "other")
    for value, text in zip(("AA", "B6", "", None, 3, 3.0, 3.5), texts, strict=True):
        assert AIRLINE.name_of(value) == f"airline={text}"

    member = SegmentColumn("member", ("false", "true"))
    assert [member.name_of(value) for value in (True, False, 1)] == [
        "member=true",
        "member=false",
        "member=other",
    ]


@quick
@given(VALUES)
def test_every_value_has_one_of_the_segments_that_are_listed(value: object) -> None:
    assert AIRLINE.name_of(value) in AIRLINE.names()


def test_values_that_are_called_other_or_null_share_those_segments() -> None:
    column = SegmentColumn("state", ("null", "other", "=a|b="))
    assert column.names() == ("state=null", "state=other", "state==a|b=")
    assert column_and_value(column.name_of("=a|b=")) == ("state", "=a|b=")


def test_plain_json_gives_the_columns_back_and_no_more_than_is_allowed() -> None:
    columns = (AIRLINE, SegmentColumn("month", ("1", "2")))
    assert segment_columns(json.loads(json.dumps(segments_body(columns)))) == columns
    assert segment_columns(None) == ()
    many = [{"column": f"c{n}", "values": list(map(str, range(50)))} for n in range(9)]
    read = segment_columns(many)
    assert (len(read), len(read[0].values)) == (MOST_COLUMNS, MOST_VALUES)
    assert len(segment_names(read)) == MOST_COLUMNS * (MOST_VALUES + 2)
