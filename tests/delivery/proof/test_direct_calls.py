"""The direct form of a pipeline is served only where it is proved to be the pipeline's own."""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from delivery.recipe import Recipe
from service.bundle import Bundle
from service.runtimes.direct import registry
from service.runtimes.failed_rows import RowFailures, predict_each
from service.runtimes.pipeline_model import PipelineModel
from tests.service.runtimes.direct.direct_harness import Both, labels, table

pytestmark = pytest.mark.usefixtures("few_probes")
FRAME = table(400, gaps=False)[["age", "weight", "city"]]
OTHER = table(100, seed=1, gaps=False)[["age", "weight", "city"]]


def recipe(last=None, **more) -> Recipe:
    """A small pipeline with the rows that prove it."""
    columns = ColumnTransformer(
        [("n", StandardScaler(), ["age", "weight"]), ("t", OneHotEncoder(), ["city"])]
    )
    last = last or RandomForestClassifier(5, random_state=0)
    pipeline = make_pipeline(columns, last).fit(FRAME, labels(FRAME))
    return Recipe(pipeline, OTHER, labels(OTHER), "predict_proba", FRAME, **more)


def model_of(harness, manifest) -> PipelineModel:
    """The draft's pipeline, as a service loads it."""
    return PipelineModel(Bundle(harness.folder / "draft", manifest, ""))


def test_the_manifest_says_what_was_proved(harness):
    manifest = harness.write(recipe())
    assert manifest.direct.served
    assert manifest.direct.reason.startswith("equal on ")
    assert manifest.direct.rows_compared > 100
    assert manifest.direct.max_difference <= 1e-9
    assert set(manifest.direct.steps) == {
        "ColumnTransformer",
        "StandardScaler",
        "OneHotEncoder",
        "RandomForestClassifier",
    }
    assert any(line.startswith("direct form: equal on ") for line in harness.reported)
    assert model_of(harness, manifest).direct is not None


def test_an_older_bundle_that_does_not_speak_of_it_is_served_by_the_pipeline(harness):
    manifest = harness.write(recipe())
    older = type(manifest)(
        **{name: getattr(manifest, name) for name in manifest.__struct_fields__ if name != "direct"}
    )
    assert model_of(harness, older).direct is None


def test_a_form_that_differs_is_not_served_and_the_manifest_says_why(harness, monkeypatch):
    def shifted(step):
        right = scaler(step)
        return lambda block: right(block) + 1e-3

    scaler = registry.TRANSFORMERS["StandardScaler"]
    monkeypatch.setitem(registry.TRANSFORMERS, "StandardScaler", shifted)
    manifest = harness.write(recipe(LogisticRegression()))
    assert not manifest.direct.served
    assert "differs by" in manifest.direct.reason
    assert model_of(harness, manifest).direct is None


def test_a_form_that_answers_what_the_pipeline_refuses_is_not_served(harness, monkeypatch):
    def lenient(step):
        step.handle_unknown = "ignore"
        try:
            return encoder(step)
        finally:
            step.handle_unknown = "error"

    encoder = registry.TRANSFORMERS["OneHotEncoder"]
    monkeypatch.setitem(registry.TRANSFORMERS, "OneHotEncoder", lenient)
    manifest = harness.write(recipe())
    assert not manifest.direct.served
    assert "that the pipeline refuses" in manifest.direct.reason


def test_a_form_that_leaves_most_rows_to_the_pipeline_is_not_served(harness, monkeypatch):
    def unwilling(step):
        raise_it = np.array([]).reshape
        return lambda block: raise_it(1, 1)

    monkeypatch.setitem(registry.TRANSFORMERS, "StandardScaler", unwilling)
    manifest = harness.write(recipe())
    assert not manifest.direct.served
    assert "leaves 32 of 32 held-out rows" in manifest.direct.reason


def test_where_predictions_change_something_each_step_is_called_once(harness):
    manifest = harness.write(recipe(side_effects=True))
    assert not manifest.direct.served
    assert manifest.direct.reason == "a prediction changes something"


def test_a_row_that_the_form_leaves_gets_the_pipelines_own_words(harness):
    manifest = harness.write(recipe())
    model = model_of(harness, manifest)
    both = Both(model._pipeline, FRAME, "predict_proba")
    columns = both.read(OTHER.head(3).assign(city=["Oslo", "Rome", "Oslo"]))
    with pytest.raises(RowFailures, match="unknown categories") as failed:
        predict_each(model, columns, 3)

    expected = both.own(OTHER.head(3).assign(city="Oslo")).tolist()
    assert failed.value.predictions == [expected[0], None, expected[2]]
