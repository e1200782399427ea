"""The Open Inference Protocol v2 for one version: its metadata, and its answers to infer.

https://github.com/kserve/open-inference-protocol (rest/inference_rest.yaml). Of Triton's
extensions: binary tensor data, classification and model configuration. wire/oip/ has the tensors.
"""

from typing import Any

import msgspec

from service.answers import PredictResponses, where
from service.bundle import Manifest
from service.predict import Outcome
from service.rows import Malformed
from wire.oip.answer import Answered, answer
from wire.oip.errors import OipError
from wire.oip.fit import require_fit
from wire.oip.request import NO_JSON, InferRequest, SentTensors, json_length, parse
from wire.oip.rows import table_of
from wire.oip.signature import NamedTensor, TensorSignature

DATATYPES = {"float": "FP64", "int": "INT64", "bool": "BOOL", "string": "BYTES"}
EXTENSIONS = ["binary_tensor_data", "classification", "model_configuration"]
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
        self._signature = _signature(self._manifest)

    def infer(self, body: bytes, header: bytes = b"") -> InferAnswer:
        """Answer one request. header: the length of its JSON, where binary data follow."""
        try:
            sent = _parsed(body, header)
            require_fit(sent.request, self._signature)
            outcome = self._run(sent)
        except (OipError, Malformed) as error:
            return _error(400, str(error))
        except NO_JSON as error:
            return _error(400, f"the body is not an inference request: {error}")

        if outcome.errors:
            return _failed(outcome)

        return self._answered(sent.request, outcome)

    def _run(self, sent: SentTensors) -> Outcome:
        table = table_of(sent, arrays=self._signature.arrays)
        rows = table.rows(self._signature.names)
        return self._answers.run(b'{"instances":[' + b",".join(rows) + b"]}")

    def _answered(self, request: InferRequest, outcome: Outcome) -> InferAnswer:
        manifest = self._manifest
        predictions = list(map(_encode, outcome.predictions))
        classes = _encode(manifest.classes)
        answered = Answered(manifest.model, manifest.version, predictions, classes)
        return InferAnswer(200, *answer(request, answered, self._signature))


def metadata(manifest: Manifest) -> dict[str, Any]:
    """The protocol's description of the model."""
    inputs = []
    for column in manifest.columns:
        datatype = DATATYPES[column.dtype]
        inputs.append({"name": column.name, "datatype": datatype, "shape": [-1, 1]})

    shape = [-1]
    if manifest.output == "predict_proba":
        shape.append(len(manifest.classes or []))

    datatype = _output_type(manifest, [])
    return {
        "name": manifest.model,
        "versions": [manifest.version],
        "platform": f"sluice_{manifest.runtime.certified}",
        "inputs": inputs,
        "outputs": [{"name": manifest.output, "datatype": datatype, "shape": shape}],
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


def _configured(tensor: dict[str, Any]) -> dict[str, Any]:
    kind = "STRING" if tensor["datatype"] == "BYTES" else tensor["datatype"]
    return {"name": tensor["name"], "data_type": f"TYPE_{kind}", "dims": tensor["shape"]}


def _signature(manifest: Manifest) -> TensorSignature:
    described = metadata(manifest)
    inputs = msgspec.convert(described["inputs"], list[NamedTensor])
    return TensorSignature(inputs, msgspec.convert(described["outputs"], list[NamedTensor]))


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


def _output_type(manifest: Manifest, data: list[Any]) -> str:
    if manifest.output == "predict_proba" or manifest.task == "regression":
        return "FP64"

    values = data or manifest.classes or [""]
    datatypes = {bool: "BOOL", int: "INT64", float: "FP64"}
    return datatypes.get(type(values[0]), "BYTES")
