"""OneHotEncoder: a row of its table for each value."""

from typing import Any

import numpy as np
from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.graph import Graph
from delivery.onnx.lookup import category_codes, encoder_table


def convert(scope: Any, operator: Any, container: Any) -> None:
    """A value that fails in scikit-learn has a number beyond the table, and fails here."""
    graph = Graph(scope, operator, container)
    model, parts = graph.model, []
    for number, column in enumerate(graph.columns()):
        categories = model.categories_[number]
        table = encoder_table(model, number, unknown_raises=model.handle_unknown == "error")
        if not table.shape[1]:
            continue

        codes = category_codes(graph, column, categories, unknown=len(categories))
        flat = graph.add("Reshape", codes, graph.constant(np.array([-1], dtype=np.int64)))
        parts.append(graph.add("Gather", graph.constant(table), flat, axis=0))

    graph.output(graph.joined(parts))


def shape(operator: Any) -> None:
    """As many columns as all its categories."""
    operator.outputs[0].type = DoubleTensorType([None, sum(operator.raw_operator._n_features_outs)])
