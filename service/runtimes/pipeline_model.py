"""Predicts with the pickled pipeline on scikit-learn."""

import warnings
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np

from service.bundle import Bundle, BundleError
from service.bundle_files import PICKLE
from service.bundled_modules import is_module_file, provide_modules
from service.rows import Columns
from service.runtimes.json_values import listed
from service.runtimes.model import Predictions


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
