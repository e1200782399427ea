"""Keeps of a graph only what computes the served outputs."""

from collections.abc import Sequence
from typing import Any

from onnx import ModelProto

from service.runtimes.outputs import PREDICT


def keep_served_outputs(model: ModelProto, outputs: Sequence[str]) -> None:
    """Drop the other outputs and every node and constant that only they need, in place.

    outputs: the methods that are served; the first output of a graph is `predict`, its last has
    what the others answer.
    """
    graph = model.graph
    numbers = {0 if output == PREDICT else len(graph.output) - 1 for output in outputs}
    _replace(graph.output, [graph.output[number] for number in sorted(numbers)])

    drop_unused(model)


def drop_unused(model: ModelProto) -> None:
    """Drop every node and constant that no output needs, in place."""
    graph = model.graph
    needed = {output.name for output in graph.output}
    nodes = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(inputs_of(node))
            nodes.append(node)

    kept_nodes = _without_last_copy(list(reversed(nodes)), graph)
    constants = [tensor for tensor in graph.initializer if tensor.name in needed]
    _replace(graph.node, kept_nodes)
    _replace(graph.initializer, constants)


def _without_last_copy(nodes: list[Any], graph: Any) -> list[Any]:
    """The nodes without the Identity that only gives the output its name."""
    if not nodes:
        return nodes

    copy = nodes[-1]
    (output, *others) = graph.output
    if others or copy.op_type != "Identity" or copy.output[0] != output.name:
        return nodes

    source = copy.input[0]
    produced = [node for node in nodes if source in node.output]
    used = [node for node in nodes[:-1] if source in node.input]
    if not produced or used:
        return nodes

    for number, name in enumerate(produced[0].output):
        if name == source:
            produced[0].output[number] = output.name

    return nodes[:-1]


def inputs_of(node: Any) -> set[str]:
    """What a node takes, also in graphs within it."""
    names = set(node.input)
    for attribute in node.attribute:
        for inner in [attribute.g, *attribute.graphs]:
            for inner_node in inner.node:
                names |= inputs_of(inner_node)

            names.update(value.name for value in inner.output)

    return names


def _replace(field: Any, values: list[Any]) -> None:
    copies = []
    for value in values:
        copy = type(value)()
        copy.CopyFrom(value)
        copies.append(copy)

    del field[:]
    field.extend(copies)
