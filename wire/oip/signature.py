"""The columns that a version takes and the outputs that it answers, as its metadata says them."""

import msgspec

# The kind of a column, in the words of its bundle, by the datatype that the metadata has for it.
KINDS = {"FP64": "float", "INT64": "int", "BOOL": "bool", "BYTES": "string"}
_FALLBACK = "predict"


class NamedTensor(msgspec.Struct, frozen=True):
    """The name, datatype and shape of an input or an output."""

    name: str
    datatype: str = ""
    shape: list[int] = []

    @property
    def kind(self) -> str:
        """The kind of a column, as its bundle calls it."""
        return KINDS.get(self.datatype, self.datatype)


class Signature(msgspec.Struct, frozen=True):
    """The inputs in the order of the columns, and the outputs."""

    inputs: list[NamedTensor]
    outputs: list[NamedTensor] = []

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.inputs)

    @property
    def output_names(self) -> list[str]:
        """The outputs' names, in order."""
        return [output.name for output in self.outputs]


def signature_of(metadata: bytes) -> Signature | None:
    """The signature in a version's metadata; None where that has none."""
    try:
        signature = msgspec.json.decode(metadata, type=Signature)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None

    if not signature.inputs:
        return None
    return signature
