"""Steps that answer weighted sums of the columns, whatever they learned them by."""

from collections.abc import Callable
from typing import Any

import numpy as np

from delivery.onnx.graph import Graph, NotConvertible
from delivery.onnx.shapes import columns_out

OUTPUTS = ("projected",)


def shape(operator: Any) -> None:
    """As many columns as the step names."""
    from skl2onnx.common.data_types import DoubleTensorType

    operator.outputs[0].type = DoubleTensorType([None, columns_out(operator.raw_operator)])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Centred, divided, and multiplied by a matrix."""
    graph = Graph(scope, operator, container)
    model, rows = graph.model, graph.matrix()
    centre, units, weights = _PROJECTIONS[graph.step](model)
    if centre is not None:
        rows = graph.add("Sub", rows, graph.constant(_row(centre)))
    if units is not None:
        rows = graph.add("Div", rows, graph.constant(_row(units)))

    graph.output(graph.add("MatMul", rows, graph.constant(_double(weights))))


Projection = tuple[Any, Any, Any]
"""What is subtracted, what is divided by, and the weights, [columns, columns out]."""


def _components(model: Any) -> Projection:
    return None, None, model.components_.T


def _independent(model: Any) -> Projection:
    return (model.mean_ if model.whiten else None), None, model.components_.T


def _factors(model: Any) -> Projection:
    weighted = model.components_ / model.noise_variance_
    inner = np.eye(len(model.components_)) + weighted @ model.components_.T
    return model.mean_, None, weighted.T @ np.linalg.inv(inner)


def _sparse(model: Any) -> Projection:
    """The solution of a ridge regression on the components."""
    components = model.components_
    inner = components @ components.T + model.ridge_alpha * np.eye(len(components))
    return model.mean_, None, np.linalg.solve(inner, components).T


def _groups(model: Any) -> Projection:
    """The mean of every group of columns."""
    if model.pooling_func is not np.mean:
        raise NotConvertible("FeatureAgglomeration by a function of one's own")

    members = np.eye(model.labels_.max() + 1)[model.labels_]
    return None, None, members / members.sum(axis=0)


def _double(values: Any) -> np.ndarray:
    if hasattr(values, "toarray"):
        values = values.toarray()

    return np.ascontiguousarray(values, dtype=np.float64)


def _row(values: Any) -> np.ndarray:
    return _double(values).reshape(1, -1)


_PROJECTIONS: dict[str, Callable[[Any], Projection]] = {
    "FactorAnalysis": _factors,
    "FastICA": _independent,
    "FeatureAgglomeration": _groups,
    "GaussianRandomProjection": _components,
    "MiniBatchSparsePCA": _sparse,
    "NeighborhoodComponentsAnalysis": _components,
    "SparsePCA": _sparse,
    "SparseRandomProjection": _components,
}
