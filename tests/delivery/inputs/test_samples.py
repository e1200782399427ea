"""Samples beside a pickle: a CSV by one rule, and what the pipeline learnt before the looks of a
field.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from delivery.errors import DeliveryError
from delivery.inputs.samples import NULL_WORDS, read_sample


def read(tmp_path, text, pipeline=None, label=None):
    """The frame, the labels and the lines that were said of a CSV."""
    reported = []
    (tmp_path / "rows.csv").write_text(text)
    frame, labels = read_sample(tmp_path / "rows.csv", pipeline, label, reported.append)
    return frame, labels, reported


def encoder(values):
    """A pipeline that learnt these values of the column x."""
    frame = pd.DataFrame({"x": pd.Series(values, dtype=object)})
    columns = ColumnTransformer([("x", OneHotEncoder(handle_unknown="ignore"), ["x"])])
    return make_pipeline(columns, LogisticRegression()).fit(frame, [0, 1] * (len(values) // 2))


def test_among_texts_na_is_a_text_and_only_an_empty_field_is_null(tmp_path):
    frame, _, reported = read(tmp_path, "x,y\nNA,1\nEU,2\n,3\nNone,4\n")
    assert frame["x"].isna().tolist() == [False, False, True, False]
    assert frame["x"].tolist()[:2] == ["NA", "EU"]
    assert reported == [
        "column 'x': NA, None in the CSV is taken for text, as in any column of texts; only an "
        "empty field is null"
    ]


def test_among_numbers_and_booleans_na_is_null_and_that_is_said(tmp_path):
    frame, _, reported = read(tmp_path, "x,y,z\nNA,true,1\n1.5,null,2\n,False,3\n")
    assert frame["x"].isna().tolist() == [True, False, True]
    assert frame["y"].tolist() == [True, None, False]
    assert frame["z"].dtype == "int64"
    assert reported == [
        "column 'x': NA in the CSV is taken for null",
        "column 'y': null in the CSV is taken for null",
    ]


def test_a_leading_zero_makes_a_code(tmp_path):
    frame, _, _ = read(tmp_path, "zip,share\n0151,0.5\n9008,0\n")
    assert frame["zip"].tolist() == ["0151", "9008"]
    assert frame["share"].tolist() == [0.5, 0.0]


def test_what_an_encoder_learnt_goes_before_the_looks(tmp_path):
    frame, _, _ = read(tmp_path, "x\n1\n2\n", encoder(["1", "2", "NA", "3"]))
    assert frame["x"].tolist() == ["1", "2"]
    frame, _, reported = read(tmp_path, "x\n1\nNA\n", encoder(["1", "2", np.nan, "3"]))
    assert frame["x"].isna().tolist() == [False, True]
    assert reported == ["column 'x': NA in the CSV is taken for null"]


def fitted_on(values, *steps):
    """A pipeline that gives the column x, held as the values are, to these steps."""
    frame = pd.DataFrame({"v": range(len(values)), "x": values})
    chosen = "x" if hasattr(steps[0], "build_analyzer") else ["x"]
    columns = ColumnTransformer([("x", make_pipeline(*steps), chosen)], remainder="passthrough")
    return make_pipeline(columns, LogisticRegression()).fit(frame, [0, 1] * (len(values) // 2))


CODES = "v,x\n1,11\n2,22\n"


def test_codes_that_an_encoder_learnt_behind_an_imputer_are_texts(tmp_path):
    steps = SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    frame, _, _ = read(tmp_path, CODES, fitted_on(["11", "22"], *steps))
    assert frame["x"].tolist() == ["11", "22"]
    frame, _, _ = read(tmp_path, CODES, fitted_on([11, 22], *steps))
    assert frame["x"].tolist() == [11, 22]


def test_an_encoder_behind_a_transformer_of_columns_is_found(tmp_path):
    """The names of columns are lost on the way to it."""
    given = pd.DataFrame({"v": [1.0, 2.0], "x": ["11", "22"]})
    gaps = ColumnTransformer([("x", SimpleImputer(strategy="most_frequent"), ["x"])])
    encoder = OneHotEncoder(handle_unknown="ignore")
    pipeline = make_pipeline(gaps, encoder, LogisticRegression()).fit(given, [0, 1])
    frame, _, _ = read(tmp_path, CODES, pipeline)
    assert frame["x"].tolist() == ["11", "22"]


def test_numbers_that_an_encoder_learnt_are_numbers_with_leading_zeros_too(tmp_path):
    pipeline = fitted_on([501, 2115], OneHotEncoder(handle_unknown="ignore"))
    frame, _, _ = read(tmp_path, "v,x\n1,00501\n2,02115\n", pipeline)
    assert frame["x"].tolist() == [501, 2115]


def test_digits_for_a_vectorizer_are_texts(tmp_path):
    frame, _, _ = read(tmp_path, CODES, fitted_on(["11", "22"], CountVectorizer()))
    assert frame["x"].tolist() == ["11", "22"]
    alone = make_pipeline(CountVectorizer(), LogisticRegression()).fit(["11", "22"], [0, 1])
    frame, _, _ = read(tmp_path, "x\n11\n22\n", alone)
    assert frame["x"].tolist() == ["11", "22"]


def test_codes_of_which_the_pipeline_knows_none_are_refused(tmp_path):
    pipeline = fitted_on(["501", "2115"], OneHotEncoder(handle_unknown="ignore"))
    with pytest.raises(DeliveryError, match=r"column 'x' of the sample holds 00501, 02115 \.\.\."):
        read(tmp_path, "v,x\n1,00501\n2,02115\n", pipeline)


def test_whole_numbers_beyond_2_53_are_exact_beside_nulls(tmp_path):
    frame, _, _ = read(tmp_path, "x,y\n9007199254740993,1\n,2\n")
    assert frame["x"].tolist()[0] == 9007199254740993
    assert frame["x"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("classes", "text", "expected"),
    [
        (["1", "2"], "1,2,1", ["1", "2", "1"]),
        ([1, 2], "1,2.0,1", [1, 2, 1]),
        ([0.0, 1.0], "0,1.0,1", [0.0, 1.0, 1.0]),
        ([False, True], "True,false,TRUE", [True, False, True]),
        (["True", "False"], "True,False,True", ["True", "False", "True"]),
        (["EU", "NA"], "NA,EU,", ["NA", "EU", None]),
        (["007", "7"], "007,7,8", ["007", "7", "8"]),
    ],
)
def test_labels_are_the_classes_of_the_pipeline(tmp_path, classes, text, expected):
    pipeline = LogisticRegression().fit(np.arange(4).reshape(-1, 1), classes * 2)
    rows = "".join(f"{row},{label}\n" for row, label in enumerate(text.split(",")))
    _, labels, _ = read(tmp_path, "a,y\n" + rows, pipeline, "y")
    assert [(type(label), label) for label in labels.tolist()] == [
        (type(label), label) for label in expected
    ]


def test_labels_of_a_regression_are_numbers(tmp_path):
    pipeline = LinearRegression().fit([[0], [1]], [0, 1])
    _, labels, _ = read(tmp_path, "a,y\n1,007\n2,1e3\n3,NA\n", pipeline, "y")
    assert labels.tolist()[:2] == [7.0, 1000.0]
    assert pd.isna(labels[2])
    with pytest.raises(DeliveryError, match=r"rows.csv, row 0: the label 'late' is no number"):
        read(tmp_path, "a,y\n1,late\n", pipeline, "y")


@settings(max_examples=60, deadline=None)
@given(
    fields=st.lists(
        st.sampled_from(["", "NA", "nan", "1", "0.5", "x", "True", "007", "-3", "1e400"]),
        min_size=1,
    )
)
def test_no_field_of_a_csv_gets_lost(tmp_path_factory, fields):
    frame, _, reported = read(
        tmp_path_factory.mktemp("csv"), "x,row\n" + "".join(f"{f},0\n" for f in fields)
    )
    assert len(frame) == len(fields)
    null = [bool(item) for item in frame["x"].isna()]
    for field, is_null in zip(fields, null, strict=True):
        assert is_null == (field == "" or (field in NULL_WORDS and is_null))
        if field in NULL_WORDS:
            assert any(field in line for line in reported)


@pytest.mark.parametrize(
    ("fields", "dtype"),
    [
        (f"{2**64 - 1}\n0\n", "uint64"),
        (f'{2**64 - 1}\n""\n', "UInt64"),
        (f"{2**64}\n0\n", "object"),
    ],
)
def test_whole_numbers_beyond_63_bits_keep_every_digit(tmp_path, fields, dtype):
    frame, _, _ = read(tmp_path, f"x\n{fields}")
    assert str(frame["x"].dtype) == dtype
    assert frame["x"][0] >= 2**64 - 1


@pytest.mark.parametrize("text", ["x,y,x\n1,2,3\n", '"x",y,x\n1,2,3\n', "\ufeffx,y,x\n1,2,3\n"])
def test_a_column_twice_is_refused_with_its_file(tmp_path, text):
    with pytest.raises(DeliveryError, match=r"rows\.csv has 2 columns 'x': leave one of them"):
        read(tmp_path, text)


def test_columns_without_a_name_are_no_column_twice(tmp_path):
    frame, _, _ = read(tmp_path, "x,,\n1,2,3\n")
    assert frame["x"].tolist() == [1]
