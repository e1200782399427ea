"""The columns that a version takes and the outputs that it answers, as its metadata says them."""

from collections.abc import Sequence

import msgspec

# The kind of a column, in the words of its bundle, by the datatype that the metadata has for it.
KINDS = {
    "BOOL": "bool",
    "BYTES": "string",
    **dict.fromkeys(("FP16", "FP32", "FP64"), "float"),
    **{f"{sign}INT{bits}": "int" for sign in ("", "U") for bits in (8, 16, 32, 64)},
}
TARGETS = "targets"
"""The kind of an output with the probabilities of several targets, one after another."""
MOST_LAYOUTS = 64
Layout = tuple[str, ...]


class InputParameters(msgspec.Struct, frozen=True):
    """What the metadata say of an input beside its datatype: the kind of a column that has one."""

    kind: str = ""


class NamedTensor(msgspec.Struct, frozen=True):
    """The name, datatype and shape of an input or an output."""

    name: str
    datatype: str = ""
    shape: list[int] = []
    parameters: InputParameters | None = None

    @property
    def kind(self) -> str:
        """The kind of a column, as its bundle calls it."""
        if self.parameters is not None and self.parameters.kind:
            return self.parameters.kind

        return KINDS.get(self.datatype, self.datatype)

    @property
    def is_array(self) -> bool:
        """Whether a row has a list of values in it, or lists of lists."""
        if self.kind == "array":
            return True

        return len(self.shape) > 2 or (len(self.shape) == 2 and self.shape[1] != 1)


class _Metadata(msgspec.Struct):
    inputs: list[NamedTensor]
    outputs: list[NamedTensor] = []


class TensorSignature:
    """The inputs in the order of the columns, and the outputs."""

    def __init__(self, inputs: Sequence[NamedTensor], outputs: Sequence[NamedTensor] = ()) -> None:
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.names = tuple(column.name for column in inputs)
        self.output_names = [output.name for output in outputs]
        self.known = frozenset(self.names)
        self.arrays = frozenset(column.name for column in inputs if column.is_array)
        self.bytes = frozenset(column.name for column in inputs if column.kind == "bytes")
        self._faults: dict[Layout, str] = {}

    def fault_of(self, layout: Layout) -> str | None:
        """What was found wrong with tensors of these names and datatypes; None where not known."""
        return self._faults.get(layout)

    def remember(self, layout: Layout, fault: str) -> None:
        """Keep what was found: a client sends the same layout again and again."""
        if len(self._faults) >= MOST_LAYOUTS:
            self._faults.clear()

        self._faults[layout] = fault


def signature_of(metadata: bytes) -> TensorSignature | None:
    """The signature in a version's metadata; None where that has none."""
    try:
        described = msgspec.json.decode(metadata, type=_Metadata)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None

    if not described.inputs:
        return None
    return TensorSignature(described.inputs, described.outputs)
