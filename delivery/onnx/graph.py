"""Adds the nodes of one step to an ONNX graph: what every converter is written with."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper

from delivery.onnx.passes.ml_opset import LATEST_OF_SKL2ONNX, ML

NUMBER_TYPES = (
    TensorProto.DOUBLE,
    TensorProto.FLOAT,
    TensorProto.FLOAT16,
    TensorProto.INT64,
    TensorProto.INT32,
    TensorProto.BOOL,
)


class NotConvertible(Exception):
    """A step has no ONNX form; the message says which part of it, for the manifest."""


@dataclass(frozen=True)
class GraphValue:
    """A value of the graph. kind: its type in TensorProto. width: its columns, None if unknown."""

    name: str
    kind: int
    width: int | None


class Graph:
    """The graph as one operator of skl2onnx sees it.

    Values are named by texts; `add` gives the name of a new one.
    """

    def __init__(self, scope: Any, operator: Any, container: Any) -> None:
        self.scope, self.operator, self.container = scope, operator, container
        self.model = operator.raw_operator

    def add(self, op_type: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output; returns that output."""
        (output,) = self.add_many(op_type, *inputs, outputs=1, domain=domain, **attributes)
        return output

    def add_many(
        self, op_type: str, *inputs: str, outputs: int, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Add a node with so many outputs; returns them."""
        names = [self.scope.get_unique_variable_name(op_type.lower()) for _ in range(outputs)]
        if domain == ML:
            # skl2onnx declares no later one; ml_opset.py does for the nodes that need it.
            attributes["op_version"] = LATEST_OF_SKL2ONNX
        self.container.add_node(
            op_type,
            list(inputs),
            names,
            op_domain=domain,
            name=self.scope.get_unique_operator_name(op_type),
            **attributes,
        )
        return names

    def constant(self, values: Any) -> str:
        """A constant of the array's own type and shape; bytes and texts become strings."""
        array = np.asarray(values)
        name: str = self.scope.get_unique_variable_name("constant")
        if array.dtype.kind in "OUS":
            texts = [_as_bytes(value) for value in array.ravel().tolist()]
            self.container.add_initializer(name, TensorProto.STRING, array.shape, texts)
        else:
            tensor = numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape))
            self.container.add_initializer(name, tensor.data_type, array.shape, tensor)

        return name

    def cast(self, value: str, kind: int) -> str:
        """The value as another type of TensorProto."""
        return self.add("Cast", value, to=kind)

    def inputs(self) -> list[GraphValue]:
        """What comes into the step: one value or several, each with one column or several."""
        return [
            GraphValue(variable.full_name, _kind(variable), _width(variable))
            for variable in self.operator.inputs
        ]

    def columns(self) -> list[GraphValue]:
        """The step's input columns in order, each of shape [n, 1]."""
        columns: list[GraphValue] = []
        for tensor in self.inputs():
            if tensor.width == 1:
                columns.append(tensor)
                continue

            if tensor.width is None:
                raise NotConvertible(f"{self.step}: the number of its input columns is not known")

            parts = self.add_many(
                "Split", tensor.name, outputs=tensor.width, axis=1, num_outputs=tensor.width
            )
            columns += [GraphValue(name, tensor.kind, 1) for name in parts]

        return columns

    def matrix(self, kind: int = TensorProto.DOUBLE) -> str:
        """All input columns as one matrix of numbers of one type, [n, columns].

        Neighbours of one type are joined before they are cast, in one node.
        """
        parts = []
        for own_kind, group in groupby(self.inputs(), key=attrgetter("kind")):
            if own_kind not in NUMBER_TYPES:
                raise NotConvertible(f"{self.step} computes with numbers, and gets texts")

            joined = self.joined(tensor.name for tensor in group)
            parts.append(self.as_kind(GraphValue(joined, own_kind, None), kind))

        return self.joined(parts)

    def as_kind(self, tensor: GraphValue, kind: int) -> str:
        """The tensor's value as that type, cast only where it has another."""
        if tensor.kind == kind:
            return tensor.name

        return self.cast(tensor.name, kind)

    def joined(self, parts: Iterable[str]) -> str:
        """Values of one type beside each other."""
        names = list(parts)
        if len(names) == 1:
            return names[0]

        return self.add("Concat", *names, axis=1)

    def zeros(self, rows: str, width: int) -> str:
        """Zeros in double, [n, width], of as many rows as that value has."""
        count = self.add("Shape", rows, start=0, end=1)
        shape = self.add("Concat", count, self.constant(np.array([width])), axis=0)
        return self.add("Expand", self.constant(np.zeros((1, 1))), shape)

    def output(self, value: str, number: int = 0) -> None:
        """Make a value the step's output of that number."""
        name = self.operator.outputs[number].full_name
        self.container.add_node(
            "Identity", [value], [name], name=self.scope.get_unique_operator_name("Output")
        )

    def classes(self, numbers: str, classes: np.ndarray, output: int = 0) -> None:
        """Make the classes of these numbers (int64, [n]) the step's output."""
        self.output(self.add("Gather", self.constant(class_values(classes)), numbers), output)

    def call(self, model: Any, values: Iterable[Any]) -> list[Any]:
        """The outputs of another estimator on these variables (of skl2onnx), for meta-estimators.

        Their names are there at once; skl2onnx adds their nodes afterwards.
        """
        return list(self.scope.pipeline_parser.parse(self.scope, model, list(values)))

    @property
    def step(self) -> str:
        """The step's class, for messages."""
        return type(self.model).__name__


def class_values(classes: np.ndarray) -> np.ndarray:
    """Classes as ONNX has them: texts, int64, or double; the service gives the class itself."""
    if classes.dtype.kind in "bui":
        return classes.astype(np.int64)
    if classes.dtype.kind == "f":
        return classes.astype(np.float64)

    if all(isinstance(value, (bool, np.bool_)) for value in classes.tolist()):
        return classes.astype(np.int64)
    if not all(isinstance(value, str) for value in classes.tolist()):
        raise NotConvertible("its classes are neither all texts nor all numbers")

    return classes.astype(object)


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value

    return str(value).encode()


def _kind(variable: Any) -> int:
    return int(variable.type.to_onnx_type().tensor_type.elem_type)


def _width(variable: Any) -> int | None:
    shape = variable.type.shape
    if len(shape) != 2 or not isinstance(shape[1], int):
        return None

    return shape[1]
