"""Trees and forests: their arrays are asked one after the other, without joblib and its tasks."""

from collections.abc import Callable
from typing import Any

import numpy as np

from service.runtimes.direct.arrays import floats
from service.runtimes.direct.errors import LeftToPipeline, NoDirectForm
from service.runtimes.direct.step import Transform


def classifier(step: Any, output: str) -> Transform:
    """A tree or a forest of classes."""
    probabilities = _probabilities(step)
    if output == "predict_proba":
        return probabilities

    classes = step.classes_

    def predict(block: np.ndarray) -> Any:
        return classes.take(probabilities(block).argmax(axis=1), axis=0)

    return predict


def regressor(step: Any, output: str) -> Transform:
    """A tree or a forest of values."""
    if output != "predict":
        raise NoDirectForm(f"the output {output}")

    values = _mean_of_trees(step)
    return lambda block: values(block)[:, 0]


def _probabilities(step: Any) -> Transform:
    mean, classes = _mean_of_trees(step), step.n_classes_
    return lambda block: mean(block)[:, :classes]


def _mean_of_trees(step: Any) -> Callable[[np.ndarray], np.ndarray]:
    """The mean of what the trees hold for each row, in the order in which one thread adds it up."""
    if step.n_outputs_ != 1:
        raise NoDirectForm("several outputs")

    trees = [tree.tree_ for tree in getattr(step, "estimators_", [step])]
    takes_nan = _takes_nan(step)
    width = step.n_features_in_

    def mean(block: np.ndarray) -> np.ndarray:
        numbers = _as_float32(floats(block, width), takes_nan)
        total = np.zeros((len(block), trees[0].value.shape[2]))
        for tree in trees:
            total += tree.predict(numbers)

        total /= len(trees)
        return total

    return mean


def _takes_nan(step: Any) -> bool:
    tree = getattr(step, "estimators_", [step])[0]
    supports = getattr(tree, "_support_missing_values", None)
    return bool(supports is not None and supports(np.zeros((1, 1))))


def _as_float32(numbers: np.ndarray, takes_nan: bool) -> np.ndarray:
    """Rounded as the trees were grown; raises LeftToPipeline for what scikit-learn refuses."""
    with np.errstate(over="ignore"):
        rounded = np.ascontiguousarray(numbers, dtype=np.float32)

    fits = ~np.isinf(rounded) if takes_nan else np.isfinite(rounded)
    if not fits.all():
        raise LeftToPipeline("NaN, or a number too large for 32 bits")

    return rounded
