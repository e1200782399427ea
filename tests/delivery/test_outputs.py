"""Every kind of output, alone and several at once: delivered, proved and served."""

import math
from dataclasses import replace

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from delivery.errors import DeliveryError
from delivery.recipe import Recipe
from service.answers import PredictResponses
from service.bundle import Bundle
from service.metrics import Metrics
from service.predict import Predictor
from service.runtimes.load_model import load_model

pytestmark = pytest.mark.usefixtures("few_probes")
ROWS = 120
NAMES = ["a", "b", "c"]


def frame(seed=0):
    """Rows of three numbers."""
    chance = np.random.default_rng(seed)
    return pd.DataFrame(chance.normal(size=(ROWS, 3)).round(3), columns=NAMES)


TRAINED, HELD_OUT = frame(1), frame(2)


def kind(rows):
    """Three classes."""
    return pd.Series(np.select([rows["a"] > 0.5, rows["b"] > 0], ["x", "y"], "z"))


def two_targets(rows):
    """Numbers of very different sizes."""
    return pd.DataFrame({"large": rows["a"] * 1e6 + rows["b"], "small": rows["b"] * 1e-9})


def recipe_of(estimator, output, truth=None, **more):
    """The estimator behind a scaler, with held-out rows."""
    labels = None if truth is None else truth(TRAINED)
    pipeline = make_pipeline(StandardScaler(), estimator).fit(TRAINED, labels)
    held_out = None if truth is None else truth(HELD_OUT)
    return Recipe(pipeline, HELD_OUT, held_out, output, TRAINED, **more)


def answered(harness, manifest, rows, batched=False, runtime=None):
    """The body of the answer to /predict for these rows."""
    bundle = Bundle(harness.folder / "draft", manifest, "")
    predictor = Predictor(manifest, load_model(bundle, runtime))
    responses = PredictResponses(predictor, Metrics("v1", "onnx"))
    body = msgspec.json.encode({"instances": rows.to_dict("records")})
    status, _, raw, _ = responses.predict(body, batched)
    return status, msgspec.json.decode(raw)


def served(harness, recipe, onnx=None):
    """The manifest and the answer of the first held-out rows; onnx: whether it is certified."""
    manifest = harness.write(recipe)
    if onnx is not None:
        certified = "onnx" if onnx else "sklearn"
        assert manifest.runtime.certified == certified, manifest.runtime.reason

    status, body = answered(harness, manifest, HELD_OUT[:20])
    assert status == 200, body
    return manifest, body


def test_decision_function_of_two_classes_is_a_number_a_row(harness):
    recipe = recipe_of(LogisticRegression(), "decision_function", lambda rows: rows["a"] > 0)
    manifest, body = served(harness, recipe, onnx=True)
    own = recipe.pipeline.decision_function(HELD_OUT[:20])
    assert np.allclose(body["predictions"], own, rtol=1e-4)
    assert (manifest.task, manifest.classes) == ("classification", [False, True])
    assert manifest.outputs[0].shape == []
    assert manifest.metrics["accuracy"] > 0.9


def test_decision_function_of_three_classes_is_a_list_in_the_order_of_the_classes(harness):
    recipe = recipe_of(LogisticRegression(), "decision_function", kind)
    _, body = served(harness, recipe)
    own = recipe.pipeline.decision_function(HELD_OUT[:20])
    assert np.allclose(body["predictions"], own, rtol=1e-4)
    assert body["classes"] == ["x", "y", "z"]


def test_decision_function_without_probabilities_is_served(harness):
    recipe = recipe_of(LinearSVC(), "decision_function", kind)
    _, body = served(harness, recipe)
    assert np.allclose(body["predictions"], recipe.pipeline.decision_function(HELD_OUT[:20]))


def test_a_transform_is_a_list_a_row_with_the_names_of_its_columns(harness):
    recipe = recipe_of(PCA(2), "transform")
    manifest, body = served(harness, recipe, onnx=True)
    assert np.allclose(body["predictions"], recipe.pipeline.transform(HELD_OUT[:20]), atol=1e-5)
    assert (manifest.task, manifest.classes) == ("transformation", None)
    assert manifest.outputs[0].names == ["pca0", "pca1"]
    assert "targets" not in body


def test_a_sparse_transform_becomes_dense(harness):
    rows = pd.DataFrame({"city": pd.Series(["Oslo", "Bergen"] * 60, dtype=object)})
    pipeline = make_pipeline(OneHotEncoder()).fit(rows)
    manifest = harness.write(Recipe(pipeline, rows, None, "transform"))
    _, body = answered(harness, manifest, rows[:2])
    assert body["predictions"] == [[0.0, 1.0], [1.0, 0.0]]


def test_a_sparse_transform_of_too_many_columns_is_refused_before_it_becomes_dense(harness):
    words = np.char.mod("w%d", np.arange(6000)).reshape(60, 100).tolist()
    texts = pd.DataFrame({"text": pd.Series(map(" ".join, words), dtype=object)})
    pipeline = make_pipeline(TfidfVectorizer()).fit(texts["text"])
    with pytest.raises(DeliveryError, match="6,000 values a row, and an answer holds at most"):
        harness.write(Recipe(pipeline, texts, None, "transform"))


def test_the_scores_of_an_outlier_detector_are_a_number_a_row(harness):
    recipe = recipe_of(IsolationForest(n_estimators=5, random_state=0), "score_samples")
    manifest, body = served(harness, recipe)
    own = recipe.pipeline.score_samples(HELD_OUT[:20])
    assert np.allclose(body["predictions"], own, rtol=1e-4)
    assert (manifest.task, manifest.classes) == ("scoring", [-1, 1])


def test_predictions_and_probabilities_at_once(harness):
    recipe = recipe_of(LogisticRegression(), ["predict", "predict_proba"], kind)
    manifest, body = served(harness, recipe, onnx=True)
    assert body["predictions"] == recipe.pipeline.predict(HELD_OUT[:20]).tolist()
    own = recipe.pipeline.predict_proba(HELD_OUT[:20])
    assert np.allclose(body["outputs"]["predict_proba"], own, atol=1e-5)
    assert (body["classes"], list(body["outputs"])) == (["x", "y", "z"], ["predict_proba"])
    assert manifest.output == "predict"
    assert {"accuracy", "log_loss"} <= set(manifest.metrics)


def test_the_pipeline_answers_several_outputs_as_its_onnx_form_does(harness):
    recipe = recipe_of(LogisticRegression(), ("predict_proba", "predict"), kind)
    manifest = harness.write(recipe)
    bodies = []
    for runtime in ("onnx", "sklearn"):
        bodies.append(answered(harness, manifest, HELD_OUT[:20], runtime=runtime)[1])

    assert bodies[0]["outputs"] == bodies[1]["outputs"]
    assert np.allclose(bodies[0]["predictions"], bodies[1]["predictions"], atol=1e-5)


def test_clusters_with_their_distances(harness):
    recipe = recipe_of(KMeans(3, random_state=0, n_init=1), ("predict", "transform"))
    _, body = served(harness, recipe)
    own = recipe.pipeline.transform(HELD_OUT[:20])
    assert np.allclose(body["outputs"]["transform"], own, atol=1e-4)
    assert body["predictions"] == recipe.pipeline.predict(HELD_OUT[:20]).tolist()


def test_probabilities_behind_a_transform_have_their_classes(harness):
    recipe = recipe_of(KMeans(3, random_state=0, n_init=1), ("transform", "predict"))
    manifest, body = served(harness, recipe)
    assert body["outputs"]["predict"] == recipe.pipeline.predict(HELD_OUT[:20]).tolist()
    lda = recipe_of(LinearDiscriminantAnalysis(), ("transform", "predict_proba"), kind)
    (harness.folder / "draft").rename(harness.folder / "first")
    manifest, body = served(harness, lda)
    assert (manifest.task, body["classes"]) == ("transformation", ["x", "y", "z"])


def test_probabilities_and_decisions_at_once_are_served_by_the_pipeline(harness):
    recipe = recipe_of(LogisticRegression(), ("predict_proba", "decision_function"), kind)
    manifest, body = served(harness, recipe, onnx=False)
    assert "decision_function at once" in manifest.runtime.reason
    assert list(body["outputs"]) == ["decision_function"]


def test_a_regression_of_several_targets_names_them_and_compares_each_by_its_size(harness):
    recipe = recipe_of(LinearRegression(), "predict", two_targets)
    manifest, body = served(harness, recipe)
    own = recipe.pipeline.predict(HELD_OUT[:20])
    assert np.allclose(body["predictions"], own, rtol=1e-5, atol=0)
    assert (body["targets"], manifest.task) == (["large", "small"], "regression")
    large, small = manifest.comparison.scale
    assert large == 1.0
    assert small < 1e-8
    assert manifest.metrics["r2"] > 0.99


class DoubledInBatches(LinearRegression):
    """Doubles the small target in a batch."""

    def predict(self, X):  # noqa: N803
        """See LinearRegression."""
        answer = super().predict(X)
        if len(X) > 1:
            answer[:, 1] *= 2
        return answer


def test_a_wrong_target_is_found_however_small_its_numbers_are(harness):
    recipe = recipe_of(DoubledInBatches(), "predict", two_targets)
    with pytest.raises(DeliveryError, match="depends on the rows beside it"):
        harness.write(recipe)


class Quantiles(RegressorMixin, BaseEstimator):
    """A quantile a column."""

    def __init__(self, shares=(0.1, 0.5, 0.9)):
        self.shares = shares

    def fit(self, X, y):  # noqa: N803
        """The quantiles of the labels."""
        self.quantiles_ = np.quantile(y, self.shares)
        return self

    def predict(self, X):  # noqa: N803
        """They, moved by the first column."""
        return self.quantiles_ + np.asarray(X)[:, :1]


def test_quantiles_have_the_names_that_the_recipe_gives(harness):
    names = ["p10", "p50", "p90"]
    recipe = recipe_of(Quantiles(), "predict", lambda rows: rows["a"], targets=names)
    recipe = replace(recipe, labels=None)
    _, body = served(harness, recipe)
    assert body["targets"] == ["p10", "p50", "p90"]
    assert len(body["predictions"][0]) == 3


def two_kinds(rows):
    """Three classes of one target and two of another."""
    return pd.DataFrame({"kind": kind(rows), "sign": np.where(rows["c"] > 0, "+", "-")})


@pytest.mark.parametrize("output", ["predict", "predict_proba", ("predict_proba", "predict")])
def test_a_classification_of_several_targets(harness, output):
    estimator = RandomForestClassifier(5, random_state=0)
    recipe = recipe_of(MultiOutputClassifier(estimator), output, two_kinds)
    manifest, body = served(harness, recipe)
    answers = {"predict": recipe.pipeline.predict(HELD_OUT[:20]).tolist()}
    of_targets = recipe.pipeline.predict_proba(HELD_OUT[:20])
    answers["predict_proba"] = [
        [kinds.tolist(), signs.tolist()] for kinds, signs in zip(*of_targets, strict=True)
    ]
    assert body["predictions"] == answers[manifest.output]
    for name, values in body.get("outputs", {}).items():
        assert values == answers[name]

    assert manifest.classes == ["x", "y", "z"]
    if "predict_proba" in recipe.outputs:
        assert body["classes"] == [["x", "y", "z"], ["+", "-"]]
    assert manifest.metrics["accuracy"] > 0.5


@pytest.mark.parametrize("output", ["predict", "predict_proba"])
@pytest.mark.parametrize(
    "targets", [["sign", "kind"], ["number", "grade"], ["flag", "grade"], ["flag", "one"]]
)
def test_targets_of_different_numbers_and_kinds_of_classes_have_metrics(harness, output, targets):
    def truth(rows):
        labels = two_kinds(rows).assign(one=7, flag=rows["b"] > 0, grade=kind(rows).map(ord))
        return labels.assign(number=(rows["a"] > 0).astype(int))[targets]

    # A target of one class is for trees alone.
    recipe = recipe_of(MultiOutputClassifier(RandomForestClassifier(5)), output, truth)
    manifest, body = served(harness, recipe)
    expected = {"accuracy"} if output == "predict" else {"accuracy", "log_loss"}
    assert set(manifest.metrics) == expected - ({"log_loss"} if "one" in targets else set())
    assert manifest.metrics["accuracy"] > 0.5
    if output == "predict":
        assert body["predictions"] == recipe.pipeline.predict(HELD_OUT[:20]).tolist()


def test_a_table_of_labels_is_served_with_0_and_1_as_the_classes_of_each(harness):
    def labels(rows):
        return pd.DataFrame({"a": rows["a"] > 0, "b": rows["b"] > 0}).astype(int)

    manifest, body = served(harness, recipe_of(KNeighborsClassifier(), "predict", labels))
    assert manifest.outputs[0].classes == [[0, 1], [0, 1]]
    assert body["targets"] == ["a", "b"]


def test_labels_of_one_column_for_two_targets_are_refused(harness):
    recipe = recipe_of(LinearRegression(), "predict", two_targets)
    with pytest.raises(DeliveryError, match=r"1 labels a row: give a frame .* 2 targets"):
        harness.write(replace(recipe, labels=HELD_OUT["a"]))


def test_a_pipeline_of_one_class_answers_probabilities_of_one(harness):
    recipe = recipe_of(DummyClassifier(), "predict_proba", lambda rows: rows["a"] * 0)
    _, body = served(harness, recipe)
    assert body["predictions"] == [[1.0]] * 20


class OwnWidth(TransformerMixin, BaseEstimator):
    """As many columns as the batch has rows, at most three."""

    def fit(self, X, y=None):  # noqa: N803
        """Learn nothing."""
        self.fitted_ = True
        return self

    def transform(self, X):  # noqa: N803
        """Columns by the batch."""
        return np.asarray(X)[:, : max(1, min(3, len(X)))]


def test_a_transform_whose_width_depends_on_the_batch_is_refused(harness):
    with pytest.raises(DeliveryError, match="depends on the rows beside it"):
        harness.write(recipe_of(OwnWidth(), "transform"))


class NanScore(LogisticRegression):
    """Has no score of a row whose first column is far below the mean."""

    def decision_function(self, X):  # noqa: N803
        """See LogisticRegression."""
        scores = super().decision_function(X)
        return np.where(np.asarray(X)[:, 0] < -1.5, np.nan, scores)


def test_nan_of_decision_function_is_an_error_of_that_row_alone(harness):
    recipe = recipe_of(NanScore(), "decision_function", lambda rows: rows["a"] > 0)
    manifest = harness.write(recipe)
    low = HELD_OUT[:3].assign(a=[-9.0, 0.0, 0.0])
    status, body = answered(harness, manifest, low, batched=True)
    assert status == 200
    assert [error["row"] for error in body["errors"]] == [0]
    assert body["predictions"][0] is None
    assert all(map(math.isfinite, body["predictions"][1:]))


def test_a_bad_row_has_null_in_every_output(harness):
    recipe = recipe_of(LogisticRegression(), ("predict", "predict_proba"), kind)
    manifest = harness.write(recipe)
    rows = HELD_OUT[:3].astype(object)
    rows.loc[1, "a"] = "no number"
    status, body = answered(harness, manifest, rows)
    assert status == 422
    assert [prediction is None for prediction in body["predictions"]] == [False, True, False]
    assert [row is None for row in body["outputs"]["predict_proba"]] == [False, True, False]


def test_several_outputs_are_delivered_signed_and_proved_in_a_fresh_process(harness):
    text = (
        "from dataclasses import replace\n"
        "from tests.delivery.loan_pipelines import logistic\n"
        "def build():\n"
        "    return replace(logistic(), output=['predict_proba', 'predict'])\n"
    )
    made = harness.deliver(harness.recipe("several", text))
    first = msgspec.json.decode((made.path / "golden.jsonl").read_bytes().splitlines()[0])
    assert list(first) == ["row", "prediction", "outputs"]
    assert list(first["outputs"]) == ["predict"]
    again = harness.deliver(harness.folder / "several.py")
    assert not again.fresh


class FailsAlone(LinearRegression):
    """Answers no row that is alone, as scikit-learn's SparsePCA does; nor one far beyond."""

    def predict(self, X):  # noqa: N803
        """See LinearRegression."""
        if len(X) == 1 or np.asarray(X).max() > 1e6:
            raise ValueError("not this")
        return super().predict(X)


def test_a_pipeline_that_answers_no_lone_row_is_served_its_answer_in_a_batch(harness):
    recipe = recipe_of(FailsAlone(), "predict", two_targets)
    manifest = harness.write(recipe)
    _, alone = answered(harness, manifest, HELD_OUT[:1], runtime="sklearn")
    _, in_batch = answered(harness, manifest, HELD_OUT[:2], runtime="sklearn")
    assert alone["predictions"] == in_batch["predictions"][:1]
    status, body = answered(harness, manifest, HELD_OUT[:1] + 1e9, runtime="sklearn")
    assert status == 500
    assert "not this" in str(body)
