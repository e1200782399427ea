"""IterativeImputer: each null column predicted of the others, in the rounds of its fit."""

from typing import Any

import numpy as np
from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.converters.meta.members import as_variable, value_of
from delivery.onnx.converters.preprocessing.missing_values import (
    chosen_flags,
    columns_of,
    missing_numbers,
)
from delivery.onnx.graph import Graph, NotConvertible


def shape(operator: Any) -> None:
    """All columns, and those of the indicator."""
    model = operator.raw_operator
    width = model.n_features_in_
    if model.indicator_ is not None:
        width += len(model.indicator_.features_)

    operator.outputs[0].type = DoubleTensorType([None, width])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """From the values that its first imputer puts in."""
    graph = Graph(scope, operator, container)
    model = graph.model
    _require_plain(graph)
    rows = graph.matrix()
    flags = missing_numbers(graph, rows)
    first = graph.constant(np.asarray(model.initial_imputer_.statistics_, np.float64)[None])
    columns = columns_of(graph, graph.add("Where", flags, first, rows))
    is_missing = columns_of(graph, flags)
    for step in model.imputation_sequence_:
        number = int(step.feat_idx)
        predicted = _predicted(graph, step, [columns[other] for other in step.neighbor_feat_idx])
        columns[number] = graph.add("Where", is_missing[number], predicted, columns[number])

    if model.indicator_ is not None:
        columns.append(chosen_flags(graph, flags, np.asarray(model.indicator_.features_)))

    graph.output(graph.joined(columns))


def _require_plain(graph: Graph) -> None:
    """Raise NotConvertible for what is drawn by chance, and for columns without any value."""
    model = graph.model
    if model.sample_posterior:
        raise NotConvertible("IterativeImputer that draws values by chance")
    if model._is_empty_feature.any():
        raise NotConvertible("IterativeImputer of a column that training had no value of")


def _predicted(graph: Graph, step: Any, others: list[str]) -> str:
    """What the step's estimator says of the other columns, within its limits, [n, 1]."""
    model, number = graph.model, int(step.feat_idx)
    variable = as_variable(graph, graph.joined(others), len(others))
    value = value_of(graph, step.estimator, [variable])
    low, high = float(model._min_value[number]), float(model._max_value[number])
    return graph.add("Clip", value, graph.constant(low), graph.constant(high))
