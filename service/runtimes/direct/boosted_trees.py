"""Histogram gradient boosting: its trees are asked without the checks of each call."""

from collections.abc import Callable
from typing import Any

import numpy as np

from service.runtimes.direct.arrays import floats
from service.runtimes.direct.errors import NoDirectForm
from service.runtimes.direct.step import Transform


def classifier(step: Any, output: str) -> Transform:
    """Of classes."""
    raw_of, loss, classes = _raw_predictions(step), step._loss, step.classes_
    if output == "predict_proba":
        return lambda block: loss.predict_proba(raw_of(block))

    def predict(block: np.ndarray) -> Any:
        raw = raw_of(block)
        if raw.shape[1] == 1:
            return classes[(raw.ravel() > 0).astype(int)]

        return classes[raw.argmax(axis=1)]

    return predict


def regressor(step: Any, output: str) -> Transform:
    """Of values."""
    if output != "predict":
        raise NoDirectForm(f"the output {output}")

    raw_of, inverse = _raw_predictions(step), step._loss.link.inverse
    return lambda block: inverse(raw_of(block).ravel())


def _raw_predictions(step: Any) -> Callable[[np.ndarray], np.ndarray]:
    """The sum of the leaves of all trees, one thread."""
    if getattr(step, "_preprocessor", None) is not None:
        raise NoDirectForm("categories that it encodes itself")

    bitsets, positions = step._bin_mapper.make_known_categories_bitsets()
    baseline, trees_a_round = step._baseline_prediction, step.n_trees_per_iteration_
    width, rounds = step._n_features, step._predictors

    def raw_of(block: np.ndarray) -> Any:
        numbers = floats(block, width).astype(np.float64, copy=False)
        raw = np.zeros((len(block), trees_a_round), dtype=baseline.dtype, order="F")
        raw += baseline
        for trees in rounds:
            for number, tree in enumerate(trees):
                raw[:, number] += tree.predict(numbers, bitsets, positions, 1)

        return raw

    return raw_of
