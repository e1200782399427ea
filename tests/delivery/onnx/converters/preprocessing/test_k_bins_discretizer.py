"""Bins, on their edges and beside them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import KBinsDiscretizer

from tests.delivery.onnx.converter_harness import ConvertedStep, numbers, odd_numbers


@pytest.mark.parametrize("encode", ["ordinal", "onehot", "onehot-dense"])
@pytest.mark.parametrize("strategy", ["uniform", "quantile", "kmeans"])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_values_on_edges_and_beside_them(encode, strategy):
    training = numbers()
    bins = KBinsDiscretizer(5, encode=encode, strategy=strategy).fit(training)
    step = ConvertedStep(bins, training)
    edges = {}
    for name, own in zip(training, bins.bin_edges_, strict=True):
        beside = [*own, *np.nextafter(own, np.inf), *np.nextafter(own, -np.inf)]
        edges[name] = pd.Series(beside)

    frame = pd.DataFrame(edges).ffill()
    frame["c"] = frame["c"].round().astype(int)
    for rows in (frame, numbers(seed=7), odd_numbers()):
        step.require_equal(rows, 0)
