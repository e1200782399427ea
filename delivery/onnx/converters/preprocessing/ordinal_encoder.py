"""OrdinalEncoder: one number of its table for each value."""

from typing import Any

from delivery.onnx.graph import Graph
from delivery.onnx.lookup import category_codes, encoder_table
from delivery.onnx.shapes import same_columns as shape

__all__ = ["convert", "shape"]


def convert(scope: Any, operator: Any, container: Any) -> None:
    """A value that fails in scikit-learn has a number beyond the table, and fails here."""
    graph = Graph(scope, operator, container)
    model, parts = graph.model, []
    for number, column in enumerate(graph.columns()):
        categories = model.categories_[number]
        table = encoder_table(model, number, unknown_raises=model.handle_unknown == "error")
        codes = category_codes(graph, column, categories, unknown=len(categories))
        parts.append(graph.add("Gather", graph.constant(table.ravel()), codes, axis=0))

    graph.output(graph.joined(parts))
