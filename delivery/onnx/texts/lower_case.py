"""Which columns of texts a graph takes in lower case, too.

ONNX Runtime lower-cases by a locale of the machine, which the machine may lack, one letter for one.
Python needs no locale and makes two letters of some. So the service lower-cases, with Python's own
`lower`, and the graph has one more input for each such column.
"""

from collections.abc import Sequence
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import FeatureUnion, Pipeline

from delivery.onnx.passes.served_outputs import inputs_of
from service.bundle import Column
from service.runtimes.onnx_model import LOWERED


def lowered_columns(pipeline: Any, columns: Sequence[Column]) -> list[int]:
    """The numbers of all columns of texts, where a step of the pipeline lower-cases any."""
    if not _has_lowering_step(pipeline):
        return []

    return [number for number, column in enumerate(columns) if column.dtype == "string"]


def lowers(step: Any) -> bool:
    """Whether it lower-cases the texts that it gets."""
    return isinstance(step, CountVectorizer) and bool(step.lowercase)


def drop_unused_lowered(model: Any) -> None:
    """Drop those of these inputs that no node takes, in place."""
    graph = model.graph
    taken = {name for node in graph.node for name in inputs_of(node)}
    for value in list(graph.input):
        if value.name.startswith(LOWERED) and value.name not in taken:
            graph.input.remove(value)


def _has_lowering_step(step: Any) -> bool:
    if isinstance(step, Pipeline):
        return any(_has_lowering_step(inner) for _, inner in step.steps)
    if isinstance(step, ColumnTransformer):
        return any(_has_lowering_step(inner) for _, inner, _ in step.transformers_)
    if isinstance(step, FeatureUnion):
        return any(_has_lowering_step(inner) for _, inner in step.transformer_list)

    return lowers(step)
