"""The three versions: as good as they claim, the same in ONNX, and v3 broken only where production
is.
"""

import importlib

import numpy as np
import onnxruntime
import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.metrics import roc_auc_score

from examples.flights.data import COLUMNS, COUNTS, NAMES, months
from examples.flights.replay import production

TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def recipes():
    return {
        name: importlib.import_module(f"examples.flights.{name}").build()
        for name in ("v1", "v2", "v3")
    }


@pytest.mark.parametrize(("name", "least"), [("v1", 0.67), ("v2", 0.715), ("v3", 0.67)])
def test_a_version_is_as_good_as_the_readme_says(recipes, name, least):
    recipe = recipes[name]
    assert (
        roc_auc_score(recipe.labels, recipe.pipeline.predict_proba(recipe.held_out)[:, 1]) > least
    )


@pytest.mark.parametrize("name", ["v1", "v2", "v3"])
def test_held_out_rows_were_not_trained_on_and_have_all_columns(recipes, name):
    recipe = recipes[name]
    assert list(recipe.held_out.columns) == list(recipe.training.columns) == COLUMNS
    assert len(recipe.held_out) == len(recipe.labels) > 5_000
    assert recipe.output == "predict_proba"
    if name == "v3":
        assert not set(recipe.held_out.index) & set(recipe.training.index)
    else:
        assert recipe.training["month"].max() < recipe.held_out["month"].min()


@pytest.mark.parametrize("name", ["v1", "v2", "v3"])
def test_its_onnx_form_gives_the_same_on_every_held_out_row_and_on_nulls(recipes, name):
    recipe = recipes[name]
    session = _session(recipe.pipeline)
    dark = recipe.held_out.head(64).assign(temp=np.nan, dewp=np.nan, humid=np.nan, visib=np.nan)
    for rows in (recipe.held_out, dark):
        labels, scores = session.run(None, _inputs(rows))
        assert np.abs(scores - recipe.pipeline.predict_proba(rows)).max() < TOLERANCE
        assert (labels == recipe.pipeline.predict(rows)).all()


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_a_sound_version_answers_names_that_it_never_saw(recipes, name):
    rows = recipes[name].held_out.head(3).assign(dest="ZZZ", carrier="??")
    scores = recipes[name].pipeline.predict_proba(rows)
    assert (
        np.abs(_session(recipes[name].pipeline).run(None, _inputs(rows))[1] - scores).max()
        < TOLERANCE
    )


def test_v3_fails_on_about_one_production_flight_in_a_hundred_and_on_none_of_its_own_month(recipes):
    v3 = recipes["v3"]
    known = set(months(2, 2).rows["dest"])
    traffic = production().rows
    unseen = ~traffic["dest"].isin(known)
    assert 0.005 < unseen.mean() < 0.02
    assert unseen.head(2_000).any()
    with pytest.raises(ValueError, match="unknown categories"):
        v3.pipeline.predict_proba(traffic[unseen].head(1))

    v3.pipeline.predict_proba(traffic[~unseen].query("carrier != 'OO'").head(1_000))


def _session(pipeline) -> onnxruntime.InferenceSession:
    types = [(name, _type(name)) for name in COLUMNS]
    converted = to_onnx(pipeline, initial_types=types, options={id(pipeline): {"zipmap": False}})
    return onnxruntime.InferenceSession(converted.SerializeToString())


def _type(name: str):
    if name in NAMES:
        return StringTensorType([None, 1])
    return Int64TensorType([None, 1]) if name in COUNTS else FloatTensorType([None, 1])


def _inputs(rows) -> dict[str, np.ndarray]:
    kinds = {
        name: object if name in NAMES else np.int64 if name in COUNTS else np.float32
        for name in COLUMNS
    }
    return {name: rows[name].to_numpy().astype(kind).reshape(-1, 1) for name, kind in kinds.items()}
