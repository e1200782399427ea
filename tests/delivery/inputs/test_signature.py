"""The signature of columns: what a row must look like."""

import numpy as np
import pandas as pd
import pytest

from delivery.errors import DeliveryError
from delivery.inputs.signature import LONGEST_CATEGORY, MOST_CATEGORIES, columns_of, rows_of


def column(values, training=None):
    """The signature of one column `x`."""
    seen = None if training is None else pd.DataFrame({"x": training})
    (result,) = columns_of(pd.DataFrame({"x": values}), seen)
    assert result.name == "x"
    return result


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        *(
            (name, "int")
            for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
        ),
        *(
            (name, "int")
            for name in ("Int8", "Int32", "Int64", "UInt8", "UInt64", "int64[pyarrow]")
        ),
        *(
            (name, "float")
            for name in ("float16", "float32", "float64", "Float32", "Float64", "double[pyarrow]")
        ),
        *((name, "bool") for name in ("bool", "boolean", "bool[pyarrow]")),
    ],
)
def test_every_number_and_truth_value_has_its_kind(dtype, kind):
    result = column(pd.Series([0, 1, 1]).astype(dtype))
    assert (result.dtype, result.nullable, result.categories) == (kind, False, None)
    assert (result.minimum, result.maximum) == ((None, None) if kind == "bool" else (0.0, 1.0))


@pytest.mark.parametrize(
    "dtype", ["Int64", "UInt8", "Float64", "boolean", "int64[pyarrow]", "bool[pyarrow]"]
)
def test_a_nullable_dtype_is_nullable_where_there_is_a_null(dtype):
    result = column(pd.Series([0, None, 1], dtype=dtype))
    assert result.nullable
    assert result.minimum in (0.0, None)


@pytest.mark.parametrize("dtype", [object, "str", "string", "category", "string[pyarrow]"])
def test_text_of_every_dtype_is_a_string_with_its_categories(dtype):
    result = column(pd.Series(["Oslo", "Bergen", "Oslo", "Ålesund"] * 5).astype(dtype))
    assert (result.dtype, result.nullable) == ("string", False)
    assert result.categories == ["Bergen", "Oslo", "Ålesund"]
    assert (result.minimum, result.maximum) == (None, None)


@pytest.mark.parametrize("dtype", [object, "str", "string", "category"])
def test_text_may_be_null(dtype):
    result = column(pd.Series(["Oslo", None, "Bergen"] * 5).astype(dtype))
    assert (result.dtype, result.nullable, result.categories) == (
        "string",
        True,
        ["Bergen", "Oslo"],
    )


def test_a_float_with_nan_is_nullable_and_its_range_is_of_the_others():
    result = column([2.5, np.nan, -1.0])
    assert (result.dtype, result.nullable, result.minimum, result.maximum) == (
        "float",
        True,
        -1.0,
        2.5,
    )


def test_a_column_of_nulls_only_has_no_range():
    result = column([np.nan, np.nan])
    assert (result.dtype, result.nullable, result.minimum, result.maximum) == (
        "float",
        True,
        None,
        None,
    )


@pytest.mark.parametrize(
    "texts",
    [
        [f"I live at {i} Example Street" for i in range(1000)],
        [f"{i:05}" for i in range(MOST_CATEGORIES + 1)] * 20,
        ["Oslo"] * 500 + ["Bergen"] * 500 + ["the one customer in Vardø"],
        ["x" * (LONGEST_CATEGORY + 1), "y"] * 100,
        ["a", "b", "c"],
    ],
)
def test_texts_that_are_many_long_or_of_one_row_are_told_by_number_and_length_alone(texts):
    result = column(pd.Series(texts))
    lengths = [len(text) for text in texts]
    assert result.categories is None
    assert (result.distinct, result.shortest, result.longest) == (
        len(set(texts)),
        min(lengths),
        max(lengths),
    )


def test_texts_that_hardly_repeat_are_refused_as_levels_of_a_category():
    with pytest.raises(
        DeliveryError, match=r"category of 1000 texts that hardly repeat.*\['x'\].astype\(str\)"
    ):
        column(pd.Series([f"mail {i}" for i in range(1000)], dtype="category"))


@pytest.mark.parametrize(
    "name", ["", "a\nb", 'screen (")', "CORP\\user", "年齢", "x" * 10_000, "$", "`", "c0"]
)
def test_any_name_is_a_name(name):
    (result,) = columns_of(pd.DataFrame({name: [1.5]}), None)
    assert result.name == name


def test_half_a_character_is_no_name():
    frame = pd.DataFrame([[1]], columns=pd.Index(["a\ud800"], dtype=object))
    with pytest.raises(DeliveryError, match="half a character"):
        columns_of(frame, None)


def test_range_categories_and_nulls_are_of_the_training_rows():
    result = column([1, 2], training=[-5, 9])
    assert (result.dtype, result.nullable, result.minimum, result.maximum) == (
        "int",
        False,
        -5.0,
        9.0,
    )
    assert column(["a"], training=["b", "c"] * 5).categories == ["b", "c"]
    assert column([1.0], training=[np.nan]).nullable
    assert column([np.nan], training=[1.0]).nullable


@pytest.mark.parametrize(
    ("held_out", "training"), [([1, 2], [1.5, 2.0]), ([1.5], [1, 2]), ([1, 2], [1.0, np.nan])]
)
def test_a_column_that_is_float_in_either_frame_is_float(held_out, training):
    """Held-out rows that happen to hold whole numbers must not make 41.5 a bad row later."""
    assert column(held_out, training).dtype == "float"


@pytest.mark.parametrize(
    ("held_out", "training"),
    [([1, 2], ["a", "b"]), (["a"], [1]), ([True], [1]), ([1.0], [True])],
)
def test_a_column_of_one_kind_here_and_another_there_is_refused(held_out, training):
    with pytest.raises(
        DeliveryError, match=r"column 'x' is \w+ in the held-out rows and \w+ in the training rows"
    ):
        column(held_out, training)


@pytest.mark.parametrize(
    ("held_out", "training", "kind"),
    [
        ([np.nan], ["a"], "string"),
        (["a"], [None], "string"),
        ([np.nan], [1], "int"),
        ([None], [True], "bool"),
    ],
)
def test_a_column_of_nulls_only_in_one_frame_is_of_the_others_kind(held_out, training, kind):
    result = column(held_out, training)
    assert (result.dtype, result.nullable) == (kind, True)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(pd.to_datetime(["2026-01-01", "2026-01-02"]), dtype=object),
        pd.interval_range(1, 3),
        [1 + 2j, 3j],
        [["a"], [{}]],
        [{1}, {2}],
        pd.Series(["a", 1], dtype=object),
        pd.Series([None, None], dtype=object),
    ],
)
def test_what_json_has_no_form_for_is_refused_with_what_to_write_instead(values):
    with pytest.raises(DeliveryError, match=r"column 'x' holds .*: (give|make|decode) "):
        column(values)


def test_a_column_that_training_lacks_is_named():
    with pytest.raises(
        DeliveryError, match="held-out rows have a column 'y' that the training rows lack"
    ):
        columns_of(pd.DataFrame({"x": [1], "y": [2]}), pd.DataFrame({"x": [1]}))


def test_a_column_that_only_training_has_is_not_asked_for():
    assert [
        c.name for c in columns_of(pd.DataFrame({"x": [1]}), pd.DataFrame({"x": [1], "label": [0]}))
    ] == ["x"]


@pytest.mark.parametrize("names", [["x", "x"], [1, "1"]])
def test_two_columns_of_one_name_are_refused(names):
    with pytest.raises(DeliveryError, match=f"two columns with the name '{names[1]}'"):
        columns_of(pd.DataFrame([[1, 2]], columns=names), None)
    with pytest.raises(DeliveryError, match="two columns"):
        columns_of(pd.DataFrame({names[0]: [1]}), pd.DataFrame([[1, 2]], columns=names))


def test_a_frame_without_columns_is_refused():
    with pytest.raises(DeliveryError, match="no columns"):
        columns_of(pd.DataFrame(index=[0, 1]), None)


def test_columns_keep_the_frames_order_and_their_names_as_text():
    frame = pd.DataFrame([[1, 2.5, "a"]], columns=["z", 7, "ø"])
    assert [(c.name, c.dtype) for c in columns_of(frame, None)] == [
        ("z", "int"),
        ("7", "float"),
        ("ø", "string"),
    ]
    assert rows_of(frame) == [{"z": 1, "7": 2.5, "ø": "a"}]


def test_rows_hold_plain_values_and_null_for_every_kind_of_missing():
    frame = pd.DataFrame(
        {
            "f": np.array([1.5, np.nan], dtype=np.float32),
            "i": pd.array([1, None], dtype="Int64"),
            "b": pd.array([True, None], dtype="boolean"),
            "s": pd.Series([np.str_("a"), None], dtype=object),
            "t": pd.Series(["a", pd.NA], dtype="string"),
            "c": pd.Categorical(["a", None]),
        }
    )
    first, second = rows_of(frame)
    assert first == {"f": 1.5, "i": 1, "b": True, "s": "a", "t": "a", "c": "a"}
    assert [type(value) for value in first.values()] == [float, int, bool, str, str, str]
    assert second == dict.fromkeys(first)
