"""Which values an imputer takes for missing, in a graph."""

import numpy as np
from onnx import TensorProto

from delivery.onnx.graph import Graph, NotConvertible
from delivery.onnx.texts.null_texts import ALL_NULL_TEXTS, null_text_of


def columns_of(graph: Graph, matrix: str) -> list[str]:
    """The columns that the imputer was fitted on, [n, 1] each."""
    width = graph.model.n_features_in_
    return graph.add_many("Split", matrix, outputs=width, axis=1, num_outputs=width)


def missing_numbers(graph: Graph, value: str) -> str:
    """Of a matrix of double: whether each value is the model's `missing_values`."""
    missing = graph.model.missing_values
    if null_text_of(missing) is not None:
        return graph.add("IsNaN", value)
    if isinstance(missing, str):
        raise NotConvertible(f"{graph.step} looks for a text among numbers")

    return graph.add("Equal", value, graph.constant(float(missing)))


def missing_texts(graph: Graph, value: str) -> str:
    """The same of a matrix of texts."""
    import pandas

    missing = graph.model.missing_values
    if missing is pandas.NA:
        # To scikit-learn every kind of null is missing then.
        flags = [graph.add("Equal", value, graph.constant([text])) for text in ALL_NULL_TEXTS]
        any_null = flags[0]
        for flag in flags[1:]:
            any_null = graph.add("Or", any_null, flag)

        return any_null

    text = null_text_of(missing) or missing
    if not isinstance(text, bytes | str):
        raise NotConvertible(f"{graph.step} looks for a number among texts")

    return graph.add("Equal", value, graph.constant([text]))


def chosen_flags(
    graph: Graph, flags: str, columns: np.ndarray, kind: int = TensorProto.DOUBLE
) -> str:
    """Of a matrix of flags some columns, as numbers."""
    chosen = graph.add("Gather", flags, graph.constant(columns.astype(np.int64)), axis=1)
    return graph.cast(chosen, kind)
