"""TfidfVectorizer: the counts of words, weighed."""

from typing import Any

from delivery.onnx.converters.texts.tfidf_transformer import weighed
from delivery.onnx.converters.texts.word_counts import shape, word_counts
from delivery.onnx.graph import Graph

__all__ = ["convert", "shape"]


def convert(scope: Any, operator: Any, container: Any) -> None:
    """The weights are those of the transformer that it holds."""
    graph = Graph(scope, operator, container)
    graph.output(weighed(graph, word_counts(graph), graph.model._tfidf))
