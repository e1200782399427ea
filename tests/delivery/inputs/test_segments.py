"""The columns by whose values a rollout is looked at apart, and which of their values leave."""

import numpy as np
import pandas as pd
import pytest

from delivery.errors import DeliveryError
from delivery.inputs.segments import MOST_COLUMNS, MOST_VALUES, segments_of
from delivery.inputs.signature import columns_of
from delivery.recipe import Recipe
from rollout.state import segments as read
from router.evidence.row_segments import segments_of_row

ROWS = 600
FRAME = pd.DataFrame(
    {
        "amount": np.arange(ROWS) + 0.5,
        "airline": ["UA"] * 300 + ["AA"] * 200 + ["B6"] * 100,
        "month": [1, 2, 2] * (ROWS // 3),
        "member": pd.Series([True, False] * (ROWS // 2)),
        "tail": [f"N{n}" for n in range(ROWS)],
        "airport": [f"P{n % 60:02}" for n in range(ROWS)],
        "only": ["one"] * ROWS,
        "cabin": ["low", "high", None] * (ROWS // 3),
        "a=b": ["x", "y"] * (ROWS // 2),
    }
)


def segments(names=None, held_out=FRAME, training=None):
    """Values by column."""
    recipe = Recipe(None, held_out, None, training=training, segments=names)
    return {
        found.column: found.values for found in segments_of(recipe, columns_of(held_out, training))
    }


def test_by_default_the_first_categories_of_few_values_are_taken_the_most_frequent_first():
    assert segments() == {"airline": ["UA", "AA", "B6"], "cabin": ["high", "low"]}
    wide = pd.DataFrame({f"c{n}": ["x", "y"] * 10 for n in range(9)})
    assert list(segments(held_out=wide)) == ["c0", "c1", "c2"]


def test_a_recipe_may_want_none_or_name_its_own():
    assert segments(()) == {}
    assert segments(["month", "member", "airline"]) == {
        "month": ["2", "1"],
        "member": ["false", "true"],
        "airline": ["UA", "AA", "B6"],
    }
    assert segments(["only", "only"]) == {"only": ["one"]}


def test_of_many_values_the_most_frequent_leave_and_they_are_those_of_training():
    assert len(segments(["airport"])["airport"]) == MOST_VALUES
    training = FRAME.assign(airline=["DL"] * 400 + ["UA"] * 200)
    assert segments(["airline"], FRAME, training) == {"airline": ["DL", "UA"]}


@pytest.mark.parametrize(
    ("names", "because"),
    [
        (["carrier"], "names 'carrier', which is no column: choose of amount, airline"),
        (["tail"], "'tail', whose 600 values are too many or hardly repeat"),
        (["amount"], "'amount', a column of numbers with fractions"),
        (["a=b"], "'a=b': a name with '=' cannot"),
        (["airline", "month", "cabin", "only"], "names 4 columns: at most 3"),
    ],
)
def test_a_column_that_cannot_have_segments_is_refused_by_its_name(names, because):
    with pytest.raises(DeliveryError, match=because):
        segments(names)


def test_whole_numbers_that_would_tell_a_row_do_not_leave():
    with pytest.raises(DeliveryError, match="'id', whose 600 values"):
        segments(["id"], FRAME.assign(id=range(ROWS)))


@pytest.mark.parametrize("dtype", [object, "string", "category"])
def test_texts_of_every_dtype_have_segments(dtype):
    frame = FRAME.assign(airline=FRAME["airline"].astype(dtype))
    assert segments(["airline"], frame) == {"airline": ["UA", "AA", "B6"]}


def test_the_router_names_each_value_as_it_was_delivered():
    listed = segments(["month", "member", "airline"])
    columns = tuple(read.SegmentColumn(name, tuple(values)) for name, values in listed.items())
    row = b'{"month": 2, "member": true, "airline": "B6"}'
    assert segments_of_row(row, columns) == ["month=2", "member=true", "airline=B6"]


def test_delivery_and_rollout_allow_as_many():
    assert (MOST_COLUMNS, MOST_VALUES) == (read.MOST_COLUMNS, read.MOST_VALUES)


def test_days_and_periods_of_few_values_are_segments_as_rows_send_them():
    moments = pd.Series(pd.to_datetime(["2021-01-31", "2021-03-31"] * (ROWS // 2)))
    frame = FRAME.assign(day=moments.dt.date, quarter=moments.dt.to_period("Q"), at=moments)
    assert segments(["day", "quarter"], frame) == {
        "day": ["2021-01-31", "2021-03-31"],
        "quarter": ["2021Q1"],
    }
    with pytest.raises(DeliveryError, match="'at', a column of datetime: only texts"):
        segments(["at"], frame)
