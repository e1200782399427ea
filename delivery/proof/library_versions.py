"""Refuses a pipeline that another scikit-learn pickled, which may predict differently here."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from delivery.errors import AnotherScikitLearn

# Estimators pickle this attribute. Protocol 4 writes a text with a length of one byte, older ones
# with one of four; both remember it, in one or two bytes.
_PLAIN = re.compile(r"[0-9]+(\.[0-9a-z]+)+")
_VERSION = re.compile(rb"_sklearn_version(?:\x94|q.)(?:\x8c(.)|X(.{4}))", re.DOTALL)


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

    length = int.from_bytes(match[1] or match[2], "little")
    text = raw[match.end() : match.end() + length].decode("ascii", "replace")
    if not _PLAIN.fullmatch(text):
        return None
    return text
