"""Whether a request fits a version's signature, in words."""

from wire.oip.datatypes import ACCEPTED
from wire.oip.errors import OipError
from wire.oip.request import InferRequest, RequestedOutput, Tensor
from wire.oip.rows import first_twice, holds_all_columns
from wire.oip.signature import KINDS, TARGETS, NamedTensor, TensorSignature

PROBABILITIES = "predict_proba"


def check_request(request: InferRequest, signature: TensorSignature) -> None:
    """Raise OipError for tensors or outputs that are not the version's."""
    classes_asked(request, signature)
    if holds_all_columns(request.inputs, signature.arrays):
        _require_one_kind(request.inputs[0], signature)
    else:
        _require_columns(request.inputs, signature)


def classes_asked(request: InferRequest, signature: TensorSignature) -> dict[str, int]:
    """How many of the most probable classes a request asks for, by output; without the outputs
    that are asked for as they are.

    Raises OipError."""
    outputs = request.outputs or []
    if not outputs:
        return {}

    names = signature.output_names
    if twice := first_twice([output.name for output in outputs]):
        raise OipError(f"output {twice!r} is asked for twice")

    counts: dict[str, int] = {}
    for output in outputs:
        if output.name not in names:
            raise OipError(f"there is no output {output.name!r}: {_known_outputs(names)}")

        count = _class_count(output, signature)
        if count is not None:
            counts[output.name] = count

    return counts


def _known_outputs(names: list[str]) -> str:
    if len(names) == 1:
        return f"the output is {names[0]!r}"
    return f"the outputs are {', '.join(names)}"


def _class_count(output: RequestedOutput, signature: TensorSignature) -> int | None:
    count = output.class_count
    if count == 0:
        return None

    if type(count) is not int or count < 1:
        raise OipError(
            f"output {output.name!r}: `classification` is a number of classes, from 1 on"
        )

    declared = signature.outputs[signature.output_names.index(output.name)]
    if output.name != PROBABILITIES or declared.kind == TARGETS:
        raise OipError(
            f"output {output.name!r} has no probabilities of one target: leave out `classification`"
        )

    return count


def _require_one_kind(tensor: Tensor, signature: TensorSignature) -> None:
    """Raise OipError where one tensor cannot hold all of the columns."""
    width = tensor.shape[1]
    columns = signature.inputs
    if width != len(columns):
        raise OipError(
            f"input {tensor.name!r} has {width} columns: the model has {len(columns)}, see its "
            "metadata"
        )

    for column in columns:
        if column.is_array or not _takes(column, tensor):
            raise OipError(
                f"input {tensor.name!r} holds all columns as {tensor.datatype}, and column "
                f"{column.name!r} is {column.kind}: send one tensor a column"
            )


def _require_columns(tensors: list[Tensor], signature: TensorSignature) -> None:
    given = {tensor.name: tensor for tensor in tensors}
    for name in given:
        if name not in signature.known:
            inputs = ", ".join(signature.names)
            raise OipError(f"there is no input {name!r}: the inputs are {inputs}")

    for column in signature.inputs:
        tensor = given.get(column.name)
        if tensor is None:
            raise OipError(f"input {column.name!r} is missing")

        if not _takes(column, tensor):
            raise OipError(
                f"input {column.name!r} is {column.kind}: datatype {tensor.datatype} does not fit"
            )


def _takes(column: NamedTensor, tensor: Tensor) -> bool:
    """Whether a column takes a datatype: an array that of its items, other kinds their text."""
    kind = column.kind
    if column.is_array:
        kind = KINDS.get(column.datatype, kind)

    return tensor.datatype in ACCEPTED.get(kind, {"BYTES"})
