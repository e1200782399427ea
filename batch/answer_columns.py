"""The Arrow columns that a version's predictions become."""

from collections.abc import Sequence
from itertools import chain, product
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from service.bundle import Manifest, Output
from service.runtimes.json_values import listed, require_values
from service.runtimes.model import Answer, Predictions
from service.runtimes.outputs import PROBABILITIES, by_output, outputs_of, reads_classes

TYPES = {"float": pa.float64(), "int": pa.int64(), "bool": pa.bool_(), "string": pa.string()}
KINDS = {"float": "f", "int": "i", "bool": "b"}
"""numpy's kind of the arrays that become columns as they are."""


class OutputColumns:
    """The columns of one output. alone: it is the version's only one.

    example: a row's value, by which a shape is known that the manifest does not tell.
    """

    def __init__(self, output: Output, manifest: Manifest, alone: bool, example: Any) -> None:
        self.datatype = output.datatype
        self._kind = TYPES[output.datatype]
        self._labels = _labels(output, manifest.classes, example)
        names = _names(output.name, self._labels, alone)
        self.fields = list(pa.schema(dict.fromkeys(names, self._kind)))

    def of_array(self, array: np.ndarray) -> list[pa.Array]:
        """One column after another of what a model answers; raises ValueError for what JSON has no
        form of, as the service does, or where it has other lengths than the golden rows.
        """
        if array.dtype.kind != KINDS.get(self.datatype):
            return self.of_values(listed(array))

        require_values(array)
        if array.dtype.kind == "f":
            array = array.astype(np.float64, copy=False)

        table = array.reshape(len(array), -1)
        if table.shape[1] != len(self.fields):
            raise ValueError(f"{table.shape[1]} values a row, delivered were {len(self.fields)}")

        columns = map(np.ascontiguousarray, table.T)
        return [pa.array(column).cast(self._kind) for column in columns]

    def of_values(self, values: Sequence[Any]) -> list[pa.Array]:
        """The same of a list, in which a row without a prediction is None."""
        if self._labels is None:
            return [_column(values, self.datatype)]

        missing = [None] * len(self.fields)
        rows = [missing if value is None else _flat(value) for value in values]
        if any(len(row) != len(missing) for row in rows):
            raise ValueError(f"rows of other lengths than {len(missing)}, which were delivered")

        by_column = list(zip(*rows, strict=True)) if rows else [()] * len(self.fields)
        return [_column(column, self.datatype) for column in by_column]


class AnswerColumns:
    """The columns of one version: names and types, the same for every row.

    example: a row's answer, as the service has it.
    """

    def __init__(self, manifest: Manifest, example: Any) -> None:
        outputs = outputs_of(manifest)
        self.names = [output.name for output in outputs]
        alone = len(outputs) == 1
        examples = by_output(self.names, [example])
        self._outputs = {
            output.name: OutputColumns(output, manifest, alone, examples[output.name][0])
            for output in outputs
        }
        self.schema = pa.schema(chain.from_iterable(o.fields for o in self._outputs.values()))

    def require_rows(self, answer: Answer, rows: int) -> None:
        """Raise ValueError where a model does not answer one prediction a row."""
        for name in self.names:
            if len(answer[name]) != rows:
                raise ValueError(f"{len(answer[name])} predictions for {rows} rows")

    def of_answer(self, answer: Answer, rows: int) -> list[pa.Array]:
        """The columns of what a model answers for so many rows; raises ValueError where the service
        would refuse it.
        """
        self.require_rows(answer, rows)
        arrays: list[pa.Array] = []
        for name, columns in self._outputs.items():
            arrays += columns.of_array(answer[name])

        return arrays

    def of_values(self, predictions: Predictions) -> list[pa.Array]:
        """The same of a list of answers, in which a row without one is None."""
        arrays: list[pa.Array] = []
        for name, values in by_output(self.names, predictions).items():
            arrays += self._outputs[name].of_values(values)

        return arrays


def _column(values: Sequence[Any], datatype: str) -> pa.Array:
    try:
        return pa.array(values, TYPES[datatype])
    except pa.ArrowException:
        if datatype != "string":
            raise

    # Values of several kinds: each that is no text as JSON.
    return pa.array(map(_text, values), pa.string())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value

    return msgspec.json.encode(value).decode()


def _flat(value: list[Any]) -> list[Any]:
    """The values of a list, or of lists, in order."""
    if value and isinstance(value[0], list):
        return list(chain.from_iterable(value))

    return value


def _labels(output: Output, classes: Sequence[Any] | None, example: Any) -> list[str] | None:
    """What each value of a row's list is called; None of one value a row."""
    shape = output.shape
    if shape is None:
        shape = list(np.shape(example))
    if not shape:
        return None

    if len(shape) == 1:
        if classes and reads_classes(output, classes):
            return list(map(str, classes))

        return output.names or list(map(str, range(shape[0])))

    targets = output.names or list(map(str, range(shape[0])))
    if output.classes:
        by_target = zip(targets, output.classes, strict=True)
        return [f"{target}_{name}" for target, names in by_target for name in names]

    return [f"{target}_{number}" for target, number in product(targets, range(shape[1]))]


def _names(output: str, labels: list[str] | None, alone: bool) -> list[str]:
    """Of several outputs each column begins with its output's name."""
    first = output
    if alone:
        first = "probability" if output == PROBABILITIES else "prediction"

    if labels is None:
        return [first]

    names = list(map(f"{first}_{{}}".format, labels))
    if len(set(names)) == len(names):
        return names

    return list(map(f"{first}_{{}}".format, range(len(names))))
