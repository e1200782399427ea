"""Regressors with a link: the exponential of a weighted sum, or the sum itself."""

from typing import Any

from delivery.onnx.converters.linear.scores import weighted_sums
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Raises NotConvertible for a link that is not known."""
    graph = Graph(scope, operator, container)
    model = graph.model
    sums = weighted_sums(graph, graph.matrix(), model.coef_, model.intercept_)
    link = type(model._base_loss.link).__name__
    if link == "LogLink":
        sums = graph.add("Exp", sums)
    elif link != "IdentityLink":
        raise NotConvertible(f"{graph.step} with the link {link}")

    graph.output(sums)
