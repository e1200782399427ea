"""Refuses a pipeline that another scikit-learn pickled, which may predict differently here."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from delivery.errors import AnotherScikitLearn

# Estimators pickle this attribute; protocol 4 writes both as short strings, older ones as long
# ones.
_VERSION = re.compile(
    rb"_sklearn_version(?:\x94\x8c.(?P<short>[0-9][0-9a-z.+]*)|q.X.{4}(?P<long>[0-9][0-9a-z.+]*))",
    re.DOTALL,
)


@contextmanager
def refuse_another_scikit_learn(path: Path) -> Iterator[None]:
    """Raise AnotherScikitLearn with both versions where another one made what is unpickled."""
    from sklearn.exceptions import InconsistentVersionWarning

    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        try:
            yield
        except InconsistentVersionWarning as warning:
            made_by = warning.original_sklearn_version
            raise AnotherScikitLearn(
                f"{path}: {warning.estimator_name} was pickled by scikit-learn {made_by}, and "
                f"{warning.current_sklearn_version} is installed, which may predict differently: "
                f"deliver from an environment with scikit-learn {made_by}, or fit the pipeline "
                f"anew",
                str(made_by),
            ) from warning


def made_by(raw: bytes) -> str | None:
    """The scikit-learn whose version a pickle's bytes name; None where they name none.

    It is read without loading the pickle, which may not be possible here.
    """
    match = _VERSION.search(raw)
    if match is None:
        return None
    return match["short" if match["short"] else "long"].decode()
