"""Neighbours are found at the distances that scikit-learn computes, and vote as they do there."""

import numpy as np
import pytest
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    LocalOutlierFactor,
    NearestCentroid,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)
from sklearn.semi_supervised import LabelPropagation, LabelSpreading

from delivery.onnx.graph import NotConvertible
from tests.delivery.onnx.converter_harness import ConvertedStep, numbers
from tests.delivery.onnx.converters.rows import fitted, require_equal_everywhere, scaled, target


@pytest.mark.parametrize("settings", [
    {}, {"n_neighbors": 4}, {"weights": "distance"}, {"p": 1}, {"algorithm": "brute"},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("output", ["predict", "predict_proba"])
def test_k_neighbours_vote_also_where_votes_are_equal(settings, output):
    require_equal_everywhere(fitted(KNeighborsClassifier(**settings), output, classes=4))


@pytest.mark.parametrize("settings", [{}, {"weights": "distance"}, {"algorithm": "brute"}], ids=str)
def test_the_value_is_the_mean_of_the_neighbours(settings):
    require_equal_everywhere(fitted(KNeighborsRegressor(**settings), "predict", classes=0))


@pytest.mark.parametrize("output", ["predict", "predict_proba"])
def test_neighbours_within_a_radius_vote_and_without_one_the_row_is_of_the_class_for_outliers(
    output,
):
    model = RadiusNeighborsClassifier(0.5, outlier_label="most_frequent")
    require_equal_everywhere(fitted(model, output, classes=3))


def test_a_row_without_neighbours_has_no_value():
    converted = fitted(RadiusNeighborsRegressor(0.8), "predict", classes=0)
    converted.require_equal(scaled(numbers(240)), 1e-9)
    converted.require_both_fail(scaled(numbers(3)) + 50)


@pytest.mark.parametrize("output", ["predict", "predict_proba"])
@pytest.mark.parametrize("priors", ["uniform", "empirical"])
def test_the_nearest_centre(output, priors):
    require_equal_everywhere(fitted(NearestCentroid(priors=priors), output, classes=3))


def test_outliers_lie_where_it_is_thin():
    require_equal_everywhere(fitted(LocalOutlierFactor(novelty=True), "predict"))


@pytest.mark.parametrize("kernel", ["rbf", "knn"])
@pytest.mark.parametrize("kind", [LabelPropagation, LabelSpreading])
def test_labels_are_propagated(kernel, kind):
    frame = scaled(numbers(200))
    labels = np.unique(target(frame, 3), return_inverse=True)[1]
    labels[::3] = -1
    model = kind(kernel=kernel, gamma=2.0).fit(frame, labels)
    converted = ConvertedStep(model, frame, "predict_proba")
    converted.require_equal(scaled(numbers(100, seed=5)), 1e-9)


def test_a_metric_that_is_not_known_is_refused():
    with pytest.raises(NotConvertible, match="chebyshev"):
        fitted(KNeighborsClassifier(metric="chebyshev"), "predict")
