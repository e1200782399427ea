"""Folders that MLflow saved are delivered without MLflow: tests/delivery/fixtures has real ones."""

import json
import shutil
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import yaml
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from delivery.errors import DeliveryError
from delivery.sources.source import load_source, modules_of

MODELS = Path(__file__).parents[1] / "fixtures" / "mlflow"


@pytest.fixture
def model(tmp_path):
    """model(name): a copy of a saved model, to be broken."""
    return lambda name: shutil.copytree(MODELS / name, tmp_path / name)


def change(folder, edit):
    """Change the file MLmodel."""
    path = folder / "MLmodel"
    described = yaml.safe_load(path.read_text())
    edit(described)
    path.write_text(yaml.safe_dump(described))


def refused(folder, *arguments, **more):
    """Why a folder is not loaded."""
    with pytest.raises(DeliveryError) as raised, modules_of(folder):
        load_source(folder, *arguments, **more)

    return str(raised.value)


def test_a_model_is_delivered_from_its_folder_alone(harness):
    made = harness.deliver(MODELS / "table")
    dtypes = {column.name: column.dtype for column in made.manifest.columns}
    assert dtypes == {"amount": "float", "age": "int", "member": "bool", "city": "string"}
    assert made.manifest.source["kind"] == "mlflow"
    assert made.manifest.output == "predict"
    assert any("only the 12 rows of the input example" in line for line in harness.reported)


def test_what_it_answers_may_be_asked_for(harness):
    made = harness.deliver(MODELS / "table", outputs=("predict_proba", "predict"))
    assert [output.name for output in made.manifest.outputs] == ["predict_proba", "predict"]


def test_the_code_of_a_model_travels_with_the_bundle(harness):
    made = harness.deliver(MODELS / "code")
    assert "code.loan_steps.doubled.py" in made.manifest.files
    assert "loan_steps" not in sys.modules


@pytest.mark.filterwarnings("ignore:X has feature names:UserWarning")
def test_a_model_of_arrays_has_columns_by_number(harness):
    made = harness.deliver(MODELS / "arrays")
    assert [column.name for column in made.manifest.columns] == ["0", "1"]


def test_its_requirements_are_taken_over():
    source = load_source(MODELS / "table")
    assert "scikit-learn<1.10,>=1.9" in source.requirements
    assert source.requirements[0].startswith("mlflow")


def test_requirements_that_are_not_met_here_are_named(model):
    folder, reported = model("table"), []
    (folder / "requirements.txt").write_text(
        "# pins\n-r other.txt\nnot-there-at-all==1.0\npandas<1\nmlflow==3.0\n"
    )
    source = load_source(folder, report=reported.append)
    assert source.requirements == ("not-there-at-all==1.0", "pandas<1", "mlflow==3.0")
    warnings = "\n".join(reported)
    assert "it asks for not-there-at-all==1.0, which is not installed here" in warnings
    assert "it asks for pandas<1, and" in warnings
    assert "mlflow" not in warnings


def test_its_rows_may_come_from_a_sample(model, tmp_path):
    folder, sample = model("table"), tmp_path / "rows.csv"
    sample.write_text("amount,age,member,city,late\n" + "100,40,True,Oslo,False\n" * 120)
    reported = []
    source = load_source(folder, sample, "late", reported.append)
    assert str(source.recipe.held_out["amount"].dtype) == "float64"
    assert len(source.recipe.labels) == 120
    assert not any("input example" in line for line in reported)


def test_the_digest_is_of_all_its_files(model):
    folder = model("table")
    before = load_source(folder).sha256
    (folder / "notes.txt").write_text("more")
    assert load_source(folder).sha256 != before


def test_a_folder_without_mlmodel_is_refused(tmp_path):
    assert "is a folder without MLmodel: give a recipe" in refused(tmp_path)


def test_a_path_that_is_nothing_is_refused(tmp_path):
    assert "is not there: give a recipe" in refused(tmp_path / "nothing")


def test_a_file_that_is_neither_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    assert "is none of these: a recipe" in refused(path)


def test_another_flavor_is_refused_with_those_it_has(model):
    folder = model("table")
    change(folder, lambda described: described.update(flavors={"pytorch": {}}))
    assert "has the flavors pytorch, and a version is a scikit-learn pipeline" in refused(folder)


@pytest.mark.parametrize("text", ["[1, 2", "just text", "flavors: 3"])
def test_an_mlmodel_that_cannot_be_read_is_refused(model, text):
    folder = model("table")
    (folder / "MLmodel").write_text(text)
    assert "MLmodel" in refused(folder)


def test_a_signature_of_other_columns_than_the_pipelines_is_refused(model):
    folder = model("table")

    def rename(described):
        inputs = described["signature"]["inputs"]
        described["signature"]["inputs"] = inputs.replace('"age"', '"years"')

    change(folder, rename)
    message = refused(folder)
    assert "only the pipeline has 'age', only the signature 'years'" in message


def test_rows_without_a_column_of_the_signature_are_refused(model):
    folder = model("table")
    path = folder / "input_example.json"
    example = json.loads(path.read_text())
    example["columns"][1] = "years"
    path.write_text(json.dumps(example))
    assert "its signature has a column 'age', which the rows lack" in refused(folder)


def test_rows_of_another_type_than_the_signatures_are_refused(model):
    folder = model("table")
    path = folder / "input_example.json"
    example = json.loads(path.read_text())
    example["data"][0][1] = 40.5
    path.write_text(json.dumps(example))
    assert "signature says long of column 'age'" in refused(folder)


def test_a_signature_that_is_no_json_is_refused(model):
    folder = model("table")
    change(folder, lambda described: described["signature"].update(inputs="{"))
    assert "its signature cannot be read" in refused(folder)


def test_a_model_without_example_asks_for_a_sample(model):
    folder = model("table")
    (folder / "input_example.json").unlink()
    assert "has no input example: give rows" in refused(folder)


def test_an_example_without_the_label_asks_for_a_sample(model):
    assert "has no column 'late': give rows with it by --sample" in refused(
        model("table"), None, "late"
    )


@pytest.mark.parametrize("name", ["json", "sklearn", "service"])
def test_code_that_shadows_a_library_is_refused(model, name):
    folder = model("code")
    (folder / "code" / f"{name}.py").write_text("")
    assert f"has the name of an installed module, {name}" in refused(folder)


@pytest.mark.parametrize("inside", ["model.pkl", "code/loan_steps"])
def test_links_in_the_folder_are_refused(model, tmp_path, inside):
    folder = model("code")
    elsewhere = tmp_path / "elsewhere"
    (folder / inside).rename(elsewhere)
    (folder / inside).symlink_to(elsewhere)
    with pytest.raises(DeliveryError, match="is a link, and may lead anywhere"):
        load_source(folder)


def test_a_model_outside_of_the_folder_is_refused(model, tmp_path):
    folder = model("code")
    joblib.dump(make_pipeline(LinearRegression()), tmp_path / "other.pkl")
    change(
        folder,
        lambda described: described["flavors"]["sklearn"].update(pickled_model="../other.pkl"),
    )
    assert "names '../other.pkl', which is not inside it" in refused(folder)


def test_a_model_file_that_is_missing_is_refused(model):
    folder = model("code")
    (folder / "model.pkl").unlink()
    assert "which MLmodel names as the model, is not there" in refused(folder)


def test_a_booster_without_a_scikit_learn_interface_is_refused(model):
    folder = model("table")
    (folder / "model.xgb").write_bytes(b"trees")

    def to_booster(described):
        flavor = {"data": "model.xgb", "model_class": "xgboost.core.Booster"}
        described["flavors"] = {"xgboost": flavor}

    change(folder, to_booster)
    assert "xgboost.core.Booster in xgboost's own form" in refused(folder)


def test_a_pickled_model_of_lightgbm_is_loaded_as_a_pickle(model):
    folder = model("arrays")
    flavor = {"data": "model.pkl", "model_class": "lightgbm.sklearn.LGBMRegressor"}
    change(folder, lambda described: described.update(flavors={"lightgbm": flavor}))
    assert np.isfinite(load_source(folder).recipe.pipeline.predict([[1.0, 2.0]])).all()
