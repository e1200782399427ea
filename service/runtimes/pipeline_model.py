"""Predicts with the pickled pipeline on scikit-learn."""

import logging
import warnings
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import Any

import numpy as np

from service.bundle import Bundle, BundleError, Output
from service.bundle_files import PICKLE
from service.bundled_modules import is_module_file, provide_modules
from service.rows import Columns, row_count, take_rows
from service.runtimes.direct.errors import NoDirectForm
from service.runtimes.direct.form import DirectForm
from service.runtimes.json_values import listed, require_values
from service.runtimes.model import Answer, Predictions
from service.runtimes.one_thread import run_on_one_thread
from service.runtimes.outputs import (
    DECISION,
    MOST_VALUES,
    PREDICT,
    SCORES,
    TOO_WIDE,
    by_row,
    outputs_of,
)

log = logging.getLogger("sluice.runtimes")
# So many lone rows are asked for twice without success before it is given up.
MOST_IN_VAIN = 3


class PipelineModel:
    """The pickled pipeline on one pandas frame a batch, of the dtypes that it was fitted on.

    direct: its direct form, which answers instead where the bundle says that it was proved.
    """

    name = "sklearn"

    def __init__(self, bundle: Bundle) -> None:
        from service.frames import FrameBuilder

        manifest = bundle.manifest
        modules = filter(is_module_file, manifest.files)
        provide_modules(bundle.path, {name: bundle.read(name) for name in modules})
        self._pipeline, self._manifest = _unpickled(bundle), manifest
        run_on_one_thread(self._pipeline)
        self._methods = [
            (output, getattr(self._pipeline, output.name)) for output in outputs_of(manifest)
        ]
        self._input = FrameBuilder(manifest.columns, manifest.input)
        # Whether a lone row was ever answered beside itself, and how often it was not.
        self._helped, self._in_vain = False, 0
        self.direct: DirectForm | None = None
        if manifest.direct is not None and manifest.direct.served:
            try:
                self.direct = self.direct_form()
            except NoDirectForm as error:
                log.warning("served without its direct form: %s", error)

    def direct_form(self) -> DirectForm:
        """A direct form of this pipeline; raises NoDirectForm."""
        manifest = self._manifest
        if len(self._methods) > 1:
            raise NoDirectForm("it answers several outputs")

        ((output, _),) = self._methods
        if output.name in (DECISION, SCORES) or (output.name == PREDICT and output.shape):
            raise NoDirectForm(f"{output.name} of several targets, or of scores, has none")

        return DirectForm(self._pipeline, manifest.output, manifest.columns, manifest.input)

    def predict(self, columns: Columns) -> Predictions:
        """See Model."""
        answer = self.answer(columns)
        return by_row({name: listed(array) for name, array in answer.items()})

    def answer(self, columns: Columns) -> Answer:
        """See ArrayModel."""
        if self.direct is not None:
            # Whatever it raises: the pipeline answers these rows, or says itself what is wrong.
            with suppress(Exception):
                return self._answer_directly(self.direct, columns)

        if row_count(columns) > 1 or not self._may_ask_twice():
            return self._ask(columns)

        try:
            return self._ask(columns)
        except Exception as error:  # noqa: BLE001 (a pipeline may raise anything on a row)
            return self._ask_twice(columns, error)

    def _ask(self, columns: Columns) -> Answer:
        answer = {}
        for output, method in self._methods:
            # A frame for each, since a step may change its own in place.
            array = answer_of(method, self._input.build(columns))
            _require_shape(array, output)
            require_values(array)
            answer[output.name] = array

        return answer

    def _may_ask_twice(self) -> bool:
        if self._manifest.side_effects or self._manifest.one_row_at_a_time:
            return False

        # The warm-up asks with a good lone row first: what helps once has helped by then.
        return self._helped or self._in_vain < MOST_IN_VAIN

    def _ask_twice(self, columns: Columns, error: Exception) -> Answer:
        """What a lone row gets beside itself; raises `error` where it fails there, too.

        Some steps answer every row but one that is alone, such as scikit-learn's SparsePCA. That a
        row's answer does not depend on those beside it, the delivery proves.
        """
        try:
            answer = self._ask(take_rows(columns, [0, 0]))
        except Exception:  # noqa: BLE001 (as above)
            self._in_vain += 1
            raise error from None

        self._helped = True
        return {name: array[:1] for name, array in answer.items()}

    def predict_directly(self, form: DirectForm, columns: Columns) -> Predictions:
        """What the direct form answers; raises any exception for rows left to the pipeline."""
        ((_, array),) = self._answer_directly(form, columns).items()
        return listed(array)

    def _answer_directly(self, form: DirectForm, columns: Columns) -> Answer:
        ((output, _),) = self._methods
        array = answer_of(form.answer, columns)
        _require_shape(array, output)
        require_values(array)
        return {output.name: array}


def _require_shape(answer: np.ndarray, output: Output) -> None:
    """Raise ValueError where a row's answer has another shape than the one that was proved."""
    shape = output.shape
    if shape is None or -1 in shape or answer.dtype == object:
        return

    if list(answer.shape[1:]) != shape:
        raise ValueError(
            f"{output.name} answered rows of shape {list(answer.shape[1:])}, delivered was {shape}"
        )


def answer_of(predict: Callable[[Any], Any], rows: Any) -> np.ndarray:
    """What a method of a pipeline answers for these rows, as an array with a row for each.

    Sparse answers become dense. It neither starts processes nor ends this one.
    """
    import joblib

    try:
        # A step with n_jobs would start processes, for which a forked worker would wait for ever.
        with joblib.parallel_config(backend="threading"):
            return _one_array(predict(rows))
    except SystemExit as error:
        raise RuntimeError(f"a step wants to end the process (SystemExit: {error})") from error


def _one_array(answer: Any) -> np.ndarray:
    if hasattr(answer, "toarray"):
        return np.asarray(_narrow(answer).toarray())

    if isinstance(answer, list) and answer and all(map(_is_table, answer)):
        return _of_targets(answer)

    return np.asarray(answer)


def _narrow(sparse: Any) -> Any:
    """A sparse answer that may become dense; raises ValueError before it would fill the memory."""
    if sparse.shape[-1] > MOST_VALUES:
        raise ValueError(TOO_WIDE.format(sparse.shape[-1]))

    return sparse


def _is_table(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == 2


def _of_targets(tables: list[np.ndarray]) -> np.ndarray:
    """What predict_proba of several targets answers, a table a target, by row.

    An array [rows, targets, classes], of lists where the targets have different classes.
    """
    if len({table.shape for table in tables}) == 1:
        return np.stack(tables, axis=1)

    rows = list(zip(*(table.tolist() for table in tables), strict=True))
    array = np.empty(len(rows), dtype=object)
    array[:] = [list(row) for row in rows]
    return array


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
