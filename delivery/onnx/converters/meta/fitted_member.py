"""Estimators that answer what one estimator within them answers, which a fit chose."""

from typing import Any

from delivery.onnx.graph import Graph, NotConvertible

MEMBERS = ("estimator_", "estimator")


def convert(scope: Any, operator: Any, container: Any) -> None:
    """The outputs of the estimator within."""
    graph = Graph(scope, operator, container)
    outputs = graph.call(member_of(graph.model), operator.inputs)
    if len(outputs) < len(operator.outputs):
        raise NotConvertible(f"{graph.step}: its estimator has fewer outputs")

    for number, output in enumerate(outputs[: len(operator.outputs)]):
        graph.output(output.full_name, number)


def member_of(model: Any) -> Any:
    """The fitted estimator within."""
    for name in MEMBERS:
        if hasattr(model, name):
            return getattr(model, name)

    raise NotConvertible(f"{type(model).__name__} holds no fitted estimator")
