"""The Open Inference Protocol v2 for one version: one input tensor a column, one tensor an output.

https://github.com/kserve/open-inference-protocol (rest/inference_rest.yaml): shapes [n] or [n, 1],
or one tensor [n, k] that holds all k columns; data flat or nested. An array's tensor is [n, ...]
with its own shape; datetimes, decimals and the like are BYTES of the text that JSON has of them. Of
Triton's extensions: classification and model configuration.
"""

from itertools import chain
from math import prod
from typing import Any

import msgspec

from service.bundle import Column, Manifest, Output, ValueForm
from service.rows import NOT_JSON
from service.runtimes.outputs import PROBABILITIES, by_output, outputs_of

DATATYPES = {"float": "FP64", "int": "INT64", "bool": "BOOL", "string": "BYTES"}
# Of an array's items, by numpy's name.
ITEM_DATATYPES = {"float16": "FP16", "float32": "FP32"}
# The smallest and the largest value of a datatype.
_WHOLE = {
    "INT8": (-(2**7), 2**7 - 1),
    "INT16": (-(2**15), 2**15 - 1),
    "INT32": (-(2**31), 2**31 - 1),
    "INT64": (-(2**63), 2**63 - 1),
    "UINT8": (0, 2**8 - 1),
    "UINT16": (0, 2**16 - 1),
    "UINT32": (0, 2**32 - 1),
    "UINT64": (0, 2**64 - 1),
}
_REAL = {
    "FP16": (-65_504.0, 65_504.0),
    "FP32": (-3.4028235e38, 3.4028235e38),
    "FP64": (float("-inf"), float("inf")),
}
_RANGES: dict[str, tuple[float, float]] = {**_WHOLE, **_REAL}
ACCEPTED = {
    "float": {*_REAL, *_WHOLE},
    "int": {*_WHOLE},
    "bool": {"BOOL"},
    "string": {"BYTES"},
}
# The parameter that asks for the most probable classes: of Triton's extension, and of its clients.
_CLASSIFICATION = ("classification", "class_count")


class OipError(Exception):
    """The request does not follow the protocol or the columns; the message names the tensor."""


class Tensor(msgspec.Struct, frozen=True):
    """One input tensor."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]
    parameters: dict[str, Any] | None = None


class RequestedOutput(msgspec.Struct, frozen=True):
    """One output that the request names."""

    name: str
    parameters: dict[str, Any] | None = None


class InferRequest(msgspec.Struct, frozen=True):
    """The body of an infer call."""

    inputs: list[Tensor]
    id: Any = None
    parameters: dict[str, Any] | None = None
    outputs: list[RequestedOutput] | None = None


def parse(body: bytes) -> InferRequest:
    """The request of a body; raises OipError."""
    try:
        request = msgspec.json.decode(body, type=InferRequest)
    except NOT_JSON as error:
        raise OipError(f"the body is not an inference request: {error}") from error

    if not isinstance(request.id, str | None):
        raise OipError(
            f"the body is not an inference request: `id` is a string, not "
            f'{type(request.id).__name__}: send it in quotes, "7"'
        )

    return request


def classes_asked(request: InferRequest, manifest: Manifest) -> int | None:
    """How many of the most probable classes a request asks for, None for the plain output.

    Raises OipError.
    """
    outputs = request.outputs or []
    names = {output.name for output in outputs}
    if len(names) != len(outputs):
        raise OipError(f"output {outputs[0].name!r} is asked for twice")

    class_count: int | None = None
    known = [output.name for output in outputs_of(manifest)]
    for output in outputs:
        if output.name not in known:
            raise OipError(
                f"there is no output {output.name!r}: the outputs are {', '.join(known)}"
            )

        count = _class_count(output, manifest)
        if output.name == PROBABILITIES:
            class_count = count

    return class_count


def to_instances(request: InferRequest, columns: list[Column]) -> bytes:
    """The request's rows as the body of /predict; raises OipError naming the tensor at fault."""
    values = _from_one_tensor(request.inputs, columns)
    if not values:
        values = _from_tensor_per_column(request.inputs, columns)

    if len(set(map(len, values))) != 1:
        raise OipError("the inputs have different numbers of rows")

    names = [column.name for column in columns]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
    return msgspec.json.encode({"instances": rows})


def answer(
    manifest: Manifest,
    request: InferRequest,
    predictions: list[Any],
    class_count: int | None = None,
) -> dict[str, Any]:
    """The protocol's answer for the predictions of all rows; class_count: see `classes_asked`."""
    body: dict[str, Any] = {"model_name": manifest.model, "model_version": manifest.version}
    if request.id is not None:
        body["id"] = request.id

    if request.parameters:
        body["parameters"] = request.parameters

    asked = {output.name for output in request.outputs or []}
    outputs = []
    answers = by_output([output.name for output in outputs_of(manifest)], predictions)
    for output in outputs_of(manifest):
        if asked and output.name not in asked:
            continue

        if class_count is not None and output.name == PROBABILITIES:
            outputs.append(_most_probable(manifest, answers[output.name], class_count))
        else:
            outputs.append(_tensor(output, answers[output.name]))

    return body | {"outputs": outputs}


def metadata(manifest: Manifest) -> dict[str, Any]:
    """The protocol's description of the model."""
    inputs = []
    for column in manifest.columns:
        inputs.append(_input(column))

    outputs = []
    for output in outputs_of(manifest):
        shape, datatype = [-1, *_row_shape(output)], DATATYPES[output.datatype]
        outputs.append({"name": output.name, "datatype": datatype, "shape": shape})

    return {
        "name": manifest.model,
        "versions": [manifest.version],
        "platform": f"sluice_{manifest.runtime.certified}",
        "inputs": inputs,
        "outputs": outputs,
    }


def configuration(manifest: Manifest) -> dict[str, Any]:
    """Triton's model configuration of the same columns and output.

    A batch is a dimension of the tensors.
    """
    described = metadata(manifest)
    return {
        "name": manifest.model,
        "platform": described["platform"],
        "backend": "sluice",
        "max_batch_size": 0,
        "input": list(map(_configured, described["inputs"])),
        "output": list(map(_configured, described["outputs"])),
    }


def _input(column: Column) -> dict[str, Any]:
    """A column's tensor; of a kind beyond numbers, booleans and texts with what its values are."""
    tensor = {"name": column.name, "datatype": _datatype(column), "shape": [-1, 1]}
    if column.form is None:
        return tensor

    if column.dtype == "array":
        tensor["shape"] = [-1, *(-1 if length is None else length for length in column.form.shape)]

    return {**tensor, "parameters": {"kind": column.dtype, **_described(column)}}


def _described(column: Column) -> dict[str, Any]:
    """What a client needs to know of the form to write its values."""
    form = column.form or ValueForm()
    match column.dtype:
        case "datetime":
            return {"unit": form.unit, "zone": form.zone}
        case "duration" | "time":
            return {"unit": form.unit}
        case "period":
            return {"frequency": form.frequency}
        case "decimal":
            return {"digits": form.digits, "scale": form.scale}
        case "array":
            return {"items": form.items, "longest": form.longest or None}
        case _:
            return {}


def _datatype(column: Column) -> str:
    """Of what is no number, boolean or text it is BYTES: the text that JSON has of it."""
    if column.dtype == "array":
        form = column.form or ValueForm()
        return ITEM_DATATYPES.get(form.item_dtype, _whole_datatype(form.item_dtype, form.items))

    held = "" if column.frame is None else column.frame.dtype.lower()
    if column.dtype == "int" and held.startswith("uint64"):
        return "UINT64"

    return DATATYPES.get(column.dtype, "BYTES")


def _whole_datatype(dtype: str, items: str) -> str:
    if items == "int":
        return dtype.upper()

    return DATATYPES[items]


def _accepted(column: Column) -> set[str]:
    """The datatypes that a column's tensor may have."""
    kind = column.dtype
    if kind == "array":
        kind = (column.form or ValueForm()).items

    return ACCEPTED.get(kind, {"BYTES"})


def _configured(tensor: dict[str, Any]) -> dict[str, Any]:
    kind = "STRING" if tensor["datatype"] == "BYTES" else tensor["datatype"]
    return {"name": tensor["name"], "data_type": f"TYPE_{kind}", "dims": tensor["shape"]}


def _class_count(output: RequestedOutput, manifest: Manifest) -> int | None:
    parameters = output.parameters or {}
    given = [parameters[name] for name in _CLASSIFICATION if name in parameters]
    if not given or given == [0]:
        return None

    if type(given[0]) is not int or given[0] < 1:
        raise OipError(
            f"output {output.name!r}: `classification` is a number of classes, from 1 on"
        )

    if output.name != PROBABILITIES or _output_of(manifest, PROBABILITIES).classes:
        raise OipError(
            f"output {output.name!r} has no probabilities of one target: leave out `classification`"
        )

    return int(given[0])


def _from_one_tensor(tensors: list[Tensor], columns: list[Column]) -> list[list[Any]] | None:
    """The columns of a single tensor [n, k] that holds them all in the metadata's order.

    None where the request has no such tensor.
    """
    if len(tensors) != 1 or len(tensors[0].shape) != 2 or tensors[0].shape[1] < 2:
        return None

    if len(columns) == 1 and columns[0].dtype == "array":
        return None

    tensor, (rows, width) = tensors[0], tensors[0].shape
    if width != len(columns):
        raise OipError(
            f"input {tensor.name!r} has {width} columns: the model has {len(columns)}, see its "
            f"metadata"
        )

    for column in columns:
        if column.dtype == "array" or tensor.datatype not in _accepted(column):
            raise OipError(
                f"input {tensor.name!r} holds all columns as {tensor.datatype}, and column "
                f"{column.name!r} is {column.dtype}: send one tensor a column"
            )

    flat = _flattened(tensor.data, width)
    if rows < 1 or len(flat) != rows * width:
        raise OipError(f"input {tensor.name!r} has {len(flat)} values for shape {tensor.shape}")

    values = [flat[number::width] for number in range(width)]
    for column_values in values:
        _check_range(tensor, column_values)

    return values


def _flattened(data: list[Any], width: int) -> list[Any]:
    """The values of all rows, row by row; as they are where they are not nested."""
    for row in data:
        if not isinstance(row, list) or len(row) != width:
            return data

    return list(chain.from_iterable(data))


def _from_tensor_per_column(tensors: list[Tensor], columns: list[Column]) -> list[list[Any]]:
    given: dict[str, Tensor] = {}
    for tensor in tensors:
        if tensor.name in given:
            raise OipError(f"input {tensor.name!r} is given twice")

        given[tensor.name] = tensor

    names = dict.fromkeys(column.name for column in columns)
    for name in given:
        if name not in names:
            raise OipError(f"there is no input {name!r}: the inputs are {', '.join(names)}")

    for name in names:
        if name not in given:
            raise OipError(f"input {name!r} is missing")

    return [_values(given[column.name], column) for column in columns]


def _values(tensor: Tensor, column: Column) -> list[Any]:
    if tensor.datatype not in _accepted(column):
        raise OipError(
            f"input {tensor.name!r} is {column.dtype}: datatype {tensor.datatype} does not fit"
        )

    if column.dtype == "array":
        return _arrays(tensor)

    base64 = (tensor.parameters or {}).get("content_type") == "base64"
    if base64 and column.dtype != "bytes":
        raise OipError(
            f"input {tensor.name!r}: content type base64 is not offered: send the text itself"
        )

    rows = tensor.shape[0] if tensor.shape else 0
    if tensor.shape not in ([rows], [rows, 1]) or rows < 1:
        raise OipError(f"input {tensor.name!r} has shape {tensor.shape}: [n] or [n, 1] is expected")

    flat = list(map(_unwrapped, tensor.data))
    if len(flat) != rows:
        raise OipError(f"input {tensor.name!r} has {len(flat)} values for shape {tensor.shape}")

    _check_range(tensor, flat)
    return flat


def _arrays(tensor: Tensor) -> list[Any]:
    """The arrays of a tensor [rows, ...], an array a row; its data may be flat or nested."""
    if len(tensor.shape) < 2 or min(tensor.shape) < 0 or tensor.shape[0] < 1:
        raise OipError(
            f"input {tensor.name!r} has shape {tensor.shape}: [n, ...] with the array's own shape "
            f"is expected, see the metadata"
        )

    values = tensor.data
    while values and all(isinstance(value, list) for value in values):
        values = list(chain.from_iterable(values))

    if len(values) != prod(tensor.shape):
        raise OipError(f"input {tensor.name!r} has {len(values)} values for shape {tensor.shape}")

    _check_range(tensor, values)
    for length in reversed(tensor.shape[1:]):
        values = _cut(values, length, tensor.shape[0])

    return values


def _cut(values: list[Any], length: int, rows: int) -> list[Any]:
    """The values as lists of that length; an empty list a row where it is 0."""
    if not length:
        return [[] for _ in range(rows)]

    return [values[start : start + length] for start in range(0, len(values), length)]


def _unwrapped(value: Any) -> Any:
    """The value of a row of one, [n, 1]; all else as it is."""
    if isinstance(value, list) and len(value) == 1:
        return value[0]

    return value


def _check_range(tensor: Tensor, values: list[Any]) -> None:
    """Raise OipError for a number that its datatype cannot hold.

    The columns refuse what is no number.
    """
    if tensor.datatype not in _RANGES:
        return

    low, high = _RANGES[tensor.datatype]
    for row, value in enumerate(values):
        if type(value) is float and tensor.datatype in _WHOLE and not value.is_integer():
            raise OipError(f"row {row}, input {tensor.name!r}: Expected `int`, got `float`")

        if type(value) in (int, float) and not low <= value <= high:
            raise OipError(
                f"row {row}, input {tensor.name!r}: the value is outside of {tensor.datatype}"
            )


def _tensor(output: Output, predictions: list[Any]) -> dict[str, Any]:
    """One output tensor; lists of lists a row, as of several targets, stand one after another."""
    data = predictions
    for _ in output.shape or ():
        data = list(chain.from_iterable(data))

    return {
        "name": output.name,
        "shape": [len(predictions), *_row_shape(output)],
        "datatype": DATATYPES[output.datatype],
        "data": data,
    }


def _row_shape(output: Output) -> list[int]:
    """The shape of a row's part of a tensor, which is flat where its lists differ in length."""
    if output.classes and output.name == PROBABILITIES:
        return [sum(map(len, output.classes))]

    return output.shape or []


def _output_of(manifest: Manifest, name: str) -> Output:
    return next(output for output in outputs_of(manifest) if output.name == name)


def _most_probable(
    manifest: Manifest, predictions: list[list[float]], count: int
) -> dict[str, Any]:
    """The most probable classes of each row, as `probability:index:class`."""
    classes = manifest.classes or []
    width = min(count, len(classes))
    data = []
    for row in predictions:
        best = sorted(enumerate(row), key=_less_probable)[:width]
        for number, probability in best:
            data.append(f"{probability!r}:{number}:{classes[number]}")

    return {
        "name": PROBABILITIES,
        "shape": [len(predictions), width],
        "datatype": "BYTES",
        "data": data,
    }


def _less_probable(numbered: tuple[int, float]) -> float:
    """Sorts the most probable class first."""
    return -numbered[1]
