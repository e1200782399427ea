"""The ONNX form is certified where it predicts the same on every held-out row, and nowhere else."""

import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from delivery.proof.onnx_form import CHUNK, certify, compare
from delivery.recipe import Recipe
from service.bundle import Comparison
from tests.delivery import loan_pipelines

RULE = Comparison(rule="", certification=1e-5, golden=1e-5, pipeline=1e-6)


class Toy:
    """Answers by a function of x; raises on what `bad` says."""

    name = "toy"

    def __init__(self, answer, bad=()):
        self.answer, self.bad = answer, set(bad)

    def predict(self, columns):
        if self.bad & set(columns["x"].tolist()):
            raise ValueError("not this one")
        return [self.answer(x) for x in columns["x"].tolist()]


def compared(expected, actual, rows=10, output="predict"):
    """Two toys on that many rows."""
    return compare(expected, actual, {"x": np.arange(rows)}, rows, [output])


def verdict(expected, actual, rows=10, output="predict"):
    """What certify says of two toys."""
    return certify(
        expected, actual, {"x": np.arange(rows)}, rows, Recipe(None, None, None, output), RULE
    )


@pytest.mark.parametrize("name", ["logistic", "trees"])
def test_logistic_regression_and_boosted_trees_are_certified_with_the_proof(harness, name):
    runtime = harness.write(getattr(loan_pipelines, name)()).runtime
    assert runtime.certified == "onnx"
    assert runtime.reason.startswith(
        f"equal on {loan_pipelines.ROWS} held-out and {runtime.probe_rows} probe rows, largest abs"
    )
    assert runtime.reason.endswith("; 1e-05 is allowed")
    assert 0 < runtime.max_difference < 1e-6
    assert (runtime.rows_compared, runtime.tolerance, runtime.classes_equal) == (
        loan_pipelines.ROWS,
        1e-5,
        True,
    )
    assert runtime.probe_rows > loan_pipelines.ROWS
    assert (harness.folder / "draft" / "model.onnx").exists()


@pytest.mark.parametrize(
    ("name", "reason", "rows"),
    [
        ("bent", "it does not convert: RuntimeError: FunctionTransformer is not supported", 0),
        ("halved", "it does not convert: ", 0),
        ("unnamed", "a string column holds nulls, which ONNX has no form for", 0),
        (
            "fine",
            "its ONNX form differs by more than 1e-05 allows: relative difference ",
            loan_pipelines.ROWS,
        ),
        ("tied", "some held-out rows get another class in its ONNX form", loan_pipelines.ROWS),
    ],
)
def test_what_does_not_convert_or_differs_is_served_by_scikit_learn_and_the_reason_is_kept(
    harness, name, reason, rows
):
    manifest = harness.write(getattr(loan_pipelines, name)())
    assert manifest.runtime.certified == "sklearn"
    assert manifest.runtime.reason.startswith(reason)
    assert "\n" not in manifest.runtime.reason
    assert manifest.runtime.rows_compared == rows
    assert not (harness.folder / "draft" / "model.onnx").exists()
    assert "model.onnx" not in manifest.files
    assert any(f"certified runtime: sklearn ({reason}" in line for line in harness.reported)


def test_a_tolerance_decides(harness):
    assert harness.write(loan_pipelines.logistic(), tolerance=1e-12).runtime.certified == "sklearn"


@pytest.mark.parametrize("name", ["distance km", "a.b", "größe", "x/y", "0", "a-b", "A (b)"])
def test_a_column_of_any_name_is_certified(harness, name):
    """The converter renames what is no identifier; the service must feed it all the same."""
    training, held_out = (
        loan_pipelines.loans(seed)[["amount", "age"]].set_axis([name, "age"], axis=1)
        for seed in (1, 2)
    )
    columns = ColumnTransformer([("both", StandardScaler(), [name, "age"])])
    pipeline = make_pipeline(columns, LogisticRegression()).fit(
        training, (training[name] > 2000).astype(int)
    )
    runtime = harness.write(Recipe(pipeline, held_out, None, "predict_proba", training)).runtime
    assert (runtime.certified, runtime.classes_equal) == ("onnx", True), runtime.reason


def test_a_column_that_the_pipeline_drops_does_not_keep_it_from_being_certified(harness):
    made = loan_pipelines.logistic()
    frames = (frame.assign(note="x", spare=1.5) for frame in (made.held_out, made.training))
    held_out, training = frames
    pipeline = make_pipeline(loan_pipelines.columns(), LogisticRegression()).fit(
        training, loan_pipelines.bad(training)
    )
    assert (
        harness.write(Recipe(pipeline, held_out, None, "predict_proba", training)).runtime.certified
        == "onnx"
    )


@pytest.mark.parametrize("dtype", ["Int64", "boolean"])
@pytest.mark.parametrize("nulls", [0, 20])
def test_nullable_integers_and_truth_values_are_certified_with_their_nulls(harness, dtype, nulls):
    def some(seed, count):
        frame = loan_pipelines.loans(seed)[["amount", "member"]]
        frame["member"] = frame["member"].astype(dtype)
        frame.loc[: count - 1, "member"] = pd.NA
        return frame

    training, held_out = some(1, 20), some(2, nulls)
    gaps = SimpleImputer(strategy="most_frequent")
    columns = ColumnTransformer(
        [("gaps", gaps, ["member"]), ("rest", StandardScaler(), ["amount"])]
    )
    pipeline = make_pipeline(columns, LogisticRegression()).fit(
        training, (training["amount"] > 2000).astype(int)
    )
    manifest = harness.write(Recipe(pipeline, held_out, None, "predict_proba", training))
    assert [column.nullable for column in manifest.columns] == [False, True]
    assert manifest.runtime.certified == "onnx", manifest.runtime.reason


def of_frame(frame, labels, *steps, output="predict"):
    """A recipe of these steps; a third of the frame is held out."""
    kept = len(frame) * 2 // 3
    pipeline = make_pipeline(*steps).fit(frame[:kept], labels[:kept])
    return Recipe(pipeline, frame[kept:], labels[kept:], output, frame[:kept])


def two_columns():
    """Whole numbers and fractions, and 0 or 1."""
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"stars": chance.integers(1, 6, 900).astype(float), "v": chance.normal(size=900).round(2)}
    )
    return frame, ((frame["stars"] == 2) ^ (frame["v"] > 0)).astype(int)


# As errors the encoder's warnings would fail row after row.
@pytest.mark.filterwarnings("ignore:Found unknown categories")
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "Float64"])
@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(drop="first", handle_unknown="ignore"),
        make_pipeline(SimpleImputer(strategy="median"), OneHotEncoder(handle_unknown="ignore")),
    ],
)
def test_categories_of_floats_are_not_certified_since_there_fractions_are_cut(
    harness, dtype, encoder
):
    frame, labels = two_columns()
    columns = ColumnTransformer([("stars", encoder, ["stars"]), ("v", "passthrough", ["v"])])
    recipe = of_frame(frame.astype({"stars": dtype}), labels, columns, LogisticRegression())
    assert harness.write(recipe).runtime.certified == "sklearn"


@pytest.mark.parametrize(
    "scaler",
    [
        StandardScaler(),
        MinMaxScaler(),
        RobustScaler(),
        MaxAbsScaler(),
        QuantileTransformer(n_quantiles=50),
    ],
)
@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier(random_state=0),
        RandomForestClassifier(5, random_state=0),
        GradientBoostingClassifier(n_estimators=20, random_state=0),
    ],
)
def test_trees_whose_edges_a_scaler_moved_are_not_certified(harness, scaler, model):
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"weight": chance.integers(40, 120, 900), "height": chance.integers(140, 200, 900)},
        dtype=float,
    )
    heavy = (frame["weight"] / (frame["height"] / 100) ** 2 > 27).astype(int)
    columns = ColumnTransformer([("s", scaler, ["weight", "height"])])
    assert harness.write(of_frame(frame, heavy, columns, model)).runtime.certified == "sklearn"


@pytest.mark.parametrize("model", [KNeighborsClassifier(3), KMeans(4, n_init=1, random_state=0)])
def test_distances_that_numbers_of_32_bits_cannot_tell_apart_are_not_certified(harness, model):
    frame = pd.DataFrame(
        np.random.default_rng(0).normal(size=(900, 2)).round(3), columns=["a", "b"]
    )
    columns = ColumnTransformer([("x", "passthrough", ["a", "b"])])
    labels = (frame["a"] + frame["b"] > 0).astype(int)
    runtime = harness.write(of_frame(frame, labels, columns, model)).runtime
    assert runtime.certified == "sklearn"
    assert "a value far beyond those of training in column" in runtime.reason


@pytest.mark.parametrize(
    ("model", "output"),
    [
        (LinearRegression(), "predict"),
        (LogisticRegression(), "predict_proba"),
        (RandomForestClassifier(5, random_state=0), "predict_proba"),
        (GradientBoostingClassifier(n_estimators=5, random_state=0), "predict_proba"),
    ],
)
def test_numbers_far_beyond_keep_no_ordinary_pipeline_from_being_certified(harness, model, output):
    """Not even where 32 bits do not hold the sum: that row fails, and is answered nothing else."""
    frame = pd.DataFrame(
        np.random.default_rng(0).normal(size=(900, 2)).round(3), columns=["a", "b"]
    )
    columns = ColumnTransformer([("x", "passthrough", ["a", "b"])])
    score = 500 * frame["a"] + frame["b"]
    labels = score if output == "predict" else (score > 0).astype(int)
    runtime = harness.write(of_frame(frame, labels, columns, model, output=output)).runtime
    assert runtime.certified == "onnx", runtime.reason


@pytest.mark.parametrize("size", [1e-8, 1e-3])
def test_answers_below_one_are_compared_by_their_own_size(harness, size):
    """32 bits hold a time in seconds to two minutes: of answers that follow it little is right."""
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "t": 1.7e9 + chance.integers(0, 1000, 900).astype(float),
            "b": chance.normal(size=900).round(3),
        }
    )
    for name, certified in (("t", "sklearn"), ("b", "onnx")):
        columns = ColumnTransformer([("x", "passthrough", [name])])
        labels = (frame[name] - frame[name].min()) * size / 1000
        recipe = of_frame(frame[[name]], labels, columns, LinearRegression())
        manifest = write_anew(harness, recipe)
        assert manifest.runtime.certified == certified, manifest.runtime.reason
        sizes = np.abs(recipe.pipeline.predict(recipe.held_out))
        assert manifest.comparison.scale == pytest.approx(sizes.mean())


def write_anew(harness, recipe):
    """The contents of its bundle, in place of one that was written before."""
    shutil.rmtree(harness.folder / "draft", ignore_errors=True)
    return harness.write(recipe)


@pytest.mark.parametrize("name", ["logistic", "floats", "large"])
def test_probabilities_classes_and_large_numbers_have_a_scale_of_one(harness, name):
    assert harness.write(getattr(loan_pipelines, name)()).comparison.scale == 1.0


def test_of_rows_that_may_fail_in_the_onnx_form_alone_the_pipeline_must_not_fail_alone():
    columns = {"x": np.arange(4)}
    spared = [False, True, True, False]
    some, none = Toy(float, bad={1}), Toy(float)
    assert compare(none, some, columns, 4, ["predict"], may_fail=spared).failures_equal
    assert not compare(some, none, columns, 4, ["predict"], may_fail=spared).failures_equal
    assert not compare(
        none, Toy(float, bad={3}), columns, 4, ["predict"], may_fail=spared
    ).failures_equal


def test_the_same_answers_are_equal():
    result = compared(Toy(float), Toy(float))
    assert (result.rows, result.difference, result.classes_equal, result.failures_equal) == (
        10,
        0,
        True,
        True,
    )


def test_the_largest_difference_of_all_chunks_is_found():
    last = CHUNK + 5
    result = compared(
        Toy(lambda x: 1.0), Toy(lambda x: 1.25 if x == last else 1.0 + 1e-7), CHUNK + 10
    )
    assert (result.rows, result.difference) == (CHUNK + 10, 0.25)


def test_a_difference_of_large_numbers_is_relative_and_of_small_ones_absolute():
    assert compared(Toy(lambda x: 1e6), Toy(lambda x: 1e6 + 1)).difference == pytest.approx(1e-6)
    assert compared(Toy(lambda x: 1e-6), Toy(lambda x: 2e-6)).difference == pytest.approx(1e-6)


def test_probabilities_that_swap_the_classes_are_not_equal_however_small_the_difference():
    expected, actual = (
        Toy(lambda x: [0.5 + 1e-9, 0.5 - 1e-9]),
        Toy(lambda x: [0.5 - 1e-9, 0.5 + 1e-9]),
    )
    assert not compared(expected, actual, output="predict_proba").classes_equal
    assert verdict(expected, actual, output="predict_proba").reason.startswith(
        "some held-out rows get another class"
    )


@pytest.mark.parametrize(
    ("expected", "actual"),
    [(1, 2), ("a", "b"), (True, False), ([1.0, 2.0], [1.0]), ([1.0, 2.0], [2.0, 1.0])],
)
def test_another_class_is_never_certified(expected, actual):
    assert verdict(Toy(lambda x: expected), Toy(lambda x: actual)).certified == "sklearn"
    assert verdict(Toy(lambda x: expected), Toy(lambda x: expected)).certified == "onnx"


def test_rows_that_fail_in_both_forms_are_no_difference():
    runtime = verdict(Toy(float, bad={3, 7}), Toy(float, bad={3, 7}))
    assert (runtime.certified, runtime.rows_compared) == ("onnx", 10)


@pytest.mark.parametrize(("expected", "actual"), [({3}, set()), (set(), {3}), ({3}, {4})])
def test_rows_that_fail_in_one_form_only_are_never_certified(expected, actual):
    runtime = verdict(Toy(float, bad=expected), Toy(float, bad=actual))
    assert (runtime.certified, runtime.reason) == (
        "sklearn",
        "other rows fail in its ONNX form than in the pipeline",
    )
