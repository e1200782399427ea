"""Other columns of weighted sums, of waves and of kernels."""

import pytest
from sklearn.cluster import BisectingKMeans, FeatureAgglomeration
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import FactorAnalysis, FastICA, KernelPCA, SparsePCA
from sklearn.ensemble import RandomTreesEmbedding
from sklearn.kernel_approximation import (
    AdditiveChi2Sampler,
    Nystroem,
    PolynomialCountSketch,
    RBFSampler,
    SkewedChi2Sampler,
)
from sklearn.manifold import Isomap
from sklearn.neighbors import (
    KNeighborsTransformer,
    NeighborhoodComponentsAnalysis,
    RadiusNeighborsTransformer,
)
from sklearn.neural_network import BernoulliRBM
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from tests.delivery.onnx.converter_harness import ConvertedStep, numbers
from tests.delivery.onnx.converters.rows import fitted, require_equal_everywhere, scaled


@pytest.mark.parametrize("model", [
    FactorAnalysis(2), FastICA(2, random_state=0), SparsePCA(2, random_state=0),
    GaussianRandomProjection(2, random_state=0), SparseRandomProjection(2, random_state=0),
    FeatureAgglomeration(2), RBFSampler(n_components=8, random_state=0),
    Nystroem(n_components=20, random_state=0), Nystroem(kernel="linear", n_components=3),
    PolynomialCountSketch(n_components=8, random_state=0), Isomap(n_components=2),
    PolynomialCountSketch(n_components=7, degree=3, coef0=2, gamma=0.5, random_state=0),
    RandomTreesEmbedding(5, max_depth=3, random_state=0),
    KNeighborsTransformer(n_neighbors=4), KNeighborsTransformer(mode="connectivity"),
    RadiusNeighborsTransformer(radius=0.5), RadiusNeighborsTransformer(mode="connectivity"),
    BisectingKMeans(5, random_state=0),
    KernelPCA(2, kernel="rbf"), KernelPCA(2, kernel="poly"), BernoulliRBM(3, random_state=0),
], ids=str)  # fmt: skip
def test_columns(model):
    frame = scaled(numbers(240))
    converted = ConvertedStep(model.fit(frame), frame)
    converted.require_equal(scaled(numbers(100, seed=5)), 1e-9)


def test_columns_by_labels():
    model = NeighborhoodComponentsAnalysis(2, max_iter=5, random_state=0)
    require_equal_everywhere(fitted(model, "transform"))


def test_the_value_of_partial_least_squares():
    require_equal_everywhere(fitted(PLSRegression(2), "predict", classes=0))


def test_a_number_below_the_skewedness_fails_in_both():
    frame = scaled(numbers(240)).abs()
    model = SkewedChi2Sampler(skewedness=1.0, n_components=8, random_state=0).fit(frame)
    converted = ConvertedStep(model, frame)
    converted.require_equal(frame, 1e-9)
    converted.require_both_fail(frame[:1] - 5)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_waves_of_logarithms(steps):
    frame = scaled(numbers(240)).abs()
    frame.iloc[:3, 0] = 0.0
    converted = ConvertedStep(AdditiveChi2Sampler(sample_steps=steps).fit(frame), frame)
    converted.require_equal(frame)
    converted.require_both_fail(-frame[3:4])
