"""SimpleImputer: a learned value in place of a missing one, in numbers or in texts."""

from typing import Any

import numpy as np
from skl2onnx.common.data_types import DoubleTensorType, StringTensorType

from delivery.onnx.converters.preprocessing.missing_values import (
    chosen_flags,
    missing_numbers,
    missing_texts,
)
from delivery.onnx.graph import Graph, NotConvertible
from delivery.onnx.texts.null_texts import null_text_of


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Where; then the indicator's columns, if it adds them."""
    graph = Graph(scope, operator, container)
    if _is_of_texts(operator):
        _convert_texts(graph)
    else:
        _convert_numbers(graph)


def shape(operator: Any) -> None:
    """The columns that it keeps, and those of the indicator."""
    model = operator.raw_operator
    kept = len(_kept(model))
    if model.indicator_ is not None:
        kept += len(model.indicator_.features_)

    kind = StringTensorType if _is_of_texts(operator) else DoubleTensorType
    operator.outputs[0].type = kind([None, kept])


def _is_of_texts(operator: Any) -> bool:
    """Raises NotConvertible where some columns are texts and others are not."""
    texts = [isinstance(variable.type, StringTensorType) for variable in operator.inputs]
    if any(texts) and not all(texts):
        raise NotConvertible("SimpleImputer over texts and numbers together")

    return all(texts)


def _kept(model: Any) -> np.ndarray:
    """Numbers of the columns that have a value to impute."""
    if model.keep_empty_features:
        return np.arange(len(model.statistics_))

    return np.array(
        [
            number
            for number, value in enumerate(model.statistics_.tolist())
            if not (isinstance(value, float) and value != value)
        ],
        dtype=np.int64,
    )


def _convert_numbers(graph: Graph) -> None:
    model, value = graph.model, graph.matrix()
    flags, kept = missing_numbers(graph, value), _kept(model)
    imputed, missing = value, flags
    if len(kept) < len(model.statistics_):
        columns = graph.constant(kept)
        imputed = graph.add("Gather", value, columns, axis=1)
        missing = graph.add("Gather", flags, columns, axis=1)

    statistics = np.array([[_number(value) for value in model.statistics_[kept].tolist()]])
    parts = [graph.add("Where", missing, graph.constant(statistics), imputed)]
    if model.indicator_ is not None:
        parts.append(chosen_flags(graph, flags, np.asarray(model.indicator_.features_)))

    graph.output(graph.joined(parts))


def _number(value: Any) -> float:
    if value is None or isinstance(value, str):
        raise NotConvertible(f"SimpleImputer puts {value!r} among numbers")

    return float(value)


def _convert_texts(graph: Graph) -> None:
    model = graph.model
    if model.indicator_ is not None:
        raise NotConvertible("SimpleImputer with add_indicator makes numbers among texts")

    kept = _kept(model)
    if len(kept) < len(model.statistics_):
        raise NotConvertible("SimpleImputer drops a column of texts without any")

    value = graph.joined(tensor.name for tensor in graph.inputs())
    statistics = [_text(value) for value in model.statistics_.tolist()]
    imputed = graph.constant(np.array([statistics], dtype=object))
    graph.output(graph.add("Where", missing_texts(graph, value), imputed, value))


def _text(value: Any) -> bytes:
    null = null_text_of(value)
    if null is not None:
        return null
    if not isinstance(value, str):
        raise NotConvertible(f"SimpleImputer puts {value!r} among texts")

    return value.encode()
