"""The nearest centre, the most probable component, and what is far from the mean."""

import pytest
from sklearn.cluster import Birch, KMeans, MeanShift, MiniBatchKMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.linear_model import LogisticRegression, SGDOneClassSVM
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.pipeline import make_pipeline

from tests.delivery.onnx.converters.rows import fitted, require_equal_everywhere

COVARIANCES = ["full", "tied", "diag", "spherical"]


@pytest.mark.parametrize("model", [
    KMeans(4, random_state=0), MiniBatchKMeans(4, random_state=0), MeanShift(bandwidth=1.5),
    Birch(n_clusters=3), EllipticEnvelope(random_state=0), SGDOneClassSVM(random_state=0),
], ids=str)  # fmt: skip
def test_clusters_and_outliers(model):
    require_equal_everywhere(fitted(model, "predict"))


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("kind", [GaussianMixture, BayesianGaussianMixture])
@pytest.mark.parametrize("output", ["predict", "predict_proba"])
def test_mixtures(covariance, kind, output):
    settings = {"n_components": 3, "max_iter": 1000, "random_state": 0}
    model = kind(covariance_type=covariance, **settings)
    require_equal_everywhere(fitted(model, output))


def test_distances_to_centres_go_to_the_next_step():
    pipeline = make_pipeline(KMeans(4, random_state=0), LogisticRegression())
    require_equal_everywhere(fitted(pipeline, "predict_proba"))
