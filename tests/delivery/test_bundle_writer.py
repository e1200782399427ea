"""What a bundle holds: every file and every key of the contract."""

import hashlib
import json
import locale
import stat
import sys
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version

import joblib
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import FunctionTransformer

from delivery.bundle_writer import GOLDEN_ROWS, frame_digest
from delivery.errors import DeliveryError
from delivery.inputs.environment import git_state, python_version
from delivery.recipe import Recipe
from service.bundle import parse_manifest
from tests.delivery import loan_pipelines
from tests.delivery.delivery_harness import EVERY_FILE

pytestmark = pytest.mark.usefixtures("few_probes")


def few(estimator):
    """A recipe of that estimator with few held-out rows and no labels."""
    made = loan_pipelines.fitted(estimator, loan_pipelines.risk, "predict")
    return Recipe(made.pipeline, made.held_out.head(9), None)


@pytest.fixture(scope="module")
def manifest(shared):
    """release.yaml of v1 as a reader of YAML sees it."""
    return yaml.safe_load((shared.releases / "v1" / "release.yaml").read_bytes())


def test_a_bundle_on_onnx_has_every_file_and_nothing_else(shared):
    assert sorted(path.name for path in (shared.releases / "v1").iterdir()) == EVERY_FILE


def test_a_bundle_on_scikit_learn_has_all_but_the_onnx_form(harness):
    manifest = harness.write(loan_pipelines.unnamed())
    names = sorted(path.name for path in (harness.folder / "draft").iterdir())
    assert names == [name for name in EVERY_FILE if name not in ("model.onnx", "signature")]
    assert sorted([*manifest.files, "release.yaml"]) == names


def test_the_manifest_has_every_key_of_the_contract(shared, manifest):
    assert list(manifest) == [
        *(
            "format",
            "model",
            "version",
            "created_at",
            "source",
            "training",
            "task",
            "classes",
            "output",
        ),
        *(
            "input",
            "one_row_at_a_time",
            "columns",
            "metrics",
            "held_out_rows",
            "runtime",
            "comparison",
            "latency",
        ),
        *("golden", "python", "packages", "files", "side_effects", "segments"),
        *("outputs", "direct", "requirements", "held_out_sha256"),
    ]
    assert (manifest["format"], manifest["model"], manifest["version"]) == (2, "loans", "v1")
    assert (manifest["task"], manifest["classes"], manifest["output"]) == (
        "classification",
        [0, 1],
        "predict_proba",
    )
    assert set(manifest["metrics"]) == {"accuracy", "auc", "log_loss", "brier"}
    assert manifest["held_out_rows"] == loan_pipelines.ROWS
    assert set(manifest["runtime"]) == {
        *(
            "certified",
            "reason",
            "max_difference",
            "rows_compared",
            "probe_rows",
            "tolerance",
            "classes_equal",
            "form",
            "refused_forms",
        )
    }
    assert (manifest["python"], manifest["packages"]["scikit-learn"]) == (
        python_version(),
        version("scikit-learn"),
    )


def test_the_manifest_tells_when_and_from_what_it_was_made(shared, manifest):
    recipe = shared.folder / "logistic.py"
    assert manifest["source"] == {
        "kind": "recipe",
        "path": str(recipe),
        "sha256": hashlib.sha256(recipe.read_bytes()).hexdigest(),
    } | git_state(shared.folder)
    assert manifest["training"] == {
        "sha256": frame_digest(loan_pipelines.loans(1)),
        "rows": loan_pipelines.ROWS,
    }
    age = datetime.now(UTC) - datetime.fromisoformat(manifest["created_at"])
    assert 0 <= age.total_seconds() < 3600


def test_the_manifest_describes_every_column(manifest):
    columns = {column["name"]: column for column in manifest["columns"]}
    assert {name: (column["dtype"], column["nullable"]) for name, column in columns.items()} == {
        "amount": ("float", False),
        "age": ("int", False),
        "member": ("bool", False),
        "city": ("string", False),
        "income": ("float", True),
    }
    assert columns["city"]["categories"] == ["Bergen", "Oslo", "Tromsø"]
    ages = loan_pipelines.loans(1)["age"]
    assert (columns["age"]["minimum"], columns["age"]["maximum"]) == (ages.min(), ages.max())


def test_the_manifest_has_side_effects_and_segments(manifest):
    assert manifest["side_effects"] is False
    cities = loan_pipelines.loans(1)["city"].value_counts()
    [segment] = manifest["segments"]
    assert segment["column"] == "city"
    assert sorted(segment["values"]) == sorted(cities.index)
    assert segment["values"][0] == cities.index[0]


def test_a_recipe_says_both_of_its_own(harness):
    recipe = replace(loan_pipelines.unnamed(), side_effects=True, segments=())
    manifest = harness.write(recipe)
    assert (manifest.side_effects, manifest.segments) == (True, [])
    path = harness.folder / "draft" / "release.yaml"
    assert parse_manifest(path.read_bytes(), path).side_effects


def test_a_bundle_from_before_has_neither(shared):
    path = shared.releases / "v1" / "release.yaml"
    plain = yaml.safe_load(path.read_bytes())
    del plain["side_effects"], plain["segments"]
    older = parse_manifest(yaml.safe_dump(plain).encode(), path)
    assert (older.side_effects, older.segments) == (False, [])


def test_latency_is_told_for_the_certified_runtime_and_for_scikit_learn(manifest):
    own, whole = manifest["latency"], manifest["latency"]["sklearn"]
    assert set(own) == {"rows_1_ms", "rows_64_ms", "sklearn"}
    assert set(whole) == {"rows_1_ms", "rows_64_ms"}
    assert 0 < own["rows_1_ms"] < whole["rows_1_ms"]


def test_the_manifest_vouches_for_every_other_file(shared, manifest):
    assert sorted(manifest["files"]) == [
        name for name in EVERY_FILE if name not in ("release.yaml", "signature")
    ]
    for name, reported in manifest["files"].items():
        raw = (shared.releases / "v1" / name).read_bytes()
        assert reported == {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}


def test_the_environment_has_an_exact_pin_of_every_package(shared, manifest):
    made = yaml.safe_load((shared.releases / "v1" / "environment.yaml").read_bytes())
    assert made["name"] == "loans-v1"
    assert made["dependencies"][:2] == [f"python={python_version()}", "pip"]
    pins = made["dependencies"][2]["pip"]
    assert pins == [f"{name}=={number}" for name, number in manifest["packages"].items()]
    assert f"scikit-learn=={version('scikit-learn')}" in pins


def test_the_pickle_is_the_whole_pipeline(shared):
    pipeline = joblib.load(shared.releases / "v1" / "model.pkl")
    frame = loan_pipelines.loans(2)
    assert np.array_equal(
        pipeline.predict_proba(frame), loan_pipelines.logistic().pipeline.predict_proba(frame)
    )


@pytest.mark.parametrize("made", [loan_pipelines.logistic(), loan_pipelines.unnamed()])
def test_golden_rows_are_held_out_rows_with_the_predictions_of_the_certified_runtime(harness, made):
    harness.write(made)
    lines = [
        json.loads(line)
        for line in (harness.folder / "draft" / "golden.jsonl").read_text().splitlines()
    ]
    assert 40 <= len(lines) <= GOLDEN_ROWS
    frame = pd.DataFrame([line["row"] for line in lines])
    frame["income"] = frame["income"].astype(float)
    # As in training; pandas would make NaN of None.
    frame["city"] = pd.Series([line["row"]["city"] for line in lines], dtype=object)
    expected = made.pipeline.predict_proba(frame)
    assert np.abs(np.array([line["prediction"] for line in lines]) - expected).max() < 1e-6
    present = made.held_out.astype(object).where(made.held_out.notna(), None).to_dict("records")
    assert all(line["row"] in present for line in lines)
    assert sum(None in line["row"].values() for line in lines) >= 10
    assert sum(None not in line["row"].values() for line in lines) >= 10


def test_golden_rows_leave_out_rows_that_the_pipeline_fails_on(harness):
    made = loan_pipelines.strict()
    held_out = made.held_out.head(60).copy()
    held_out.loc[::4, "city"] = "Rome"
    manifest = harness.write(
        Recipe(made.pipeline, held_out, made.labels.head(60), "predict_proba", made.training)
    )
    lines = [
        json.loads(line)
        for line in (harness.folder / "draft" / "golden.jsonl").read_text().splitlines()
    ]
    assert manifest.golden == {"rows": len(lines)} == {"rows": 45}
    assert {line["row"]["city"] for line in lines} == set(loan_pipelines.CITIES)


def test_few_held_out_rows_are_all_golden(harness):
    made = loan_pipelines.logistic()
    few = Recipe(made.pipeline, made.held_out.head(3), made.labels.head(3), "predict_proba")
    assert harness.write(few).golden == {"rows": 3}
    assert len((harness.folder / "draft" / "golden.jsonl").read_bytes().splitlines()) == 3


def test_a_pipeline_that_fails_on_every_held_out_row_is_not_delivered(harness):
    made = loan_pipelines.strict()
    lost = Recipe(made.pipeline, made.held_out.head(9).assign(city="Rome"), None, "predict_proba")
    with pytest.raises(DeliveryError, match=r"failed on every held-out row: \w+: "):
        harness.write(lost)


def test_a_pipeline_that_answers_another_number_of_rows_is_not_delivered(harness):
    with pytest.raises(
        DeliveryError,
        match="gives 12 predictions for 6 rows, and each row needs one: a step drops or repeats",
    ):
        harness.write(few(loan_pipelines.Twice()))


def test_a_pipeline_that_never_answers_a_number_is_not_delivered(harness):
    with pytest.raises(
        DeliveryError, match="failed on every held-out row: ValueError: the model answered NaN"
    ):
        harness.write(few(loan_pipelines.Nothing()))


def test_a_classifier_of_several_labels_needs_as_many_labels_a_row(harness):
    many = loan_pipelines.fitted(
        RidgeClassifier(),
        lambda frame: frame[["age", "amount"]].gt([40, 2000]).astype(int),
        "predict",
    )
    with pytest.raises(
        DeliveryError, match="have 1 labels a row: give a frame or an array with one for each"
    ):
        harness.write(replace(many, labels=loan_pipelines.logistic().labels))


def test_a_regression_with_a_list_a_row_is_delivered_though_its_first_row_fails(harness):
    made = loan_pipelines.fitted(
        loan_pipelines.LinearRegression(),
        lambda frame: frame[["age", "amount"]],
        "predict",
        loan_pipelines.columns(unknown="error"),
    )
    made.held_out.loc[0, "city"] = "Rome"
    (output,) = harness.write(replace(made, labels=None)).outputs
    assert (output.name, output.shape) == ("predict", [2])


def test_bad_labels_are_refused_before_the_conversion(harness, monkeypatch):
    convert = "delivery.bundle_writer.certified_form"
    monkeypatch.setattr(convert, lambda *_: pytest.fail("it was converted"))
    made = loan_pipelines.price()
    made.labels.iloc[3] = np.nan
    with pytest.raises(DeliveryError, match="1 of 160 labels are null"):
        harness.write(made)


def test_users_are_not_asked_for_columns_that_the_pipeline_does_not_know(harness):
    made = loan_pipelines.unlabelled()
    manifest = harness.write(replace(made, held_out=made.held_out.assign(default=1)))
    assert [column.name for column in manifest.columns] == list(loan_pipelines.ROW)


def test_what_makes_metrics_say_little_is_said(harness):
    made = loan_pipelines.logistic()
    harness.write(replace(made, held_out=made.held_out.head(10), labels=made.labels.head(10)))
    assert any(line.startswith("warning: only 10 held-out rows") for line in harness.reported)


def test_what_cannot_be_pickled_is_not_delivered(harness):
    before = loan_pipelines.make_pipeline(
        loan_pipelines.columns(), FunctionTransformer(lambda array: array)
    )
    made = loan_pipelines.fitted(
        loan_pipelines.LogisticRegression(), loan_pipelines.bad, "predict", before
    )
    with pytest.raises(
        DeliveryError, match=r"cannot be pickled: it holds a lambda \(test_bundle_writer.py, line"
    ):
        harness.write(made)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("amount", np.inf, "Expected `float` <= "),
        ("amount", 1e39, "Expected `float` <= "),
    ],
)
def test_a_held_out_row_that_could_not_be_sent_is_named(harness, column, value, message):
    made = loan_pipelines.logistic()
    held_out = made.held_out.copy()
    held_out.loc[5, column] = value
    with pytest.raises(DeliveryError, match=rf"could not be sent as JSON: {message}.*\$\.{column}"):
        harness.write(Recipe(made.pipeline, held_out, made.labels, "predict_proba"))


def test_the_digest_of_a_frame_is_of_its_names_and_values():
    frame = loan_pipelines.loans(1)
    assert (
        frame_digest(frame)
        == frame_digest(frame.copy())
        == frame_digest(frame.set_axis(range(5, 165)))
    )
    others = (
        frame.rename(columns={"age": "years"}),
        frame[::-1],
        frame.head(100),
        frame.assign(age=frame["age"] + 1),
    )
    assert len({frame_digest(item) for item in (frame, *others)}) == 5


def test_files_of_a_bundle_are_plain_files(shared):
    modes = {path.name: path.lstat().st_mode for path in (shared.releases / "v1").iterdir()}
    assert all(stat.S_ISREG(mode) for mode in modes.values())


def test_text_of_any_alphabet_is_written_as_utf_8_whatever_the_locale(harness):
    if sys.flags.utf8_mode:
        pytest.skip(
            "Python is in its UTF-8 mode, where the locale says nothing: run without it to see this"
        )

    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C")
    try:
        harness.write(loan_pipelines.unnamed())
    finally:
        locale.setlocale(locale.LC_CTYPE, before)

    assert "- Tromsø\n" in (harness.folder / "draft" / "release.yaml").read_text(encoding="utf-8")
