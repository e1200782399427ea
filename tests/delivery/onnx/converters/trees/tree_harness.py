"""Converts one model of trees, and makes rows that tell a form from its model."""

from typing import Any

import numpy as np
import onnxruntime
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.passes.ml_opset import declare_ml_opset
from delivery.onnx.pipeline_parser import PipelineParser
from delivery.onnx.registry import converters

LARGEST_FLOAT = float(np.finfo(np.float32).max)


def onnx_of(model: Any, columns: int) -> bytes:
    """The form of a model whose input is a matrix of double."""
    known = converters()
    parser = PipelineParser({}, narrow=False)
    form = convert_sklearn(
        model,
        initial_types=[("x", DoubleTensorType([None, columns]))],
        custom_conversion_functions={kind: each.convert for kind, each in known.items()},
        custom_shape_calculators={kind: each.shape for kind, each in known.items()},
        custom_parsers={type(model): parser.root},
    )
    declare_ml_opset(form)
    return form.SerializeToString()


def quiet() -> Any:
    """scikit-learn casts and adds up the whole frame, where the largest numbers overflow."""
    return np.errstate(over="ignore", invalid="ignore")


class Form:
    """A converted model on ONNX Runtime, with the methods of scikit-learn."""

    def __init__(self, model: Any, columns: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        self.session = onnxruntime.InferenceSession(
            onnx_of(model, columns), options, providers=["CPUExecutionProvider"]
        )

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Classes, or values."""
        return self._answer(rows, 0)

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities, or an outlier detector's decision."""
        return self._answer(rows, 1)

    def _answer(self, rows: np.ndarray, output: int) -> np.ndarray:
        name = self.session.get_outputs()[output].name
        (answer,) = self.session.run([name], {"x": np.asarray(rows, dtype=np.float64)})
        return answer


def training(rows: int = 300, columns: int = 4, seed: int = 0) -> np.ndarray:
    """Floats, integers, small numbers and large ones."""
    chance = np.random.default_rng(seed)
    frame = chance.normal(size=(rows, columns))
    frame[:, 1] = chance.integers(18, 90, rows)
    frame[:, 2] *= 1e-3
    frame[:, 3] = np.round(frame[:, 3] * 1e4, 1)
    return frame


def classes_of(frame: np.ndarray, count: int, seed: int = 1) -> np.ndarray:
    """Of each row a class, partly by chance, so that trees have impure leaves."""
    chance = np.random.default_rng(seed)
    score = frame[:, 0] + frame[:, 1] / 30 + frame[:, 3] / 1e4 + chance.normal(size=len(frame)) / 2
    cuts = np.quantile(score[np.isfinite(score)], np.linspace(0, 1, count + 1)[1:-1])
    return np.searchsorted(cuts, score)


def adversarial(frame: np.ndarray, thresholds: np.ndarray, nulls: bool, most: int = 400):
    """Rows with values on thresholds, one unit in the last place of float or double beside them,
    halfway between two floats, integers, nulls, the largest floats, and zeros of both signs.
    """
    chance = np.random.default_rng(7)
    if len(thresholds) > most:
        thresholds = chance.choice(thresholds, most, replace=False)

    odd = [0.0, -0.0, 1.0, -1.0, 5e-324, 1e-40, LARGEST_FLOAT, -LARGEST_FLOAT, 1e30, -1e30]
    values = np.concatenate([beside(thresholds), np.arange(15.0, 95.0, 0.5), odd])
    if nulls:
        values = np.append(values, np.full(len(values) // 10, np.nan))

    rows = frame[chance.integers(0, len(frame), 3 * len(values))].copy()
    for row, column in enumerate(chance.integers(0, frame.shape[1], len(rows))):
        rows[row, column] = values[row % len(values)]

    mixed = chance.choice(values, size=(len(values), frame.shape[1]))
    return np.concatenate([rows, mixed])


def beside(values: np.ndarray) -> np.ndarray:
    """The values, their neighbours in double and in float, and what is halfway between floats."""
    floats = np.asarray(values, dtype=np.float32)
    up, down = np.nextafter(floats, np.float32(np.inf)), np.nextafter(floats, np.float32(-np.inf))
    half = (floats.astype(np.float64) + up) / 2
    return np.concatenate(
        [
            values,
            np.nextafter(values, np.inf),
            np.nextafter(values, -np.inf),
            floats,
            up,
            down,
            half,
            np.nextafter(half, np.inf),
            np.nextafter(half, -np.inf),
        ]
    )


def thresholds_of(estimators: Any) -> np.ndarray:
    """All thresholds of scikit-learn's trees."""
    parts = [tree.tree_.threshold[tree.tree_.children_left >= 0] for tree in estimators]
    values = np.unique(np.concatenate(parts))
    # A split that parts nulls from all others has an infinite one.
    return values[np.isfinite(values)]


def assert_equal_classifier(model: Any, rows: np.ndarray, exact: bool = True) -> None:
    """The same classes in every row, and probabilities that differ by rounding alone; exact: a row
    alone has the very bits that it has among others, which products of matrices do not promise.
    """
    form = Form(model, rows.shape[1])
    with quiet():
        expected, classes = model.predict_proba(rows), model.predict(rows)

    probabilities = form.scores(rows)
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-12)
    assert (probabilities.argmax(axis=1) == expected.argmax(axis=1)).all()
    assert form.predict(rows).tolist() == classes.tolist()
    alone = form.scores(rows[:1])
    np.testing.assert_allclose(alone, probabilities[:1], rtol=0, atol=0 if exact else 1e-12)


def assert_equal_regressor(model: Any, rows: np.ndarray, exact: bool = True) -> None:
    """The same values; not exact: they differ by rounding alone."""
    form = Form(model, rows.shape[1])
    with quiet():
        expected = model.predict(rows)

    values = form.predict(rows).reshape(expected.shape)
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12)
    if exact:
        assert values.tolist() == expected.tolist()

    alone = form.predict(rows[:1]).reshape(values[:1].shape)
    np.testing.assert_allclose(alone, values[:1], rtol=0 if exact else 1e-12)


def with_nulls(frame: np.ndarray, share: float = 0.1) -> np.ndarray:
    """The frame with NaN here and there."""
    holes = np.random.default_rng(5).random(frame.shape) < share
    return np.where(holes, np.nan, frame)
