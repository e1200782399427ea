"""Types and shapes of what a step puts out: the defaults of all converters."""

from typing import Any

import numpy as np
from skl2onnx.common.data_types import (
    DataType,
    DoubleTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn.base import is_classifier

from delivery.onnx.graph import class_values


def default(operator: Any) -> None:
    """Of a classifier labels and scores, of all others a matrix of double."""
    model, outputs = operator.raw_operator, operator.outputs
    if is_classifier(model):
        outputs[0].type = label_type(model.classes_)
        outputs[1].type = DoubleTensorType([None, len(model.classes_)])
    elif len(outputs) == 2:
        outputs[0].type = Int64TensorType([None])
        outputs[1].type = DoubleTensorType([None, None])
    else:
        outputs[0].type = DoubleTensorType([None, columns_out(model)])


def same_columns(operator: Any) -> None:
    """As many columns of double as come in."""
    operator.outputs[0].type = DoubleTensorType([None, columns_in(operator)])


def columns_in(operator: Any) -> int | None:
    """How many columns come into a step; None where that is not known."""
    total = 0
    for variable in operator.inputs:
        width = variable.type.shape[1] if len(variable.type.shape) == 2 else None
        if not isinstance(width, int):
            return None

        total += width

    return total


def columns_out(model: Any) -> int | None:
    """How many columns a fitted step puts out; None where it does not know."""
    if not hasattr(model, "transform"):
        return 1

    try:
        return len(model.get_feature_names_out())
    # A step of any library raises what it likes.
    except Exception:  # noqa: BLE001
        return None


def label_type(classes: np.ndarray) -> DataType:
    """The type of a classifier's labels."""
    values = class_values(np.asarray(classes))
    if values.dtype == object:
        return StringTensorType([None])
    if values.dtype == np.float64:
        return DoubleTensorType([None])

    return Int64TensorType([None])
