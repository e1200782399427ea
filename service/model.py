"""The two runtimes behind one interface: columns in, one prediction a row out.

A version that is served by ONNX Runtime imports neither scikit-learn nor pandas and loads no
pickle.
"""

import math
import os
import warnings
from collections.abc import Callable
from io import BytesIO
from typing import Any, Protocol

import numpy as np

from service.bundle import Bundle, BundleError, Column
from service.bundle_files import ONNX, PICKLE
from service.bundled_modules import is_module_file, provide_modules
from service.rows import Columns, row_count, take_rows

Predictions = list[Any]
# The search for the rows at fault among rows that failed together ends after LEAST_SEARCH_S seconds
# once so many attempts were made (one of 512 is found in 18, each of 64 in 127), after
# MOST_SEARCH_S in any case.
SEARCH_ATTEMPTS = 128
LEAST_SEARCH_S, MOST_SEARCH_S = 0.1, 2.0
NOT_TOLD_APART = (
    "the pipeline failed on some of these rows, and there was no time to find which: send fewer "
    "at once"
)


class Model(Protocol):
    """A loaded version."""

    name: str

    def predict(self, columns: Columns) -> Predictions:
        """One prediction a row: a list of probabilities, a class, or a number."""


class RowFailures(Exception):
    """The pipeline failed on some rows.

    failures: their reasons by row. predictions: of all rows, None where one failed.
    unattributed: rows that failed together with others, without time to find those at fault.
    """

    def __init__(
        self, predictions: Predictions, failures: dict[int, str], unattributed: frozenset[int]
    ) -> None:
        super().__init__(
            f"{len(failures)} rows failed, the first with {next(iter(failures.values()))}"
        )
        self.predictions, self.failures, self.unattributed = predictions, failures, unattributed


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


class PipelineModel:
    """The pickled pipeline on one pandas frame a batch, of the dtypes that it was fitted on."""

    name = "sklearn"

    def __init__(self, bundle: Bundle) -> None:
        from service.frames import FrameBuilder

        manifest = bundle.manifest
        modules = filter(is_module_file, manifest.files)
        provide_modules(bundle.path, {name: bundle.read(name) for name in modules})
        self._predict = getattr(_unpickled(bundle), manifest.output)
        self._input = FrameBuilder(manifest.columns, manifest.input)

    def predict(self, columns: Columns) -> Predictions:
        """See Model."""
        return listed(answer_of(self._predict, self._input.build(columns)))


def answer_of(predict: Callable[[Any], Any], rows: Any) -> np.ndarray:
    """What a pipeline answers for these rows; it neither starts processes nor ends this one."""
    import joblib

    try:
        # A step with n_jobs would start processes, for which a forked worker would wait for ever.
        with joblib.parallel_config(backend="threading"):
            return np.asarray(predict(rows))
    except SystemExit as error:
        raise RuntimeError(f"a step wants to end the process (SystemExit: {error})") from error


class RowByRow:
    """Predicts each row alone, for a model that depends on the other rows of a batch."""

    def __init__(self, model: Model) -> None:
        self.name, self._model = model.name, model

    def predict(self, columns: Columns) -> Predictions:
        """See Model."""
        predictions: Predictions = []
        for row in range(row_count(columns)):
            predictions += self._model.predict(take_rows(columns, slice(row, row + 1)))

        return predictions


def _unpickled(bundle: Bundle) -> Any:
    """The pipeline, from the bytes that the manifest vouches for.

    Raises BundleError where another scikit-learn pickled it.
    """
    import joblib
    from sklearn.exceptions import InconsistentVersionWarning

    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        try:
            return joblib.load(BytesIO(bundle.read(PICKLE)))
        except InconsistentVersionWarning as warning:
            raise BundleError(
                f"{bundle.path / PICKLE} was made by scikit-learn "
                f"{warning.original_sklearn_version}, and {warning.current_sklearn_version} is "
                f"installed: install that one, or deliver again"
            ) from warning


def load_model(bundle: Bundle, runtime: str | None = None) -> Model:
    """The bundle's model on its certified runtime, or on `runtime`.

    Raises BundleError where that is ONNX and not certified.
    """
    certified = bundle.manifest.runtime.certified
    runtime = runtime or certified
    if runtime == "onnx" and certified != "onnx":
        raise BundleError(
            f"{bundle.path}: ONNX is not certified ({bundle.manifest.runtime.reason})"
        )

    model: Model = OnnxModel(bundle) if runtime == "onnx" else PipelineModel(bundle)
    if bundle.manifest.one_row_at_a_time:
        return RowByRow(model)

    return model


def _stopped_clock() -> float:
    return 0.0


def predict_each(
    model: Model, columns: Columns, rows: int, clock: Callable[[], float] = _stopped_clock
) -> Predictions:
    """Predict all rows at once; where that fails, halve them until the rows at fault are found.

    clock: measures the search, which has a time limit: rows that it did not tell apart by then have
    all failed. Without a clock it goes on to the end, as a proof must. Raises RowFailures.
    """
    if rows == 0:
        return []

    try:
        return _one_prediction_a_row(model, columns, rows)
    except Exception as error:  # noqa: BLE001 (a pipeline may raise anything on a row)
        search = _Search(model, columns, rows, clock)
        search.halve(range(rows), error)
        if search.failures:
            raise RowFailures(
                search.predictions, search.failures, frozenset(search.unattributed)
            ) from None

        return search.predictions


class _Search:
    """Finds the rows that a pipeline fails on by halving, until its time limit."""

    def __init__(
        self, model: Model, columns: Columns, rows: int, clock: Callable[[], float]
    ) -> None:
        self.model, self.columns, self.clock = model, columns, clock
        self.began, self.attempts = clock(), 0
        self.predictions: Predictions = [None] * rows
        self.failures: dict[int, str] = {}
        self.unattributed: set[int] = set()

    def halve(self, rows: range, error: Exception) -> None:
        """Attribute `error`, by which these rows failed together, to some of them."""
        if len(rows) == 1:
            self.failures[rows.start] = _first_line(error)
        elif self._is_over():
            reason = f"{NOT_TOLD_APART} (of one of them: {_first_line(error)})"
            self.failures |= dict.fromkeys(rows, reason)
            self.unattributed.update(rows)
        else:
            middle = len(rows) // 2
            self._predict(rows[:middle])
            self._predict(rows[middle:])

    def _is_over(self) -> bool:
        elapsed_s = self.clock() - self.began
        return elapsed_s >= MOST_SEARCH_S or (
            self.attempts >= SEARCH_ATTEMPTS and elapsed_s >= LEAST_SEARCH_S
        )

    def _predict(self, rows: range) -> None:
        self.attempts += 1
        chosen = slice(rows.start, rows.stop)
        columns = take_rows(self.columns, chosen)
        try:
            self.predictions[chosen] = _one_prediction_a_row(self.model, columns, len(rows))
        except Exception as error:  # noqa: BLE001 (as above)
            self.halve(rows, error)


def _first_line(error: Exception) -> str:
    lines = [*str(error).splitlines(), ""]
    return f"{type(error).__name__}: {lines[0][:300]}"


def _one_prediction_a_row(model: Model, columns: Columns, rows: int) -> Predictions:
    predictions = model.predict(columns)
    if len(predictions) != rows:
        raise ValueError(f"{len(predictions)} predictions for {rows} rows")

    return predictions


def listed(answer: np.ndarray) -> Predictions:
    """Plain Python values, as JSON can hold them; raises ValueError where it cannot."""
    if answer.dtype.kind == "f" and not np.isfinite(answer).all():
        raise ValueError("the model answered NaN or infinity")

    if answer.dtype.kind in "mM":
        # Their list is of bare integers, which say neither what they count nor from when.
        raise ValueError(
            f"the model answered {answer.dtype}, of which JSON has no form: let it answer texts "
            f"(such as 2021-01-31) or numbers (such as seconds)"
        )

    if answer.dtype == np.float32:
        answer = answer.astype(np.float64)

    if answer.dtype == object:
        return list(map(_plain, answer.tolist()))

    return list(answer.tolist())


def _plain(value: Any) -> Any:
    """A value of an array of objects, with Python's numbers and texts for numpy's."""
    if isinstance(value, list):
        return list(map(_plain, value))

    if isinstance(value, np.generic):
        (value,) = listed(value.reshape(1))

    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("the model answered NaN or infinity")

    return value


def _onnx_array(column: Column) -> Callable[[np.ndarray], np.ndarray]:
    """Converts a column's values to an ONNX input of shape [n, 1]."""
    if column.dtype == "string":
        return _strings if column.nullable else _to_column_vector

    # A null is NaN, which only floats have.
    dtypes = {"float": np.float32, "int": np.int64, "bool": np.bool_}
    dtype = np.float32 if column.nullable else dtypes[column.dtype]
    return lambda array: array.astype(dtype, copy=False).reshape(-1, 1)


def _to_column_vector(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1, 1)


def _strings(array: np.ndarray) -> np.ndarray:
    return np.where(array == None, "", array).astype(object).reshape(-1, 1)  # noqa: E711
