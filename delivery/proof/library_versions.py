"""A pipeline that another scikit-learn pickled may predict otherwise here: it is refused."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from delivery.errors import DeliveryError


@contextmanager
def refuse_another_scikit_learn(path: Path) -> Iterator[None]:
    """Raise DeliveryError with both versions where something is unpickled that another scikit-learn
    made.
    """
    from sklearn.exceptions import InconsistentVersionWarning

    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        try:
            yield
        except InconsistentVersionWarning as warning:
            raise DeliveryError(
                f"{path}: {warning.estimator_name} was pickled by scikit-learn "
                f"{warning.original_sklearn_version}, and "
                f"{warning.current_sklearn_version} is installed, which may predict otherwise: "
                f"deliver from an "
                f"environment with scikit-learn {warning.original_sklearn_version}, or fit the "
                f"pipeline anew"
            ) from warning
