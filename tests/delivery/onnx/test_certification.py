"""The ONNX form is certified where it predicts the same on every held-out row, and nowhere else."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    StandardScaler,
)

from delivery.onnx.certification import certify
from delivery.onnx.comparison import compare
from delivery.proof.expected_answers import CHUNK, expected_answers, pipeline_answers
from delivery.proof.probe_rows import Probes
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
    return compare(pipeline_answers(expected, {"x": np.arange(rows)}, rows), actual, [output])


def verdict(expected, actual, rows=10, output="predict"):
    """What certify says of two toys."""
    no_probes = Probes({"x": np.arange(0)}, [], [])
    held_out = pipeline_answers(expected, {"x": np.arange(rows)}, rows)
    answers = expected_answers(expected, held_out, no_probes)
    return certify(actual, answers, [output], RULE)


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
    frame = pd.DataFrame({"t": 1.7e9 + np.random.default_rng(0).integers(0, 1000, 900) * 1.0})
    columns = ColumnTransformer([("x", "passthrough", ["t"])])
    labels = (frame["t"] - frame["t"].min()) * size / 1000
    recipe = of_frame(frame, labels, columns, LinearRegression())
    manifest = harness.write(recipe)
    assert (manifest.runtime.certified, manifest.runtime.form) == ("onnx", "double")
    sizes = np.abs(recipe.pipeline.predict(recipe.held_out))
    assert manifest.comparison.scale == pytest.approx(sizes.mean())


@pytest.mark.parametrize("name", ["logistic", "floats", "large"])
def test_probabilities_classes_and_large_numbers_have_a_scale_of_one(harness, name):
    assert harness.write(getattr(loan_pipelines, name)()).comparison.scale == 1.0


def test_of_rows_that_may_fail_in_the_onnx_form_alone_the_pipeline_must_not_fail_alone():
    def of_four_rows(expected, actual):
        answers = pipeline_answers(expected, {"x": np.arange(4)}, 4)
        return compare(answers, actual, ["predict"], may_fail=[False, True, True, False])

    some, none = Toy(float, bad={1}), Toy(float)
    assert of_four_rows(none, some).failures_equal
    assert not of_four_rows(some, none).failures_equal
    assert not of_four_rows(none, Toy(float, bad={3})).failures_equal


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
