"""A step or pipeline beside its ONNX form, on rows as the service reads them."""

import warnings

import numpy as np
import pandas as pd

from delivery.inputs.signature import columns_of, rows_of
from delivery.onnx.forms import convert_in_double
from delivery.recipe import Recipe
from service.frames import FrameBuilder
from service.rows import RowReader
from service.runtimes.onnx_model import feeds_of


class ConvertedStep:
    """A fitted estimator and its form in double."""

    def __init__(self, model, training, output="transform", convert=convert_in_double):
        import onnxruntime

        self.model, self.output = model, output
        self.columns = columns_of(training, training)
        self.reader = RowReader(self.columns)
        self.frames = FrameBuilder(self.columns)
        self.raw = convert(Recipe(model, training, None, output, training), self.columns)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            self.raw, options, providers=["CPUExecutionProvider"]
        )
        self.feeds = feeds_of(self.session.get_inputs(), self.columns)

    def onnx(self, frame):
        """What the ONNX form answers for the frame's rows."""
        columns = self.reader.row_columns(rows_of(frame))
        feed = {name: convert(columns[column]) for name, column, convert in self.feeds}
        (answer,) = self.session.run(None, feed)
        return answer

    def sklearn(self, frame):
        """What the estimator answers for the same rows, as the service gives them to it."""
        built = self.frames.build(self.reader.row_columns(rows_of(frame)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = getattr(self.model, self.output)(built)

        return answer.toarray() if hasattr(answer, "toarray") else np.asarray(answer)

    def require_equal(self, frame, tolerance=1e-12):
        """Both answer every row alike."""
        actual, expected = self.onnx(frame), self.sklearn(frame)
        if expected.ndim == 1 and actual.ndim == 2:
            actual = actual.ravel()
        assert actual.shape == expected.shape
        if expected.dtype.kind in "OU":
            assert actual.tolist() == expected.tolist()
        else:
            np.testing.assert_allclose(
                np.asarray(actual, dtype=float),
                np.asarray(expected, dtype=float),
                rtol=tolerance,
                atol=tolerance,
            )

    def require_both_fail(self, frame):
        """Neither answers the rows: an error, or a value that is no number."""
        for answer in (self.onnx, self.sklearn):
            try:
                values = answer(frame)
            except Exception:  # noqa: BLE001 (whatever either raises)
                continue
            assert not np.isfinite(np.asarray(values, dtype=float)).all(), answer


def numbers(rows=200, seed=0):
    """Three columns of numbers: around 0, in thousands, and whole."""
    chance = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "a": chance.normal(size=rows).round(3),
            "b": chance.normal(5000, 900, rows).round(1),
            "c": chance.integers(0, 40, rows),
        }
    )


def odd_numbers():
    """Zeros, thousandths beside values of training, numbers far beyond."""
    values = [0.0, -0.0, 1e-12, -1e-12, 0.5, 1e6, -1e6, 1e15, -1e15, 3e38, -3e38]
    return pd.DataFrame({"a": values, "b": values[::-1], "c": [*range(-5, 6)]})


def cities(nulls=None, rows=200, seed=0, dtype=object):
    """Two columns of texts; nulls: what stands for null in some rows of both."""
    chance = np.random.default_rng(seed)
    city = chance.choice(["Oslo", "Bern", "Rome", "東京"], rows).astype(object)
    plan = chance.choice(["free", "pro", ""], rows).astype(object)
    frame = pd.DataFrame({"city": city, "plan": plan}).astype(object)
    if nulls is not None:
        for name, every in (("city", 7), ("plan", 5)):
            column = frame[name].tolist()
            column[::every] = [nulls[0]] * len(column[::every])
            frame[name] = pd.Series(column, dtype=object)

    return frame.astype(dtype) if dtype is not object else frame
