"""CountVectorizer: how often each word of the vocabulary stands in a text."""

from typing import Any

from delivery.onnx.converters.texts.word_counts import shape, word_counts
from delivery.onnx.graph import Graph

__all__ = ["convert", "shape"]


def convert(scope: Any, operator: Any, container: Any) -> None:
    """The counts alone."""
    graph = Graph(scope, operator, container)
    graph.output(word_counts(graph))
