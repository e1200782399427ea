"""Keeps of a graph only what computes the served output."""

from onnx import ModelProto


def keep_served_output(model: ModelProto, output: str) -> None:
    """Drop the other outputs and every node and constant that only they need, in place.

    output: `predict`, which is the first, or another method, which is the last.
    """
    graph = model.graph
    served = graph.output[0 if output == "predict" else -1]
    kept_output = type(served)()
    kept_output.CopyFrom(served)
    del graph.output[:]
    graph.output.append(kept_output)

    needed = {kept_output.name}
    nodes = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(_inputs_of(node))
            nodes.append(node)

    kept_nodes = list(reversed(nodes))
    constants = [tensor for tensor in graph.initializer if tensor.name in needed]
    _replace(graph.node, kept_nodes)
    _replace(graph.initializer, constants)


def _inputs_of(node: object) -> set[str]:
    """What a node takes, also in graphs within it."""
    names = set(node.input)  # type: ignore[attr-defined]
    for attribute in node.attribute:  # type: ignore[attr-defined]
        for inner in [attribute.g, *attribute.graphs]:
            for inner_node in inner.node:
                names |= _inputs_of(inner_node)

            names.update(value.name for value in inner.output)

    return names


def _replace(field: object, values: list[object]) -> None:
    copies = []
    for value in values:
        copy = type(value)()
        copy.CopyFrom(value)  # type: ignore[attr-defined]
        copies.append(copy)

    del field[:]  # type: ignore[attr-defined]
    field.extend(copies)  # type: ignore[attr-defined]
