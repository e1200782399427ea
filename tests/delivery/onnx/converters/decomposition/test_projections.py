"""PCA and TruncatedSVD."""

import pytest
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD

from tests.delivery.onnx.converter_harness import ConvertedStep, numbers, odd_numbers


@pytest.mark.parametrize(
    "step", [PCA(2), PCA(2, whiten=True), IncrementalPCA(2), TruncatedSVD(2)], ids=str
)
def test_projections(step):
    training = numbers()
    converted = ConvertedStep(step.fit(training), training)
    for frame in (numbers(seed=2), odd_numbers()):
        converted.require_equal(frame)
