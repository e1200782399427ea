"""The Open Inference Protocol v2 for one version: one input tensor a column, one output tensor.

https://github.com/kserve/open-inference-protocol (rest/inference_rest.yaml): shapes [n] or [n, 1],
or one tensor [n, k] that holds all k columns; data flat or nested. Of Triton's extensions:
classification and model configuration."""

from typing import Any

import msgspec

from service.bundle import Column, Manifest
from service.rows import NOT_JSON

DATATYPES = {"float": "FP64", "int": "INT64", "bool": "BOOL", "string": "BYTES"}
# What a value of that datatype can be.
_WHOLE = {
    f"{kind}{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if kind == "INT"
    else (0, 2**bits - 1)
    for kind in ("INT", "UINT")
    for bits in (8, 16, 32, 64)
}
_REAL = {"FP16": 65_504.0, "FP32": 3.4028235e38, "FP64": float("inf")}
_RANGES = _WHOLE | {kind: (-most, most) for kind, most in _REAL.items()}
ACCEPTED = {
    "float": {*_REAL, *_WHOLE},
    "int": {*_WHOLE},
    "bool": {"BOOL"},
    "string": {"BYTES"},
}
# How an output asks for the most probable classes, in Triton's extension and in its clients'
# argument.
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
    """One output that is asked for."""

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
        kind = type(request.id).__name__
        raise OipError(
            f"the body is not an inference request: `id` is a string, not {kind}: send it in "
            f'quotes, "7"'
        )

    return request


def classes_asked(request: InferRequest, manifest: Manifest) -> int | None:
    """How many of the most probable classes are asked for, None for the plain output; raises
    OipError.
    """
    asked: int | None = None
    names = [output.name for output in request.outputs or []]
    if len(names) != len(set(names)):
        raise OipError(f"output {names[0]!r} is asked for twice")

    for output in request.outputs or []:
        if output.name != manifest.output:
            raise OipError(f"there is no output {output.name!r}: the output is {manifest.output!r}")
        asked = _class_count(output, manifest)

    return asked


def to_instances(request: InferRequest, columns: list[Column]) -> bytes:
    """The request's rows as the body of /predict; raises OipError naming the tensor at fault."""
    values = _one_tensor(request.inputs, columns) or _a_tensor_each(request.inputs, columns)
    if len({len(each) for each in values}) != 1:
        raise OipError("the inputs have different numbers of rows")

    names = [column.name for column in columns]
    return msgspec.json.encode(
        {"instances": [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]}
    )


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

    output = (
        _output(manifest, predictions)
        if class_count is None
        else _top(manifest, predictions, class_count)
    )
    return body | {"outputs": [output]}


def metadata(manifest: Manifest) -> dict[str, Any]:
    """The protocol's description of the model."""
    inputs = [
        {"name": c.name, "datatype": DATATYPES[c.dtype], "shape": [-1, 1]} for c in manifest.columns
    ]
    width = [len(manifest.classes or [])] if manifest.output == "predict_proba" else []
    output = {
        "name": manifest.output,
        "datatype": _output_type(manifest, []),
        "shape": [-1, *width],
    }
    return {
        "name": manifest.model,
        "versions": [manifest.version],
        "platform": f"sluice_{manifest.runtime.certified}",
        "inputs": inputs,
        "outputs": [output],
    }


def configuration(manifest: Manifest) -> dict[str, Any]:
    """Triton's model configuration: the same columns and output in its words; a batch is a
    dimension of the tensors.
    """
    described = metadata(manifest)
    return {
        "name": manifest.model,
        "platform": described["platform"],
        "backend": "sluice",
        "max_batch_size": 0,
        "input": [_configured(tensor) for tensor in described["inputs"]],
        "output": [_configured(tensor) for tensor in described["outputs"]],
    }


def _configured(tensor: dict[str, Any]) -> dict[str, Any]:
    kind = "STRING" if tensor["datatype"] == "BYTES" else tensor["datatype"]
    return {"name": tensor["name"], "data_type": f"TYPE_{kind}", "dims": tensor["shape"]}


def _class_count(output: RequestedOutput, manifest: Manifest) -> int | None:
    given = [
        (output.parameters or {})[name]
        for name in _CLASSIFICATION
        if name in (output.parameters or {})
    ]
    if not given or given == [0]:
        return None

    if type(given[0]) is not int or given[0] < 1:
        raise OipError(
            f"output {output.name!r}: `classification` is a number of classes, from 1 on"
        )

    if manifest.output != "predict_proba":
        raise OipError(f"output {output.name!r} has no probabilities: leave out `classification`")

    return int(given[0])


def _one_tensor(tensors: list[Tensor], columns: list[Column]) -> list[list[Any]] | None:
    """The columns of a single tensor [n, k] that holds them all in the metadata's order; None where
    it is none.
    """
    if len(tensors) != 1 or len(tensors[0].shape) != 2 or tensors[0].shape[1] < 2:
        return None

    tensor, (rows, width) = tensors[0], tensors[0].shape
    if width != len(columns):
        raise OipError(
            f"input {tensor.name!r} has {width} columns: the model has {len(columns)}, see its "
            f"metadata"
        )

    for column in columns:
        if tensor.datatype not in ACCEPTED[column.dtype]:
            raise OipError(
                f"input {tensor.name!r} holds all columns as {tensor.datatype}, and column "
                f"{column.name!r} is "
                f"{column.dtype}: send one tensor a column"
            )

    nested = bool(tensor.data) and all(
        isinstance(row, list) and len(row) == width for row in tensor.data
    )
    flat = [value for row in tensor.data for value in row] if nested else tensor.data
    if rows < 1 or len(flat) != rows * width:
        raise OipError(f"input {tensor.name!r} has {len(flat)} values for shape {tensor.shape}")

    values = [flat[place::width] for place in range(width)]
    for each in values:
        _check_range(tensor, each)

    return values


def _a_tensor_each(tensors: list[Tensor], columns: list[Column]) -> list[list[Any]]:
    given: dict[str, Tensor] = {}
    for tensor in tensors:
        if tensor.name in given:
            raise OipError(f"input {tensor.name!r} is given twice")
        given[tensor.name] = tensor

    known = {column.name for column in columns}
    for name in given:
        if name not in known:
            raise OipError(
                f"there is no input {name!r}: the inputs are {', '.join(c.name for c in columns)}"
            )

    missing = [column.name for column in columns if column.name not in given]
    if missing:
        raise OipError(f"input {missing[0]!r} is missing")

    return [_values(given[column.name], column) for column in columns]


def _values(tensor: Tensor, column: Column) -> list[Any]:
    if tensor.datatype not in ACCEPTED[column.dtype]:
        raise OipError(
            f"input {tensor.name!r} is {column.dtype}: datatype {tensor.datatype} does not fit"
        )

    if (tensor.parameters or {}).get("content_type") == "base64":
        raise OipError(
            f"input {tensor.name!r}: content type base64 is not offered: send the text itself"
        )

    rows = tensor.shape[0] if tensor.shape else 0
    if tensor.shape not in ([rows], [rows, 1]) or rows < 1:
        raise OipError(f"input {tensor.name!r} has shape {tensor.shape}: [n] or [n, 1] is expected")

    flat = [
        value[0] if isinstance(value, list) and len(value) == 1 else value for value in tensor.data
    ]
    if len(flat) != rows:
        raise OipError(f"input {tensor.name!r} has {len(flat)} values for shape {tensor.shape}")

    _check_range(tensor, flat)
    return flat


def _check_range(tensor: Tensor, values: list[Any]) -> None:
    """Raise OipError for a number that its datatype cannot hold; what is no number the columns
    refuse.
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


def _output(manifest: Manifest, predictions: list[Any]) -> dict[str, Any]:
    shape = [len(predictions)]
    data = predictions
    if manifest.output == "predict_proba":
        shape.append(len(predictions[0]))
        data = [value for row in predictions for value in row]

    return {
        "name": manifest.output,
        "shape": shape,
        "datatype": _output_type(manifest, data),
        "data": data,
    }


def _top(manifest: Manifest, predictions: list[list[float]], count: int) -> dict[str, Any]:
    """The most probable classes of each row, as `probability:index:class`."""
    classes = manifest.classes or []
    width = min(count, len(classes))
    data = []
    for row in predictions:
        best = sorted(range(len(row)), key=lambda place: -row[place])[:width]
        data += [f"{row[place]!r}:{place}:{classes[place]}" for place in best]

    return {
        "name": manifest.output,
        "shape": [len(predictions), width],
        "datatype": "BYTES",
        "data": data,
    }


def _output_type(manifest: Manifest, data: list[Any]) -> str:
    if manifest.output == "predict_proba" or manifest.task == "regression":
        return "FP64"
    first = data[0] if data else (manifest.classes or [""])[0]
    kinds = {bool: "BOOL", int: "INT64", float: "FP64"}
    return kinds.get(type(first), "BYTES")
