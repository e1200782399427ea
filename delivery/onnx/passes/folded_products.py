"""Folds what stands before a weighted sum into its weights, where only rounding differs.

A division by constants is a division of the weights. Of the columns that a category was spread over
one is 1, so their weighted sum is the weight of that one: an entry of a table in place of a product
with many zeros.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto, helper, numpy_helper, shape_inference


@dataclass(frozen=True)
class _Part:
    """Some columns of a product's input with their rows of the weights."""

    value: str
    weights: np.ndarray


def fold_products(model: ModelProto) -> None:
    """Change the weighted sums of a graph in place; what they no longer need stays there."""
    graph = _NamedGraph(model)
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        nodes += _folded(graph, node)

    copies = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)


class _NamedGraph:
    """A graph's nodes by their outputs, its constants, and how many columns each value has."""

    def __init__(self, model: ModelProto) -> None:
        self.graph = model.graph
        self.producers: dict[str, NodeProto] = {}
        for node in model.graph.node:
            self.producers.update(dict.fromkeys(node.output, node))

        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self.widths = _widths(model)

    def array(self, name: str) -> np.ndarray | None:
        """A constant's values; None where it is no constant."""
        tensor = self.constants.get(name)
        return None if tensor is None else np.asarray(numpy_helper.to_array(tensor))

    def producer(self, value: str, op_type: str) -> NodeProto | None:
        """The node that a value comes from, if it is of that type."""
        node = self.producers.get(value)
        if node is None or node.op_type != op_type:
            return None

        return node

    def add_constant(self, name: str, values: np.ndarray) -> str:
        """A new constant of that name."""
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name


def _widths(model: ModelProto) -> dict[str, int]:
    """The columns of each matrix whose number is known."""
    inferred = shape_inference.infer_shapes(model).graph
    widths = {}
    for value in [*inferred.input, *inferred.value_info]:
        dimensions = value.type.tensor_type.shape.dim
        if len(dimensions) == 2 and dimensions[1].dim_value:
            widths[value.name] = dimensions[1].dim_value

    return widths


def _folded(graph: _NamedGraph, product: NodeProto) -> list[NodeProto]:
    """The nodes in place of a product; the node itself where nothing can be folded into it."""
    if product.op_type != "Gemm" or len(product.input) != 3 or product.attribute:
        return [product]

    weights = graph.array(product.input[1])
    parts = _parts(graph, product.input[0])
    if weights is None or weights.dtype != np.float64 or not parts:
        return [product]

    nodes: list[NodeProto] = []
    folded: list[_Part] = []
    first = 0
    for number, value in enumerate(parts):
        width = graph.widths[value]
        name = f"{product.output[0]}_{number}"
        part = _Part(value, weights[first : first + width])
        folded.append(_without_division(graph, _without_zeros(graph, part, name, nodes)))
        first += width

    if first != len(weights) or [part.value for part in folded] == list(parts):
        return [product]

    return [*nodes, *_product(graph, product, folded)]


def _parts(graph: _NamedGraph, value: str) -> list[str]:
    """The matrices that a value is joined of; none where the columns of one are not known."""
    concat = graph.producer(value, "Concat")
    parts = [value] if concat is None else list(concat.input)
    if not all(part in graph.widths for part in parts):
        return []

    return parts


def _product(graph: _NamedGraph, product: NodeProto, parts: Sequence[_Part]) -> list[NodeProto]:
    name, joined = product.output[0], parts[0].value
    nodes = []
    if len(parts) > 1:
        joined = f"{name}_joined"
        values = [part.value for part in parts]
        nodes.append(helper.make_node("Concat", values, [joined], axis=1))

    weights = graph.add_constant(f"{name}_weights", np.vstack([part.weights for part in parts]))
    nodes.append(helper.make_node("Gemm", [joined, weights, product.input[2]], [name]))
    return nodes


def _without_division(graph: _NamedGraph, part: _Part) -> _Part:
    """(value / divisors) @ weights is value @ (weights / divisors)."""
    division = graph.producer(part.value, "Div")
    divisors = None if division is None else graph.array(division.input[1])
    if division is None or divisors is None or divisors.size != len(part.weights):
        return part

    return _Part(division.input[0], part.weights / divisors.reshape(-1, 1))


def _without_zeros(graph: _NamedGraph, part: _Part, name: str, nodes: list[NodeProto]) -> _Part:
    """The weights of the ones in place of zeros and ones; adds the nodes that look them up."""
    codes = _codes_of(graph, part.value)
    columns, sums = len(codes), part.weights.shape[1]
    if not codes or columns * sums >= len(part.weights):
        return part

    joined = codes[0]
    if columns > 1:
        joined = f"{name}_codes"
        nodes.append(helper.make_node("Concat", codes, [joined], axis=1))

    # The last entry is of a value that has no column.
    table = np.vstack([part.weights, np.zeros((1, sums))])
    looked_up = f"{name}_weights_of_codes"
    if sums == 1:
        inputs = [graph.add_constant(f"{name}_table", table.ravel()), joined]
        nodes.append(helper.make_node("Gather", inputs, [looked_up], axis=0))
        return _Part(looked_up, np.ones((columns, 1)))

    inputs = [graph.add_constant(f"{name}_table", table), joined]
    shape = graph.add_constant(f"{name}_shape", np.array([-1, columns * sums], dtype=np.int64))
    nodes.append(helper.make_node("Gather", inputs, [f"{name}_rows"], axis=0))
    nodes.append(helper.make_node("Reshape", [f"{name}_rows", shape], [looked_up]))
    return _Part(looked_up, np.tile(np.eye(sums), (columns, 1)))


def _codes_of(graph: _NamedGraph, value: str) -> list[str]:
    """The numbers of the ones in a matrix of 0 and 1; none where it is another matrix."""
    cast = graph.producer(value, "Cast")
    if cast is None:
        return []

    concat = graph.producer(cast.input[0], "Concat")
    flags = list(cast.input) if concat is None else list(concat.input)
    codes, first = [], 0
    for name in flags:
        comparison = graph.producer(name, "Equal")
        if comparison is None:
            return []

        numbers = graph.array(comparison.input[1])
        if numbers is None or not _go_on_from(numbers, first):
            return []

        codes.append(comparison.input[0])
        first += numbers.size

    return codes


def _go_on_from(numbers: np.ndarray, first: int) -> bool:
    """Whether these are the numbers of columns that begin at `first`."""
    if numbers.dtype != np.int64:
        return False

    return np.array_equal(numbers.ravel(), np.arange(first, first + numbers.size))
