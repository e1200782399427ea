"""A bundle is loaded in a process of its own before it is delivered; what does not load there is
not delivered.
"""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import sklearn

from delivery.errors import DeliveryError
from delivery.proof.self_test import prove_in_fresh_process
from tests.delivery.delivery_harness import ROOT, resign, vouch


def test_a_sound_bundle_answers_its_golden_rows_in_a_fresh_process(shared):
    message = prove_in_fresh_process(shared.releases / "v1", shared.public)
    assert message.endswith("golden rows answered by onnx")
    assert int(message.split()[0]) > 40


def test_a_runtime_can_be_named(shared):
    command = [
        sys.executable,
        "-m",
        "delivery.proof.self_test",
        str(shared.releases / "v1"),
        str(shared.public),
    ]
    done = subprocess.run(
        [*command, "onnx"], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.strip().endswith("answered by onnx")


def _tampered(path, keys):
    (path / "model.onnx").write_bytes(b"nonsense")
    return "model.onnx was changed after it was signed"


def _not_onnx(path, keys):
    (path / "model.onnx").write_bytes(b"nonsense")
    resign(path, keys, lambda manifest: vouch(manifest, "model.onnx", b"nonsense"))
    return "InvalidProtobuf|INVALID_PROTOBUF|Protobuf parsing failed"


def _not_there(path, keys):
    return "release.yaml cannot be read" if (path / "release.yaml").unlink() is None else ""


def _wrong(path, keys):
    raw = (path / "golden.jsonl").read_bytes().replace(b'"prediction":[0.', b'"prediction":[1.', 1)
    (path / "golden.jsonl").write_bytes(raw)
    resign(path, keys, lambda manifest: vouch(manifest, "golden.jsonl", raw))
    return "golden.jsonl, line 1: predicts"


@pytest.mark.parametrize("fault", [_tampered, _not_onnx, _not_there, _wrong])
def test_a_bundle_that_cannot_load_or_answers_wrong_fails_with_its_reason_in_one_line(
    copy, shared, fault
):
    path = copy()
    reason = fault(path, shared.keys)
    with pytest.raises(
        DeliveryError, match=f"the bundle does not load in a fresh process: .*({reason})"
    ) as failed:
        prove_in_fresh_process(path, shared.public)

    assert "\n" not in str(failed.value)


def test_a_pickle_of_a_class_that_is_not_installed_does_not_load(copy, shared):
    path = copy()
    raw = pickle.dumps(pickle.PickleError()).replace(b"PickleError", b"PickleErrox")
    (path / "model.pkl").write_bytes(raw)
    resign(path, shared.keys, lambda manifest: _on_pickle(manifest, raw))
    with pytest.raises(DeliveryError, match=r"does not load in a fresh process: .*AttributeError"):
        prove_in_fresh_process(path, shared.public)


def test_the_fresh_process_knows_the_project_wherever_it_was_started(shared, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert "answered by onnx" in prove_in_fresh_process(shared.releases / "v1", shared.public)


def test_paths_may_be_relative(shared, monkeypatch):
    monkeypatch.chdir(shared.folder)
    assert "answered by onnx" in prove_in_fresh_process(
        Path("releases/v1"), Path("keys/sluice.pub")
    )


RATES = """
RATES = {"usd": 1.0}

def in_usd(frame):
    return frame[["price"]].mul(frame["currency"].map(RATES).fillna(1.0), axis=0)
"""
PRICES = """
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
import rates_of_a_test
from delivery.recipe import Recipe

def build():
    rates_of_a_test.RATES["yen"] = 0.007
    frame = pd.DataFrame({"price": np.arange(600) % 37 + 1.5, "currency": "usd"})
    frame.loc[[7, 411], "currency"] = "yen"
    step = FunctionTransformer(rates_of_a_test.in_usd)
    pipeline = make_pipeline(step, LinearRegression()).fit(frame, frame["price"])
    return Recipe(pipeline, frame, None, "predict")
"""


def test_what_a_recipe_left_in_a_module_is_missed_by_a_row_that_is_not_golden(harness):
    """Code beside the recipe travels, but not what the recipe put into it."""
    (harness.folder / "rates_of_a_test.py").write_text(RATES)
    with pytest.raises(
        DeliveryError,
        match=r"^a fresh process answers otherwise: held-out row 7 gets .*: keep it in the pipel",
    ):
        harness.deliver(harness.recipe("prices", PRICES))

    assert harness.left() == []


SETTING = """
import sklearn
from tests.delivery.loan_pipelines import *

def build():
    sklearn.set_config(transform_output="pandas")
    named = make_pipeline(
        ColumnTransformer([("n", StandardScaler(), ["amount", "age"])]),
        FunctionTransformer(pd.DataFrame.abs),
    )
    made = fitted(LogisticRegression(), bad, "predict_proba", named)
    return Recipe(made.pipeline, made.held_out, made.labels, made.output)
"""


def test_a_global_setting_of_scikit_learn_is_named_where_its_pipeline_needs_it(harness):
    with (
        sklearn.config_context(),
        pytest.raises(DeliveryError, match=r"set_config\(transform_output='pandas'\) holds here"),
    ):
        harness.deliver(harness.recipe("setting", SETTING))


def _on_pickle(manifest, raw):
    vouch(manifest, "model.pkl", raw)
    manifest["runtime"]["certified"] = "sklearn"
