"""Predicts with the certified ONNX form on ONNX Runtime.

It imports neither scikit-learn nor pandas and loads no pickle.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from service.bundle import Bundle, Column
from service.bundle_files import ONNX
from service.rows import Columns
from service.runtimes.json_values import listed
from service.runtimes.model import Predictions

LARGEST_INT = 2**63 - 1


class OnnxModel:
    """The certified ONNX form on ONNX Runtime, one thread: the batches are the parallelism."""

    name = "onnx"

    def __init__(self, bundle: Bundle) -> None:
        # Since 1.29 the import would start a thread that reports to its maker what is loaded. A
        # forked worker does not have that thread, and would wait for it for ever at its exit.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # The caller is told of a row that fails; it must not flood the log as well.
        options.log_severity_level = 4
        raw = bundle.read(ONNX)
        self._session = onnxruntime.InferenceSession(
            raw, options, providers=["CPUExecutionProvider"]
        )
        # In order, since the converter gives a column such as "distance km" another name.
        self._convert = {}
        inputs = self._session.get_inputs()
        for tensor, column in zip(inputs, bundle.manifest.columns, strict=True):
            self._convert[column.name] = (tensor.name, _onnx_array(column))

        outputs = self._session.get_outputs()
        self._flat = bundle.manifest.output == "predict"
        self._output = [outputs[0 if self._flat else -1].name]
        # ONNX has integers for boolean classes and for 1.0; they are equal, and only the class
        # itself is an answer.
        self._classes: dict[Any, Any] = {}
        if self._flat and bundle.manifest.classes:
            self._classes.update(zip(bundle.manifest.classes, bundle.manifest.classes, strict=True))

    def predict(self, columns: Columns) -> Predictions:
        """See Model."""
        feed = {}
        for name, array in columns.items():
            input_name, convert = self._convert[name]
            feed[input_name] = convert(array)

        (output,) = self._session.run(self._output, feed)
        if not self._flat:
            return listed(output)

        predictions = listed(output.ravel())
        if self._classes:
            return list(map(self._classes.__getitem__, predictions))

        return predictions


def _onnx_array(column: Column) -> Callable[[np.ndarray], np.ndarray]:
    """Converts a column's values to an ONNX input of shape [n, 1]."""
    if column.dtype == "string":
        return _strings if column.nullable else _to_column_vector

    if column.dtype in ("datetime", "duration"):
        return lambda array: array.astype(np.int64).reshape(-1, 1)

    # A null is NaN, which only floats have.
    dtypes = {"float": np.float32, "int": np.int64, "bool": np.bool_}
    dtype = np.float32 if column.nullable else dtypes[column.dtype]
    if dtype is np.int64:
        return _to_int64

    return lambda array: array.astype(dtype, copy=False).reshape(-1, 1)


def _to_int64(array: np.ndarray) -> np.ndarray:
    """The numbers with a sign; raises OverflowError, since numpy would wrap the largest around."""
    if array.dtype == np.uint64 and (array > np.uint64(LARGEST_INT)).any():
        raise OverflowError(f"a number is beyond {LARGEST_INT}, which its ONNX form cannot hold")

    return array.astype(np.int64, copy=False).reshape(-1, 1)


def _to_column_vector(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1, 1)


def _strings(array: np.ndarray) -> np.ndarray:
    return np.where(array == None, "", array).astype(object).reshape(-1, 1)  # noqa: E711
