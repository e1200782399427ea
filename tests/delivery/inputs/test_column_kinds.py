"""What a column is in JSON; a frame of any kind is delivered or refused in one sentence, with what
to write instead.
"""

import datetime
import decimal
import fractions
import uuid
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from cli.output import printable
from delivery.errors import DeliveryError
from delivery.inputs.column_kinds import kind_of
from delivery.onnx.certification import not_converted
from delivery.recipe import Recipe
from tests.delivery import loan_pipelines
from tests.delivery.delivery_harness import DeliveryHarness

DAY = pd.Timestamp("2026-05-01")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, None], "int"),
        ([np.int32(1), 2], "int"),
        ([True, np.bool_(False), None], "bool"),
        ([1, 2.5, None], "float"),
        (["a", None], "string"),
        ([datetime.date(2026, 5, 1), None], "date"),
        ([datetime.time(1), None], "time"),
        ([decimal.Decimal("1.5"), None], "decimal"),
        ([b"x"], "bytes"),
        ([["a"], ["b"]], "array"),
        ([[1, 2.5], None], "array"),
        ([np.zeros((2, 2))], "array"),
        ([2**80, 1], "int"),
    ],
)
def test_objects_are_what_every_value_is(values, kind):
    assert kind_of("x", pd.Series(values, dtype=object)) == kind


@pytest.mark.parametrize(
    ("series", "kind"),
    [
        (pd.Series([0.0, 1.0], dtype=pd.SparseDtype(float)), "float"),
        (pd.Series([0, 1], dtype=pd.SparseDtype("int64", 0)), "int"),
        (pd.Series([True, False], dtype=pd.SparseDtype(bool)), "bool"),
        (pd.Series([1, 2]).astype("category"), "int"),
        (pd.Series([True, False]).astype("category"), "bool"),
        (pd.Series(["a", "b"]).astype("category"), "string"),
        (pd.Series([DAY]).astype("category"), "datetime"),
        (pd.Series([DAY.date()], dtype=object).astype("category"), "date"),
    ],
)
def test_sparse_columns_and_categories_are_what_they_hold(series, kind):
    assert kind_of("x", series) == kind


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.Series([DAY, None], dtype=object), r"holds Timestamp .*pd.to_datetime\(frame\['x'\]\)"),
        (pd.Series([pd.Timedelta("1h")], dtype=object), r"holds Timedelta .*pd.to_timedelta"),
        (pd.Series([pd.Period("2026-05")], dtype=object), "holds Period .*one frequency"),
        ([datetime.time(1, tzinfo=datetime.UTC)], "holds time .*without a zone"),
        (pd.cut(pd.Series([1, 2]), 2), r"holds Interval .*frame\['x'\].astype\(str\)"),
        ([1 + 2j], "holds complex .*real and its imaginary part"),
        ([bytearray(b"x")], r"holds bytearray .*map\(bytes\)"),
        ([[{}], [{}]], r"holds list .*json.dumps"),
        ([[1.5, "a"]], r"holds list .*all inner ones of one length"),
        ([[[1], [2, 3]]], r"holds list .*all inner ones of one length"),
        ([DAY.date(), "a"], r"holds values of several kinds \(date, str\)"),
        ([{"a": 1}], r"holds dict .*json.dumps"),
        ([uuid.UUID(int=1)], r"holds UUID .*frame\['x'\].astype\(str\)"),
        ([1, "a"], r"holds values of several kinds \(int, str\)"),
        ([True, 1], r"holds values of several kinds \(bool, int\)"),
        ([None, None], "holds no value but null"),
    ],
)
def test_what_has_no_form_is_refused_with_what_to_write(values, message):
    with pytest.raises(DeliveryError, match=f"column 'x' {message}"):
        kind_of("x", pd.Series(values))


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-3, 3),
    st.floats(),
    st.text(max_size=4),
    st.binary(max_size=3),
    st.complex_numbers(),
    st.decimals(),
    st.fractions(),
    st.dates(),
    st.datetimes(),
    st.timedeltas(),
    st.uuids(),
    st.lists(st.integers(), max_size=2),
    st.sets(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.none()),
    st.sampled_from(
        [
            pd.NA,
            pd.NaT,
            np.nan,
            np.int8(3),
            np.float16(1.5),
            np.bool_(True),
            np.str_("x"),
            object,
            DAY,
        ]
    ),
)
DTYPES = (
    *(
        "object",
        "str",
        "string",
        "category",
        "bool",
        "boolean",
        "int8",
        "uint64",
        "Int64",
        "UInt8",
        "float16",
        "float32",
    ),
    *(
        "float64",
        "Float64",
        "complex128",
        "datetime64[ns]",
        "timedelta64[ns]",
        "Sparse[float]",
        "Sparse[int]",
        "S3",
    ),
    *(
        "int64[pyarrow]",
        "bool[pyarrow]",
        "string[pyarrow]",
        "timestamp[ns][pyarrow]",
        "datetime64[ns, UTC]",
        "longdouble",
    ),
)
NAMES = st.one_of(
    st.text(max_size=6),
    st.integers(),
    st.tuples(st.text(max_size=2), st.integers()),
    st.sampled_from(
        [
            '"',
            "a\nb",
            "\\",
            "",
            "c0",
            "c1",
            "$",
            "`",
            "a.b",
            "instances",
            "x" * 3000,
            "\ud800",
            "\x85",
            None,
        ]
    ),
)


@st.composite
def frames(draw):
    """A frame of one to three columns of any kind under any names."""
    rows = draw(st.integers(1, 4))
    columns = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(("one", "any")))
        values = [draw(VALUES)] * rows if kind == "one" else [draw(VALUES) for _ in range(rows)]
        series = pd.Series(values, dtype=object)
        # Where its values are none of that dtype it stays a column of objects.
        with suppress(Exception):
            series = series.astype(draw(st.sampled_from(DTYPES)))
        columns.append(series)

    frame = pd.concat(columns, axis=1)
    names = draw(st.lists(NAMES, min_size=len(columns), max_size=len(columns)))
    return frame.set_axis(pd.Index(names, dtype=object, tupleize_cols=False), axis=1)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(frame=frames())
@example(frame=pd.DataFrame({"\x1e": [decimal.Decimal("Infinity")], "b": [False]}))
def test_any_frame_is_delivered_or_refused_in_one_line(frame, tmp_path_factory, monkeypatch):
    # What converts is not asked here, and takes a second each.
    runtime = not_converted("it is not converted", 1e-5)
    monkeypatch.setattr("delivery.bundle_writer.certified_form", lambda *_: runtime)
    harness = DeliveryHarness(tmp_path_factory.mktemp("frames"))
    pipeline = make_pipeline(FunctionTransformer(), DummyClassifier(strategy="prior"))
    with suppress(Exception):
        pipeline.fit(frame, [0] * len(frame))

    # What scikit-learn itself does not take is left out.
    assume(hasattr(pipeline[-1], "classes_"))
    result, refusal = [str(name) for name in frame.columns], "refused in one line"
    try:
        result = [
            column.name
            for column in harness.write(Recipe(pipeline, frame, None, "predict", frame)).columns
        ]
    except DeliveryError as error:
        refusal = printable(str(error))

    assert result == [str(name) for name in frame.columns]
    assert len(refusal.splitlines()) == 1
    assert len(refusal) < 10_000


def test_a_column_without_a_form_that_the_pipeline_does_not_use_is_told_to_be_left_out(harness):
    training, held_out = (loan_pipelines.loans(seed).assign(seen=1j) for seed in (1, 2))
    pipeline = make_pipeline(loan_pipelines.columns(), loan_pipelines.LogisticRegression()).fit(
        training, loan_pipelines.bad(training)
    )
    with pytest.raises(
        DeliveryError,
        match=r"column 'seen' holds complex.*or leave 'seen' out of the held-out rows",
    ):
        harness.write(Recipe(pipeline, held_out, None, "predict", training))


def test_a_list_in_a_training_column_that_nobody_asks_for_is_no_fault(harness):
    training = loan_pipelines.loans(1)
    training["tags"] = [["x", "y"]] * len(training)
    pipeline = make_pipeline(
        ColumnTransformer([("n", "passthrough", ["age"])]), loan_pipelines.LogisticRegression()
    )
    pipeline.fit(training, loan_pipelines.bad(training))
    held_out = loan_pipelines.loans(2)[["age"]]
    assert harness.write(Recipe(pipeline, held_out, None, "predict", training)).training["sha256"]


def test_a_fraction_is_of_no_kind_that_is_known():
    with pytest.raises(DeliveryError, match="holds Fraction"):
        kind_of("x", pd.Series([fractions.Fraction(1, 3)]))
