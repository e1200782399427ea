"""The Open Inference Protocol v2 for one version: one input tensor a column, one output tensor.

https://github.com/kserve/open-inference-protocol (rest/inference_rest.yaml): shapes [n] or [n, 1], data as a flat list.
"""

from typing import Any

import msgspec

from service.bundle import Column, Manifest
from service.rows import NOT_JSON

DATATYPES = {"float": "FP64", "int": "INT64", "bool": "BOOL", "string": "BYTES"}
ACCEPTED = {
    "float": {"FP16", "FP32", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32"},
    "int": {"INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32"},
    "bool": {"BOOL"},
    "string": {"BYTES"},
}


class OipError(Exception):
    """The request does not follow the protocol or the columns; the message names the tensor."""


class Tensor(msgspec.Struct, frozen=True):
    """One input tensor."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]
    parameters: dict[str, Any] | None = None


class InferRequest(msgspec.Struct, frozen=True):
    """The body of an infer call."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[dict[str, Any]] | None = None


def parse(body: bytes) -> InferRequest:
    """The request of a body; raises OipError."""
    try:
        return msgspec.json.decode(body, type=InferRequest)
    except NOT_JSON as error:
        raise OipError(f"the body is not an inference request: {error}") from error


def to_instances(request: InferRequest, columns: list[Column]) -> bytes:
    """The request's rows as the body of /predict; raises OipError naming the tensor at fault."""
    given: dict[str, Tensor] = {}
    for tensor in request.inputs:
        if tensor.name in given:
            raise OipError(f"input {tensor.name!r} is given twice")
        given[tensor.name] = tensor
    for name in given:
        if name not in {column.name for column in columns}:
            raise OipError(f"there is no input {name!r}: the inputs are {', '.join(c.name for c in columns)}")
    missing = [column.name for column in columns if column.name not in given]
    if missing:
        raise OipError(f"input {missing[0]!r} is missing")
    values = [_values(given[column.name], column) for column in columns]
    if len({len(each) for each in values}) != 1:
        raise OipError("the inputs have different numbers of rows")
    names = [column.name for column in columns]
    return msgspec.json.encode({"instances": [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]})


def answer(manifest: Manifest, request: InferRequest, predictions: list[Any]) -> dict[str, Any]:
    """The protocol's answer for the predictions of all rows."""
    body: dict[str, Any] = {"model_name": manifest.model, "model_version": manifest.version}
    if request.id is not None:
        body["id"] = request.id
    if request.parameters:
        body["parameters"] = request.parameters
    return body | {"outputs": [_output(manifest, predictions)]}


def metadata(manifest: Manifest) -> dict[str, Any]:
    """The protocol's description of the model."""
    inputs = [{"name": c.name, "datatype": DATATYPES[c.dtype], "shape": [-1, 1]} for c in manifest.columns]
    width = [len(manifest.classes or [])] if manifest.output == "predict_proba" else []
    output = {"name": manifest.output, "datatype": _output_type(manifest, []), "shape": [-1, *width]}
    return {
        "name": manifest.model,
        "versions": [manifest.version],
        "platform": f"sluice_{manifest.runtime.certified}",
        "inputs": inputs,
        "outputs": [output],
    }


def _values(tensor: Tensor, column: Column) -> list[Any]:
    if tensor.datatype not in ACCEPTED[column.dtype]:
        raise OipError(f"input {tensor.name!r} is {column.dtype}: datatype {tensor.datatype} does not fit")
    rows = tensor.shape[0] if tensor.shape else 0
    if tensor.shape not in ([rows], [rows, 1]) or rows < 1:
        raise OipError(f"input {tensor.name!r} has shape {tensor.shape}: [n] or [n, 1] is expected")
    flat = [value[0] if isinstance(value, list) and len(value) == 1 else value for value in tensor.data]
    if len(flat) != rows:
        raise OipError(f"input {tensor.name!r} has {len(flat)} values for shape {tensor.shape}")
    return flat


def _output(manifest: Manifest, predictions: list[Any]) -> dict[str, Any]:
    shape = [len(predictions)]
    data = predictions
    if manifest.output == "predict_proba":
        shape.append(len(predictions[0]))
        data = [value for row in predictions for value in row]
    return {"name": manifest.output, "shape": shape, "datatype": _output_type(manifest, data), "data": data}


def _output_type(manifest: Manifest, data: list[Any]) -> str:
    if manifest.output == "predict_proba" or manifest.task == "regression":
        return "FP64"
    first = data[0] if data else (manifest.classes or [""])[0]
    kinds = {bool: "BOOL", int: "INT64", float: "FP64"}
    return kinds.get(type(first), "BYTES")
