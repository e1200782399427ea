"""The most probable class, and how probable each is."""

import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import (
    BernoulliNB,
    CategoricalNB,
    ComplementNB,
    GaussianNB,
    MultinomialNB,
)
from sklearn.pipeline import make_pipeline

from delivery.onnx.graph import NotConvertible
from tests.delivery.onnx.converter_harness import ConvertedStep
from tests.delivery.onnx.converters.rows import CLASSES, fitted, require_equal_everywhere

OUTPUTS = ["predict", "predict_proba"]


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("model", [
    GaussianNB(), BernoulliNB(), BernoulliNB(binarize=0.3), LinearDiscriminantAnalysis(),
    LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3), QuadraticDiscriminantAnalysis(),
], ids=str)  # fmt: skip
def test_on_numbers(model, classes, output):
    require_equal_everywhere(fitted(model, output, classes))


def counts(rows=200, seed=0, most=5):
    """Three columns of small counts, and classes."""
    chance = np.random.default_rng(seed)
    values = chance.integers(0, most, (rows, 3))
    return pd.DataFrame(values, columns=list("abc")), CLASSES[values.sum(axis=1) % 3]


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("model", [
    MultinomialNB(), ComplementNB(), ComplementNB(norm=True), CategoricalNB(min_categories=7),
], ids=str)  # fmt: skip
def test_on_counts(model, output):
    frame, labels = counts()
    converted = ConvertedStep(model.fit(frame, labels), frame, output)
    converted.require_equal(counts(seed=3)[0], 1e-12)
    converted.require_equal(counts(seed=4, most=7)[0], 1e-12)


def test_a_number_that_is_no_category_fails_in_both():
    frame, labels = counts()
    converted = ConvertedStep(CategoricalNB().fit(frame, labels), frame, "predict")
    converted.require_both_fail(frame[:1].assign(a=9))
    converted.require_both_fail(frame[:1].assign(a=-1))


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("model", [
    LinearDiscriminantAnalysis(), LinearDiscriminantAnalysis(n_components=1),
    LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.3),
], ids=str)  # fmt: skip
def test_the_sums_that_it_gives_to_the_next_step(model, classes):
    pipeline = make_pipeline(model, LogisticRegression())
    require_equal_everywhere(fitted(pipeline, "predict_proba", classes))


def test_a_classifier_whose_columns_for_the_next_step_are_not_known_is_refused():
    members = [("bayes", GaussianNB()), ("discriminant", LinearDiscriminantAnalysis())]
    pipeline = make_pipeline(VotingClassifier(members, voting="hard"), LogisticRegression())
    with pytest.raises(NotConvertible, match="VotingClassifier as a transformer"):
        fitted(pipeline, "predict_proba")
