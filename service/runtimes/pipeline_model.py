"""Predicts with the pickled pipeline on scikit-learn."""

import logging
import warnings
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import Any

import numpy as np

from service.bundle import Bundle, BundleError
from service.bundle_files import PICKLE
from service.bundled_modules import is_module_file, provide_modules
from service.rows import Columns
from service.runtimes.direct.errors import NoDirectForm
from service.runtimes.direct.form import DirectForm
from service.runtimes.json_values import listed
from service.runtimes.model import Predictions
from service.runtimes.one_thread import run_on_one_thread

log = logging.getLogger("sluice.runtimes")


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
        self._predict = getattr(self._pipeline, manifest.output)
        self._input = FrameBuilder(manifest.columns, manifest.input)
        self.direct: DirectForm | None = None
        if manifest.direct is not None and manifest.direct.served:
            try:
                self.direct = self.direct_form()
            except NoDirectForm as error:
                log.warning("served without its direct form: %s", error)

    def direct_form(self) -> DirectForm:
        """A direct form of this pipeline; raises NoDirectForm."""
        manifest = self._manifest
        return DirectForm(self._pipeline, manifest.output, manifest.columns, manifest.input)

    def predict(self, columns: Columns) -> Predictions:
        """See Model."""
        if self.direct is not None:
            # Whatever it raises: the pipeline answers these rows, or says itself what is wrong.
            with suppress(Exception):
                return self.predict_directly(self.direct, columns)

        return listed(answer_of(self._predict, self._input.build(columns)))

    def predict_directly(self, form: DirectForm, columns: Columns) -> Predictions:
        """What the direct form answers; raises any exception for rows left to the pipeline."""
        return listed(answer_of(form.answer, columns))


def answer_of(predict: Callable[[Any], Any], rows: Any) -> np.ndarray:
    """What a pipeline answers for these rows; it neither starts processes nor ends this one."""
    import joblib

    try:
        # A step with n_jobs would start processes, for which a forked worker would wait for ever.
        with joblib.parallel_config(backend="threading"):
            return np.asarray(predict(rows))
    except SystemExit as error:
        raise RuntimeError(f"a step wants to end the process (SystemExit: {error})") from error


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
