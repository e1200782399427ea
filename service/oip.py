"""The Open Inference Protocol v2 for one version: its metadata, and its answers to infer.

https://github.com/kserve/open-inference-protocol (rest/inference_rest.yaml). Of Triton's
extensions: binary tensor data, classification and model configuration. wire/oip/ has the tensors.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from service.answers import PredictResponses, where
from service.bundle import Column, Manifest, Output, ValueForm
from service.predict import Outcome
from service.rows import Malformed
from service.runtimes.outputs import PROBABILITIES, by_output, outputs_of
from wire.oip.answer import Answered, answer
from wire.oip.errors import OipError
from wire.oip.request import NO_JSON, InferRequest, SentTensors, json_length, parse
from wire.oip.request_check import check_request
from wire.oip.rows import table_of
from wire.oip.signature import TARGETS, NamedTensor, TensorSignature

DATATYPES = {"float": "FP64", "int": "INT64", "bool": "BOOL", "string": "BYTES"}
# Of an array's items, by numpy's name.
ITEM_DATATYPES = {"float16": "FP16", "float32": "FP32"}
BINARY = "application/octet-stream"
JSON = "application/json"
_encode = msgspec.json.Encoder().encode


class InferAnswer(msgspec.Struct, frozen=True):
    """An answer to infer. json_bytes: the length of its JSON, where binary data follow."""

    status: int
    body: bytes
    json_bytes: int | None = None


class Inference:
    """Infers with one version, whose rows go through `answers`."""

    def __init__(self, answers: PredictResponses) -> None:
        self._answers = answers
        self._manifest = answers.predictor.manifest
        self._signature = signature_of_columns(self._manifest.columns, outputs_of(self._manifest))

    def infer(self, body: bytes, header: bytes = b"") -> InferAnswer:
        """Answer one request. header: the length of its JSON, where binary data follow."""
        try:
            sent = _parsed(body, header)
            check_request(sent.request, self._signature)
            outcome = self._run(sent)
        except (OipError, Malformed) as error:
            return _error(400, str(error))
        except NO_JSON as error:
            return _error(400, f"the body is not an inference request: {error}")

        if outcome.errors:
            return _failed(outcome)

        return self._answered(sent.request, outcome)

    def _run(self, sent: SentTensors) -> Outcome:
        table = table_of(sent, signature=self._signature)
        rows = table.rows(self._signature.names)
        return self._answers.run(b'{"instances":[' + b",".join(rows) + b"]}")

    def _answered(self, request: InferRequest, outcome: Outcome) -> InferAnswer:
        manifest = self._manifest
        names = [output.name for output in outputs_of(manifest)]
        answers = {
            name: list(map(_encode, predictions))
            for name, predictions in by_output(names, outcome.predictions).items()
        }
        first = answers.pop(names[0])
        classes = _encode(manifest.classes)
        answered = Answered(manifest.model, manifest.version, first, classes, answers)
        return InferAnswer(200, *answer(request, answered, self._signature))


def metadata(manifest: Manifest) -> dict[str, Any]:
    """The protocol's description of the model."""
    inputs = []
    for column in manifest.columns:
        inputs.append(_input(column))

    return {
        "name": manifest.model,
        "versions": [manifest.version],
        "platform": f"sluice_{manifest.runtime.certified}",
        "inputs": inputs,
        "outputs": list(map(_output, outputs_of(manifest))),
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


def _output(output: Output) -> dict[str, Any]:
    """An output's tensor; of lists that differ in length, as of several targets, it is flat."""
    datatype = DATATYPES[output.datatype]
    tensor = {"name": output.name, "datatype": datatype, "shape": [-1, *(output.shape or [])]}
    if not output.classes or output.name != PROBABILITIES:
        return tensor

    shape = [-1, sum(map(len, output.classes))]
    return {**tensor, "shape": shape, "parameters": {"kind": TARGETS}}


def _configured(tensor: dict[str, Any]) -> dict[str, Any]:
    kind = "STRING" if tensor["datatype"] == "BYTES" else tensor["datatype"]
    return {"name": tensor["name"], "data_type": f"TYPE_{kind}", "dims": tensor["shape"]}


def signature_of_columns(
    columns: Sequence[Column], outputs: Sequence[Output] = ()
) -> TensorSignature:
    """The tensors of these columns and outputs."""
    inputs = msgspec.convert(list(map(_input, columns)), list[NamedTensor])
    return TensorSignature(inputs, msgspec.convert(list(map(_output, outputs)), list[NamedTensor]))


def _parsed(body: bytes, header: bytes) -> SentTensors:
    if header:
        return parse(body, json_length(header, len(body)))

    return parse(body)


def _error(status: int, detail: str) -> InferAnswer:
    return InferAnswer(status, _encode({"error": detail}))


def _failed(outcome: Outcome) -> InferAnswer:
    first = outcome.errors[0]
    status = 500 if first.status == 500 else 400
    return _error(status, f"{where(first, 'input')}: {first.detail}")
