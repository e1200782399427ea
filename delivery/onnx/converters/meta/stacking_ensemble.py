"""Stacking: the answers of the first estimators are the columns of the last one."""

from typing import Any

import numpy as np
from onnx import TensorProto

from delivery.onnx.converters.meta.members import as_variable, scores_of, value_of
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Classes, of which the last estimator knows the numbers, or values."""
    graph = Graph(scope, operator, container)
    model = graph.model
    parts = [
        _columns(graph, member, method)
        for member, method in zip(model.estimators_, _methods(model), strict=True)
    ]
    if model.passthrough:
        parts.append(graph.matrix(TensorProto.DOUBLE))

    last = model.final_estimator_
    outputs = graph.call(last, [as_variable(graph, graph.joined(parts), last.n_features_in_)])
    if hasattr(model, "classes_"):
        graph.classes(graph.cast(outputs[0].full_name, TensorProto.INT64), model.classes_)
        graph.output(graph.cast(outputs[1].full_name, TensorProto.DOUBLE), 1)
    else:
        graph.output(graph.cast(outputs[0].full_name, TensorProto.DOUBLE))


def _methods(model: Any) -> list[str]:
    """The method that each member is asked by."""
    return [method for method in model.stack_method_ if method != "drop"]


def _columns(graph: Graph, member: Any, method: str) -> str:
    values = graph.operator.inputs
    if method == "predict":
        if hasattr(member, "classes_"):
            raise NotConvertible(f"{graph.step} with a classifier's predict as a column")

        return value_of(graph, member, values)

    if method == "decision_function" and hasattr(member, "predict_proba"):
        raise NotConvertible(f"{graph.step} with decision_function of {type(member).__name__}")

    scores = scores_of(graph, member, values)
    if method == "predict_proba" and len(graph.model.classes_) == 2:
        return graph.add("Gather", scores, graph.constant(np.array([1])), axis=1)

    return scores
