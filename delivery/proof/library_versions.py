"""Refuses a pipeline that another scikit-learn pickled, which may predict differently here."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from delivery.errors import DeliveryError


@contextmanager
def refuse_another_scikit_learn(path: Path) -> Iterator[None]:
    """Raise DeliveryError with both versions where another scikit-learn made what is unpickled."""
    from sklearn.exceptions import InconsistentVersionWarning

    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        try:
            yield
        except InconsistentVersionWarning as warning:
            made_by = warning.original_sklearn_version
            raise DeliveryError(
                f"{path}: {warning.estimator_name} was pickled by scikit-learn {made_by}, and "
                f"{warning.current_sklearn_version} is installed, which may predict differently: "
                f"deliver from an environment with scikit-learn {made_by}, or fit the pipeline anew"
            ) from warning
