"""One form after the other is tried until one is certified, and why the others are not is kept."""

import os
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from delivery.inputs.signature import rows_of
from delivery.onnx import forms, ladder
from delivery.onnx.forms import Form
from delivery.onnx.graph import NotConvertible
from delivery.onnx.limited_process import ProcessLimits
from delivery.recipe import Recipe
from service.bundle import Bundle, Column
from service.rows import RowReader
from service.runtimes.load_model import load_model
from tests.delivery import loan_pipelines


def of_frame(frame, labels, *steps, output="predict"):
    """A recipe of these steps; a third of the frame is held out."""
    kept = len(frame) * 2 // 3
    pipeline = make_pipeline(*steps).fit(frame[:kept], labels[:kept])
    return Recipe(pipeline, frame[kept:], labels[kept:], output, frame[:kept])


@pytest.mark.parametrize("name", ["logistic", "fine", "homeless", "price", "strict", "flags"])
def test_the_first_form_computes_in_double_and_is_certified_with_the_proof(harness, name, request):
    if name == "strict":
        # It refuses so many.
        request.getfixturevalue("few_probes")

    runtime = harness.write(getattr(loan_pipelines, name)()).runtime
    assert (runtime.certified, runtime.form, runtime.refused_forms) == ("onnx", "double", {})
    assert runtime.max_difference < 1e-14
    rows = f"equal on {loan_pipelines.ROWS} held-out and {runtime.probe_rows} probe rows"
    assert runtime.reason.startswith(rows)
    assert runtime.reason.endswith("1e-05 is allowed")
    assert runtime.classes_equal
    assert runtime.probe_rows > loan_pipelines.ROWS
    assert (harness.folder / "draft" / "model.onnx").exists()


@pytest.mark.parametrize("name", ["bent", "halved", "unnamed"])
def test_a_pipeline_without_any_form_is_served_itself_and_every_reason_is_kept(harness, name):
    manifest = harness.write(getattr(loan_pipelines, name)())
    runtime = manifest.runtime
    assert (runtime.certified, runtime.form, runtime.rows_compared) == ("sklearn", None, 0)
    assert list(runtime.refused_forms) == ["double", "mixed", "float"]
    assert runtime.reason == runtime.refused_forms["double"]
    for reason in runtime.refused_forms.values():
        assert reason.startswith("it does not convert: ")
        assert "\n" not in reason
        assert len(reason) < 400

    assert not (harness.folder / "draft" / "model.onnx").exists()
    assert "model.onnx" not in manifest.files
    assert f"certified runtime: sklearn ({runtime.reason})" in harness.reported


def test_no_form_of_a_pipeline_is_certified_beyond_the_tolerance(harness):
    runtime = harness.write(loan_pipelines.logistic(), tolerance=1e-18).runtime
    assert runtime.certified == "sklearn"
    assert runtime.rows_compared == loan_pipelines.ROWS
    assert "differs by more than 1e-18 allows" in runtime.reason


def test_a_delivery_says_which_form_it_is_at(harness):
    harness.write(loan_pipelines.logistic())
    assert "ONNX form double: converting" in harness.reported
    assert any(line.startswith("ONNX form double: comparing") for line in harness.reported)


def only(monkeypatch, convert):
    """Let there be one form, which converts so."""
    monkeypatch.setattr(forms, "FORMS", (Form("tried", convert),))


def test_a_conversion_that_does_not_end_is_ended_and_the_pipeline_served(harness, monkeypatch):
    monkeypatch.setattr(ladder, "CONVERSION", ProcessLimits(0.5, 512))
    only(monkeypatch, lambda *_: time.sleep(3600))
    runtime = harness.write(loan_pipelines.logistic()).runtime
    assert runtime.certified == "sklearn"
    assert runtime.reason == "its conversion does not end: it takes longer than 0.5 s"


def test_a_conversion_that_takes_all_memory_is_ended_and_the_pipeline_served(harness, monkeypatch):
    monkeypatch.setattr(ladder, "CONVERSION", ProcessLimits(60, 64))
    only(monkeypatch, lambda *_: b"x" * 2**32)
    runtime = harness.write(loan_pipelines.logistic()).runtime
    assert runtime.reason == "its conversion does not end: it takes more than 64 MB"


def test_a_conversion_whose_process_dies_is_no_end_of_the_delivery(harness, monkeypatch):
    only(monkeypatch, lambda *_: os._exit(3))
    runtime = harness.write(loan_pipelines.logistic()).runtime
    assert runtime.reason.startswith("its conversion does not end: its process died")


def test_a_graph_that_is_too_large_is_refused(harness, monkeypatch):
    only(monkeypatch, lambda *_: bytes((ladder.MOST_GRAPH_MB + 1) * 2**20))
    runtime = harness.write(loan_pipelines.logistic()).runtime
    assert runtime.reason == "its ONNX form has 257 MB, and 256 MB are allowed"


def test_a_graph_that_does_not_load_is_refused(harness, monkeypatch):
    only(monkeypatch, lambda *_: b"no graph")
    runtime = harness.write(loan_pipelines.logistic()).runtime
    assert runtime.reason.startswith("its ONNX form does not load: ")


def wrong_on(category):
    """A conversion that is right on all rows but those of one category."""

    def convert(recipe, columns):
        names = list(recipe.pipeline[0].get_feature_names_out())
        (number,) = [number for number, name in enumerate(names) if name.endswith(category)]
        # In the child process alone.
        recipe.pipeline[-1].coef_[0, number] += 0.1
        return forms.convert_in_double(recipe, columns)

    return convert


def test_a_form_that_is_wrong_on_nulls_only_is_refused_though_no_held_out_row_has_one(
    harness, monkeypatch
):
    made = loan_pipelines.homeless()
    whole = made.held_out[made.held_out["city"].notna()]
    only(monkeypatch, wrong_on("_None"))
    runtime = harness.write(replace(made, held_out=whole, labels=made.labels[whole.index])).runtime
    assert runtime.certified == "sklearn"
    # So the held-out rows were equal, and a probe row was not.
    assert runtime.probe_rows > 0


def test_a_form_that_is_wrong_on_a_category_of_one_training_row_is_refused(harness, monkeypatch):
    training, held_out = loan_pipelines.loans(1, 900), loan_pipelines.loans(2)
    training.loc[3, "city"] = "Reykjavik"
    pipeline = make_pipeline(loan_pipelines.columns(), LogisticRegression())
    pipeline.fit(training, loan_pipelines.bad(training))
    only(monkeypatch, wrong_on("_Reykjavik"))
    labels = loan_pipelines.bad(held_out)
    runtime = harness.write(Recipe(pipeline, held_out, labels, "predict_proba", training)).runtime
    assert runtime.certified == "sklearn"
    assert runtime.probe_rows > 0


def served_beside_pipeline(harness, recipe, frame):
    """The answers of what was certified and of the pipeline, for the frame's rows."""
    manifest = harness.write(recipe)
    model = load_model(Bundle(harness.folder / "draft", manifest, ""))
    columns = RowReader(manifest.columns).row_columns(rows_of(frame))
    expected = getattr(recipe.pipeline, recipe.output)(frame)
    return manifest.runtime, model.predict(columns), np.asarray(expected).tolist()


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "Float64"])
@pytest.mark.filterwarnings("ignore:Found unknown categories")
def test_fractions_are_no_category_in_what_is_served(harness, dtype):
    """They were cut, and a form in numbers of 32 bits was refused for it."""
    chance = np.random.default_rng(0)
    frame = pd.DataFrame({"stars": chance.integers(1, 6, 900).astype(float)})
    frame["v"] = chance.normal(size=900).round(2)
    labels = ((frame["stars"] == 2) ^ (frame["v"] > 0)).astype(int)
    encoder = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("stars", encoder, ["stars"]), ("v", "passthrough", ["v"])])
    frame = frame.astype({"stars": dtype})
    recipe = of_frame(frame, labels, columns, LogisticRegression(), output="predict_proba")
    odd = pd.DataFrame({"stars": [1.5, 2.0, 2.25], "v": [0.0, 0.5, -1.0]})
    runtime, actual, expected = served_beside_pipeline(
        harness, recipe, odd.astype({"stars": dtype})
    )
    assert (runtime.certified, runtime.form) == ("onnx", "double")
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


def test_large_integers_are_kept_to_the_last_digit_or_the_pipeline_is_served(harness):
    """Beyond 2^53 a float stands for several integers, and beyond 2^24 one of 32 bits."""
    numbers = 2**60 + np.arange(900) % 3
    frame = pd.DataFrame({"id": numbers, "v": np.arange(900.0) % 7})
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("id", encoder, ["id"]), ("v", StandardScaler(), ["v"])])
    labels = numbers - 2**60 + frame["v"] / 10
    recipe = of_frame(frame, labels, columns, LinearRegression())
    runtime, actual, expected = served_beside_pipeline(
        harness, recipe, frame.head(3).assign(id=[2**60, 2**60 + 2, 2**60 + 77])
    )
    assert runtime.form == "double"
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


def test_nullable_integers_that_32_bits_do_not_hold_have_no_float_form():
    columns = [Column(name="n", dtype="int", nullable=True, minimum=0, maximum=2**24 + 1)]
    with pytest.raises(NotConvertible, match=r"column 'n' holds nulls and integers beyond 2\^24"):
        forms.convert_in_float(Recipe(None, None, None), columns)


def test_trees_behind_a_scaler_are_certified_and_right_on_its_thresholds(harness):
    chance = np.random.default_rng(0)
    frame = pd.DataFrame({"weight": chance.integers(40, 120, 900)}, dtype=float)
    heavy = (frame["weight"] % 7 > 3).astype(int)
    model = GradientBoostingClassifier(n_estimators=20, random_state=0)
    recipe = of_frame(frame, heavy, StandardScaler(), model, output="predict_proba")
    odd = pd.DataFrame({"weight": np.arange(40, 120, 0.5)})
    runtime, actual, expected = served_beside_pipeline(harness, recipe, odd)
    if runtime.certified == "onnx":
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)
