"""Predicts with the certified ONNX form on ONNX Runtime.

It imports neither scikit-learn nor pandas and loads no pickle.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from service.bundle import Bundle, Column, Output
from service.bundle_files import ONNX
from service.rows import Columns
from service.runtimes.json_values import listed
from service.runtimes.model import Answer, Predictions
from service.runtimes.outputs import PREDICT, by_row, outputs_of

NUMPY_TYPES: dict[str, Any] = {
    "tensor(double)": np.float64,
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}
Convert = Callable[[np.ndarray], np.ndarray]
Feed = tuple[str, str, Convert]
LARGEST_INT = 2**63 - 1
# Begins the names of the inputs that are a column's texts in lower case; its number ends them.
LOWERED = "lowered_"


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
        inputs = self._session.get_inputs()
        manifest = bundle.manifest
        self._feeds = feeds_of(inputs, manifest.columns)
        names = [output.name for output in self._session.get_outputs()]
        self._outputs = outputs_of(manifest)
        self._names = [onnx_output(output.name, names) for output in self._outputs]
        # ONNX has integers for boolean classes and for 1.0; they are equal, and only the class
        # itself is an answer.
        self._classes: dict[Any, Any] = {}
        if manifest.classes:
            self._classes.update(zip(manifest.classes, manifest.classes, strict=True))

        self._class_dtype = _dtype_of(manifest.classes or [])

    def predict(self, columns: Columns) -> Predictions:
        """See Model."""
        answer = self.answer(columns)
        return by_row({name: listed(array) for name, array in answer.items()})

    def answer(self, columns: Columns) -> Answer:
        """See ArrayModel."""
        feed = {}
        for input_name, name, convert in self._feeds:
            feed[input_name] = convert(columns[name])

        arrays = self._session.run(self._names, feed)
        answer = {}
        for output, array in zip(self._outputs, arrays, strict=True):
            answer[output.name] = self._by_row(output, array)

        return answer

    def _by_row(self, output: Output, array: np.ndarray) -> np.ndarray:
        if output.shape:
            return array

        # Of one value a row, ONNX has a table of one column, or of the two classes' scores.
        values = array.reshape(len(array), -1)[:, -1]
        if output.name == PREDICT and self._classes:
            classes = map(self._classes.__getitem__, listed(values))
            return np.array(list(classes), dtype=self._class_dtype)

        return values


def feeds_of(inputs: Sequence[Any], columns: Sequence[Column]) -> list[Feed]:
    """What is fed: of each input its name, the column it comes from, and how that is converted.

    In order, since the converter gives a column such as "distance km" another name. After the
    columns there is a mask of each column of texts with nulls, where the graph has a form for them,
    then the texts in lower case of the columns whose numbers the inputs' names have.
    Raises ValueError where the graph has other inputs.
    """
    masked = [column for column in columns if column.dtype == "string" and column.nullable]
    others = inputs[len(columns) :]
    lowered = [tensor for tensor in others if tensor.name.startswith(LOWERED)]
    masks = others[: len(others) - len(lowered)]
    if len(inputs) < len(columns) or len(masks) not in (0, len(masked)):
        raise ValueError(f"the ONNX form has {len(inputs)} inputs for {len(columns)} columns")

    feeds: list[Feed] = []
    for tensor, column in zip(inputs, columns, strict=False):
        feeds.append((tensor.name, column.name, _onnx_array(tensor.type, column)))

    for tensor, column in zip(masks, masked, strict=False):
        feeds.append((tensor.name, column.name, _null_mask))

    for tensor in lowered:
        column = columns[int(tensor.name.removeprefix(LOWERED))]
        feeds.append((tensor.name, column.name, _in_lower_case))

    return feeds


def _dtype_of(classes: Sequence[Any]) -> Any:
    """The dtype that holds these classes as they are: of one kind of numbers, or objects."""
    if len(set(map(type, classes))) == 1 and not isinstance(classes[0], str):
        return np.array(classes).dtype

    return object


def onnx_output(method: str, names: list[str]) -> str:
    """The output of a converted graph that has what this method answers.

    That of its name, else the first for predict and the last for all others, as the converters
    order them. Whether it is the right one, the proof at delivery shows.
    """
    if method in names:
        return method

    if method == PREDICT:
        return names[0]

    return names[-1]


def _onnx_array(tensor_type: str, column: Column) -> Convert:
    """Converts a column's values to an input of that type of the graph's, of shape [n, 1]."""
    if tensor_type == "tensor(string)":
        return _strings if column.nullable else _to_column_vector

    if column.dtype in ("datetime", "duration"):
        return lambda array: array.astype(np.int64).reshape(-1, 1)

    # A null is NaN, which only floats have.
    dtype = NUMPY_TYPES[tensor_type]
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


def _null_mask(array: np.ndarray) -> np.ndarray:
    return np.asarray(array == None, dtype=np.bool_).reshape(-1, 1)  # noqa: E711


def _in_lower_case(array: np.ndarray) -> np.ndarray:
    """As Python does it, in no locale; a null raises ValueError, as in a vectorizer."""
    if any(text is None for text in array.tolist()):
        raise ValueError("a vectorizer takes no null")

    lowered = np.empty((len(array), 1), dtype=object)
    lowered[:, 0] = [text.lower() for text in array.tolist()]
    return lowered
