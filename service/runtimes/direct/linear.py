"""Linear models: one product of matrices."""

from collections.abc import Callable
from typing import Any

import numpy as np

from service.runtimes.direct.arrays import floats
from service.runtimes.direct.errors import LeftToPipeline, NoDirectForm
from service.runtimes.direct.step import Transform


def logistic_regression(step: Any, output: str) -> Transform:
    """Its classes or their probabilities, of two classes by the logistic function."""
    scores_of, classes = _scores(step), step.classes_
    if output == "predict":
        return _classes(scores_of, classes)

    if getattr(step, "multi_class", "deprecated") not in ("deprecated", "auto"):
        raise NoDirectForm(f"multi_class={step.multi_class!r}")

    if len(classes) > 2:
        return lambda block: _softmax(scores_of(block))

    from scipy.special import expit

    def probabilities(block: np.ndarray) -> Any:
        second = expit(scores_of(block)[:, 0])
        return np.stack([1 - second, second], axis=1)

    return probabilities


def classifier(step: Any, output: str) -> Transform:
    """The classes of a linear model without probabilities."""
    if output != "predict":
        raise NoDirectForm(f"the output {output}")

    return _classes(_scores(step), step.classes_)


def regressor(step: Any, output: str) -> Transform:
    """The values of a linear model."""
    if output != "predict" or np.ndim(step.coef_) != 1:
        raise NoDirectForm("another output than one value")

    scores_of = _scores(step)
    return lambda block: scores_of(block)[:, 0]


def _scores(step: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Shape [rows, classes or 1]; raises LeftToPipeline for what scikit-learn refuses."""
    weights = np.ascontiguousarray(np.atleast_2d(step.coef_).T)
    bias, width = np.atleast_1d(step.intercept_), step.n_features_in_

    def scores_of(block: np.ndarray) -> Any:
        numbers = floats(block, width)
        if np.isnan(numbers).any():
            raise LeftToPipeline("NaN")

        return numbers @ weights + bias

    return scores_of


def _classes(scores_of: Callable[[np.ndarray], np.ndarray], classes: np.ndarray) -> Transform:
    def predict(block: np.ndarray) -> Any:
        scores = scores_of(block)
        if scores.shape[1] == 1:
            return classes.take((scores[:, 0] > 0).astype(int), axis=0)

        return classes.take(scores.argmax(axis=1), axis=0)

    return predict


def _softmax(scores: np.ndarray) -> np.ndarray:
    scores -= scores.max(axis=1)[:, None]
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=1)[:, None]
    return scores
