"""The pipeline gets a frame of the dtypes that it was fitted on, whatever values a batch has."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.inputs.signature import columns_of, rows_of
from service.bundle import LIST, SERIES, BundleError, Column, FrameColumn
from service.frames import FrameBuilder
from service.rows import RowReader
from tests.service.column_series import COLUMN_SERIES

NAN, NONE, NA = float("nan"), None, pd.NA
SERIES_OF = {
    "objects with None": pd.Series(["a", None, "b"], dtype=object),
    "objects with NaN": pd.Series(["a", NAN, "b"], dtype=object),
    "objects with NA": pd.Series(["a", NA, "b"], dtype=object),
    "objects": pd.Series(["a", "b"], dtype=object),
    **{
        f"{kind} objects with {null!r}": pd.Series([*values, null], dtype=object)
        for kind, values in (("float", [1.5, 2.0]), ("int", [1, 2]), ("bool", [True, False]))
        for null in (NONE, NAN, NA)
    },
    "str": pd.Series(["a", None, "b"], dtype="str"),
    "string": pd.Series(["a", None, "b"], dtype="string[python]"),
    "category": pd.Series(["b", None, "a"], dtype="category"),
    "ordered": pd.Series(pd.Categorical(["b", "a"], categories=["b", "a", "c"], ordered=True)),
    "category of integers": pd.Series([3, 1, None], dtype=pd.CategoricalDtype([3, 1])),
    "category of objects": pd.Series(
        ["b", "a"], dtype=pd.CategoricalDtype(pd.Index(["b", "a"], dtype=object))
    ),
    **{
        f"{kind}": pd.Series([1.5, 2.5], dtype=kind)
        for kind in ("float64", "float32", "float16", "Float32")
    },
    **{
        f"{kind} with null": pd.Series([1.5, None], dtype=kind)
        for kind in ("float64", "float32", "Float64")
    },
    **{
        f"{kind}": pd.Series([1, 2], dtype=kind)
        for kind in ("int64", "int32", "int8", "uint8", "Int64", "UInt16")
    },
    **{
        f"{kind} with null": pd.Series([1, None], dtype=kind)
        for kind in ("Int64", "Int8", "UInt32")
    },
    "large integers with null": pd.Series([2**53 + 1, None], dtype="Int64"),
    "bool": pd.Series([True, False]),
    "boolean": pd.Series([True, None], dtype="boolean"),
    **COLUMN_SERIES,
}


def rebuilt(series, places=None, training=None):
    """The series after its way through JSON's values, only the rows at `places`."""
    frame = series.to_frame("x")
    columns = columns_of(frame, frame if training is None else training.to_frame("x"))
    rows = rows_of(frame)
    decoded = RowReader(columns).row_columns(
        [rows[position] for position in (range(len(rows)) if places is None else places)]
    )
    return FrameBuilder(columns).build(decoded)["x"]


@pytest.mark.parametrize("name", SERIES_OF)
def test_a_column_comes_back_as_it_was(name):
    series = SERIES_OF[name]
    back = rebuilt(series)
    pd.testing.assert_series_equal(back, series, check_names=False)
    # Of an array its items' types and numpy's dtype too.
    assert list(map(repr, back)) == list(map(repr, series))
    assert [type(value) for value in back] == [type(value) for value in series]


@pytest.mark.parametrize("name", SERIES_OF)
def test_each_row_alone_has_the_same_dtype_and_value(name):
    series = SERIES_OF[name]
    for position in range(len(series)):
        back = rebuilt(series, [position])
        assert back.dtype == series.dtype
        assert repr(back.iloc[0]) == repr(series.iloc[position])


@given(
    st.lists(st.sampled_from([0, 1, 2]), min_size=1, max_size=8), st.sampled_from(sorted(SERIES_OF))
)
def test_no_batch_changes_a_dtype(places, name):
    series = SERIES_OF[name]
    back = rebuilt(series, [position % len(series) for position in places])
    assert back.dtype == series.dtype


def test_training_decides_the_dtype_where_the_frames_differ():
    assert (
        rebuilt(pd.Series(["a", "b"], dtype="str"), training=pd.Series(["a"], dtype=object)).dtype
        == object
    )
    assert rebuilt(pd.Series([1.5]), training=pd.Series([1.5], dtype="float32")).dtype == np.float32


def test_the_held_out_dtype_is_taken_where_trainings_cannot_hold_its_rows():
    assert rebuilt(pd.Series([1.5, None]), training=pd.Series([1, 2])).dtype == np.float64
    assert rebuilt(pd.Series([1, None], dtype="Int64"), training=pd.Series([1, 2])).dtype == "Int64"


def test_a_value_beyond_the_levels_of_a_category_is_no_null_and_moves_no_other():
    column = Column(
        name="x",
        dtype="string",
        nullable=True,
        frame=FrameColumn(dtype="category[object]", levels=["b", "a"]),
    )
    array = np.array(["a", "new", None, "b"], dtype=object)
    made = FrameBuilder([column]).build({"x": array})["x"]
    assert made.tolist()[:2] == ["a", "new"]
    assert made.cat.codes.tolist() == [1, 2, -1, 0]


@pytest.mark.parametrize(("form", "kind"), [(SERIES, pd.Series), (LIST, list)])
def test_one_column_may_go_in_as_a_sequence(form, kind):
    for frame in (FrameColumn(dtype="object"), FrameColumn(dtype="str")):
        builder = FrameBuilder(
            [Column(name="t", dtype="string", nullable=False, frame=frame)], form
        )
        made = builder.build({"t": np.array(["x", "y"], dtype=object)})
        assert isinstance(made, kind)
        assert list(made) == ["x", "y"]
        if form == SERIES:
            assert (made.name, made.dtype) == ("t", frame.dtype)


def test_a_dtype_that_this_pandas_does_not_have_is_named():
    column = Column(
        name="x", dtype="string", nullable=False, frame=FrameColumn(dtype="no such dtype")
    )
    with pytest.raises(BundleError, match="column 'x' has pandas' dtype no such dtype"):
        FrameBuilder([column])
