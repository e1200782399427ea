"""Rows that the converters' tests share: of fitted estimators and of those that are hard."""

import numpy as np
import pandas as pd

from tests.delivery.onnx.converter_harness import ConvertedStep, numbers

CLASSES = np.array(["high", "low", "middle", "åpen"])


def fitted(model, output, classes=2, rows=240):
    """The model fitted on scaled numbers, beside its form in double. classes: 0 for values."""
    frame = scaled(numbers(rows))
    return ConvertedStep(model.fit(frame, target(frame, classes)), frame, output)


def scaled(frame):
    """All three columns around 0."""
    return pd.DataFrame(
        {"a": frame["a"], "b": (frame["b"] - 5000) / 900, "c": (frame["c"] - 20) / 12}
    )


def target(frame, classes):
    """Classes that no line parts, or a positive value."""
    score = frame["a"] + frame["b"] * frame["c"]
    if not classes:
        return np.exp(score / 4).to_numpy()

    limits = np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1])
    return CLASSES[np.digitize(score, limits)]


def require_equal_everywhere(converted, tolerance=1e-9):
    """On rows of training, on others, between them, and beyond them."""
    converted.require_equal(scaled(numbers(240)), tolerance)
    converted.require_equal(scaled(numbers(100, seed=5)), tolerance)
    halves = scaled(numbers(100, seed=5)) / 2 + scaled(numbers(100, seed=6)) / 2
    converted.require_equal(halves, tolerance)
    converted.require_equal(scaled(numbers(50, seed=7)) * 20, tolerance)
