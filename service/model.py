"""The two runtimes behind one face: columns in, one prediction a row out.

A version that is served by ONNX Runtime imports neither scikit-learn nor pandas and loads no
pickle."""

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
from service.rows import Columns

Predictions = list[Any]
# How long rows that failed together are searched for those at fault (seconds): past the first bound
# once so many attempts were made (one of 512 is found in 18, each of 64 in 127), past the second in
# any case.
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
    """The pipeline failed on some rows: failures by place, predictions for the others (None where
    failed).

    unattributed: places of rows that failed together with others, which there was no time to tell
    apart."""

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
        # Since 1.29 the import would start a thread that tells its maker what is loaded; and at the
        # exit of a forked worker, which does not have that thread, its clean-up would wait for it
        # for ever.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # A row that fails is answered to its caller; it must not flood the log as well.
        options.log_severity_level = 4
        raw = bundle.read(ONNX)
        self._session = onnxruntime.InferenceSession(
            raw, options, providers=["CPUExecutionProvider"]
        )
        # By place: the converter gives a column such as "distance km" another name.
        inputs = [each.name for each in self._session.get_inputs()]
        named = list(zip(inputs, bundle.manifest.columns, strict=True))
        self._convert = {column.name: (name, _onnx_array(column)) for name, column in named}
        outputs = [output.name for output in self._session.get_outputs()]
        self._output = [outputs[-1] if bundle.manifest.output == "predict_proba" else outputs[0]]
        self._flat = bundle.manifest.output == "predict"
        # ONNX has integers for boolean classes and for 1.0; they are equal, and only the class
        # itself is an answer.
        self._classes = {each: each for each in bundle.manifest.classes or [] if self._flat}

    def predict(self, columns: Columns) -> Predictions:
        """See Model."""
        converted = [(*self._convert[name], array) for name, array in columns.items()]
        feed = {name: convert(array) for name, convert, array in converted}
        (answer,) = self._session.run(self._output, feed)
        predictions = listed(answer.ravel() if self._flat else answer)
        if self._classes:
            return [self._classes[each] for each in predictions]
        return predictions


class PipelineModel:
    """The pickled pipeline on one pandas frame a batch, of the dtypes that it was fitted on."""

    name = "sklearn"

    def __init__(self, bundle: Bundle) -> None:
        from service.frames import FrameBuilder

        manifest = bundle.manifest
        sources = {name: bundle.read(name) for name in manifest.files if is_module_file(name)}
        provide_modules(bundle.path, sources)
        self._predict = getattr(_unpickled(bundle), manifest.output)
        self._input = FrameBuilder(manifest.columns, manifest.input)

    def predict(self, columns: Columns) -> Predictions:
        """See Model."""
        return listed(answer_of(self._predict, self._input.build(columns)))


def answer_of(predict: Callable[[Any], Any], rows: Any) -> np.ndarray:
    """What a pipeline says of these rows: without processes of its own, and without ending this
    one.
    """
    import joblib

    try:
        # A step with n_jobs would start processes, for which a forked worker would wait for ever.
        with joblib.parallel_config(backend="threading"):
            return np.asarray(predict(rows))
    except SystemExit as error:
        raise RuntimeError(f"a step wants to end the process (SystemExit: {error})") from error


class RowByRow:
    """A model whose answer for a row depends on the rows beside it, asked for each row alone."""

    def __init__(self, model: Model) -> None:
        self.name, self._model = model.name, model

    def predict(self, columns: Columns) -> Predictions:
        """See Model."""
        rows = len(next(iter(columns.values())))
        predictions: Predictions = []
        for row in range(rows):
            predictions += self._model.predict(
                {name: array[row : row + 1] for name, array in columns.items()}
            )

        return predictions


def _unpickled(bundle: Bundle) -> Any:
    """The pipeline, from the bytes that the manifest vouches for; raises BundleError where
    scikit-learn is another.
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
                f"{warning.original_sklearn_version}, and "
                f"{warning.current_sklearn_version} is installed: install that one, or deliver "
                f"again"
            ) from warning


def load_model(bundle: Bundle, runtime: str | None = None) -> Model:
    """The bundle's model on its certified runtime, or on `runtime`; raises BundleError where that
    is not certified.
    """
    certified = bundle.manifest.runtime.certified
    wanted = runtime or certified
    if wanted == "onnx" and certified != "onnx":
        raise BundleError(
            f"{bundle.path}: ONNX is not certified ({bundle.manifest.runtime.reason})"
        )

    model: Model = OnnxModel(bundle) if wanted == "onnx" else PipelineModel(bundle)
    if bundle.manifest.one_row_at_a_time:
        return RowByRow(model)
    return model


def _stopped() -> float:
    return 0.0


def predict_each(
    model: Model, columns: Columns, rows: int, clock: Callable[[], float] = _stopped
) -> Predictions:
    """Predict all rows at once; where that fails, halve until the rows at fault are found. Raises
    RowFailures.

    clock: of the time that the search may take; what it did not tell apart by then has failed as a
    whole. Without one it goes on to the end, as a proof must."""
    if rows == 0:
        return []

    try:
        return _one_each(model, columns, rows)
    except Exception as error:  # noqa: BLE001 (a pipeline may raise anything on a row)
        search = _Search(model, columns, rows, clock)
        search.halve(range(rows), error)
        if search.failures:
            raise RowFailures(
                search.predictions, search.failures, frozenset(search.unattributed)
            ) from None
        return search.predictions


class _Search:
    """Finds the rows that a pipeline fails on, by halves, until its time is over."""

    def __init__(
        self, model: Model, columns: Columns, rows: int, clock: Callable[[], float]
    ) -> None:
        self.model, self.columns, self.clock = model, columns, clock
        self.began, self.attempts = clock(), 0
        self.predictions: Predictions = [None] * rows
        self.failures: dict[int, str] = {}
        self.unattributed: set[int] = set()

    def halve(self, places: range, error: Exception) -> None:
        """Attribute the failure of these rows together, which `error` was, to some of them."""
        if len(places) == 1:
            self.failures[places.start] = _told(error)
        elif self._is_over():
            told = f"{NOT_TOLD_APART} (of one of them: {_told(error)})"
            self.failures |= dict.fromkeys(places, told)
            self.unattributed.update(places)
        else:
            middle = len(places) // 2
            self._predict(places[:middle])
            self._predict(places[middle:])

    def _is_over(self) -> bool:
        elapsed_s = self.clock() - self.began
        return elapsed_s >= MOST_SEARCH_S or (
            self.attempts >= SEARCH_ATTEMPTS and elapsed_s >= LEAST_SEARCH_S
        )

    def _predict(self, places: range) -> None:
        self.attempts += 1
        part = {name: array[places.start : places.stop] for name, array in self.columns.items()}
        try:
            self.predictions[places.start : places.stop] = _one_each(self.model, part, len(places))
        except Exception as error:  # noqa: BLE001 (as above)
            self.halve(places, error)


def _told(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0][:300] if lines else ''}"


def _one_each(model: Model, columns: Columns, rows: int) -> Predictions:
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
        return [_plain(each) for each in answer.tolist()]
    return list(answer.tolist())


def _plain(value: Any) -> Any:
    """What an array of objects holds, without numpy's own kinds of number and text."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        (value,) = listed(value.reshape(1))
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("the model answered NaN or infinity")
    return value


def _onnx_array(column: Column) -> Callable[[np.ndarray], np.ndarray]:
    kinds = {"float": np.float32, "int": np.int64, "bool": np.bool_}
    if column.dtype not in kinds:
        if column.nullable:
            return _strings
        return _upright

    # A null is NaN, which only floats have.
    kind = np.float32 if column.nullable else kinds[column.dtype]
    return lambda array: array.astype(kind, copy=False).reshape(-1, 1)


def _upright(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1, 1)


def _strings(array: np.ndarray) -> np.ndarray:
    return np.where(array == None, "", array).astype(object).reshape(-1, 1)  # noqa: E711
