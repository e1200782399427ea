"""TargetEncoder: the mean of the target for each category, and of all for an unseen one."""

from typing import Any

import numpy as np
from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.graph import Graph
from delivery.onnx.lookup import looked_up


def convert(scope: Any, operator: Any, container: Any) -> None:
    """One table for each column and class."""
    graph = Graph(scope, operator, container)
    model, parts = graph.model, []
    means = np.atleast_1d(np.asarray(model.target_mean_, dtype=np.float64)).tolist()
    classes = len(model.encodings_) // model.n_features_in_
    for number, column in enumerate(graph.columns()):
        for output in range(classes):
            values = np.asarray(model.encodings_[number * classes + output], dtype=np.float64)
            categories = model.categories_[number]
            parts.append(looked_up(graph, column, categories, values, means[output]))

    graph.output(graph.joined(parts))


def shape(operator: Any) -> None:
    """A column for each input column, or one for each of them and each class."""
    operator.outputs[0].type = DoubleTensorType([None, len(operator.raw_operator.encodings_)])
