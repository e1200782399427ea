"""Turns a model's answer into plain values that JSON can hold."""

import math
from typing import Any

import numpy as np

from service.runtimes.model import Predictions


def listed(answer: np.ndarray) -> Predictions:
    """Plain Python values, as JSON can hold them; raises ValueError where it cannot."""
    require_values(answer)
    if answer.dtype == np.float32:
        answer = answer.astype(np.float64)

    if answer.dtype == object:
        return list(map(_plain, answer.tolist()))

    return list(answer.tolist())


def require_values(answer: np.ndarray) -> None:
    """Raise ValueError for NaN, infinity and moments; objects are not looked at."""
    if answer.dtype.kind == "f" and not np.isfinite(answer).all():
        raise ValueError("the model answered NaN or infinity")

    if answer.dtype.kind in "mM":
        # Their list is of bare integers, which say neither what they count nor from when.
        raise ValueError(
            f"the model answered {answer.dtype}, of which JSON has no form: let it answer texts "
            f"(such as 2021-01-31) or numbers (such as seconds)"
        )


def _plain(value: Any) -> Any:
    """A value of an array of objects, with Python's numbers and texts for numpy's."""
    if isinstance(value, list):
        return list(map(_plain, value))

    if isinstance(value, np.generic):
        (value,) = listed(value.reshape(1))

    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("the model answered NaN or infinity")

    return value
