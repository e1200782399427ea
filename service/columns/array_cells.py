"""One array of a column as the pipeline's own frame holds it: a list, a tuple, a numpy array."""

from collections.abc import Callable
from typing import Any

import numpy as np

from service.bundle import FrameColumn

NDARRAY = "ndarray["


def cell_maker(frame: FrameColumn) -> Callable[[np.ndarray], Any]:
    """A function that makes a cell of an array."""
    cell = frame.cell or "list"
    if cell.startswith(NDARRAY):
        dtype = np.dtype(cell[len(NDARRAY) : -1])
        # A copy, since a step may change it in place.
        return lambda array: array.astype(dtype)

    make = tuple if cell == "tuple" else list
    return lambda array: _nested(array.tolist(), make, frame.null_item == "None")


def _nested(values: list[Any], make: type, none_for_nan: bool) -> Any:
    """The lists as lists or tuples."""
    items = []
    for value in values:
        if isinstance(value, list):
            value = _nested(value, make, none_for_nan)
        elif none_for_nan and value != value:
            value = None

        items.append(value)

    return make(items)
