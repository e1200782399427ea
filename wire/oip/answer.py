"""The protocol's answer for the predictions of one version, in JSON or with binary data."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec

from wire.oip.binary import packed
from wire.oip.fit import classes_asked
from wire.oip.request import InferRequest
from wire.oip.signature import NamedTensor, TensorSignature

_encode = msgspec.json.Encoder().encode
_anything = msgspec.json.Decoder().decode
_number_lists = msgspec.json.Decoder(list[list[float]]).decode
_DATATYPES = {bool: "BOOL", int: "INT64", float: "FP64"}


class Answered(msgspec.Struct, frozen=True):
    """What a version answered. predictions: raw JSON, one a row; classes: raw JSON, or null.

    more: members that are added to the request's parameters."""

    model: str
    version: str
    predictions: Sequence[bytes | msgspec.Raw]
    classes: bytes = b"null"
    more: dict[str, Any] = {}


class OutputTensor(msgspec.Struct, frozen=True):
    """One output. data: the values as raw JSON, without the brackets around them."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: bytes


def answer(
    request: InferRequest, answered: Answered, signature: TensorSignature | None
) -> tuple[bytes, int | None]:
    """The body, and the length of its JSON where binary data follow.

    Raises OipError for an output that the version does not have."""
    count = None if signature is None else classes_asked(request, signature)
    if count is None:
        output = _plain(answered, signature)
    else:
        output = _most_probable(answered, count, signature)

    head = _head(request, answered)
    if request.is_binary(output.name):
        return _with_binary(head, output)

    return b'%b,"data":[%b]}]}' % (
        head + _described(output.name, output.datatype, output.shape),
        output.data,
    ), None


def _head(request: InferRequest, answered: Answered) -> bytes:
    head = _of_version(answered.model, answered.version)
    if request.id is not None:
        head += b',"id":' + _encode(request.id)

    parameters = answered.more
    if request.parameters:
        parameters = {**request.parameters, **parameters}
        parameters.pop("binary_data_output", None)

    if parameters:
        head += b',"parameters":' + _encode(parameters)

    return head + b',"outputs":[{'


@lru_cache(256)
def _of_version(model: str, version: str) -> bytes:
    return b'{"model_name":%b,"model_version":%b' % (_encode(model), _encode(version))


@lru_cache(256)
def _described(name: str, datatype: str, shape: tuple[int, ...]) -> bytes:
    described = (_encode(name), _encode(shape), _encode(datatype))
    return b'"name":%b,"shape":%b,"datatype":%b' % described


def _with_binary(head: bytes, output: OutputTensor) -> tuple[bytes, int]:
    data = packed(output.datatype, _anything(b"[" + output.data + b"]"))
    size = b',"parameters":{"binary_data_size":%d}}]}' % len(data)
    described = head + _described(output.name, output.datatype, output.shape) + size
    return described + data, len(described)


def _plain(answered: Answered, signature: TensorSignature | None) -> OutputTensor:
    predictions, rows = answered.predictions, len(answered.predictions)
    first = _anything(predictions[0])
    declared = _declared(first, signature)
    if not isinstance(first, list):
        return OutputTensor(declared.name, declared.datatype, (rows,), b",".join(predictions))

    # Lists of numbers, whose brackets are the only ones.
    data = b",".join([bytes(prediction).strip()[1:-1] for prediction in predictions])
    return OutputTensor(declared.name, declared.datatype, (rows, len(first)), data)


def _declared(first: Any, signature: TensorSignature | None) -> NamedTensor:
    """Name and datatype of the output; of a version that could not be asked, by its answer."""
    if signature is not None and signature.outputs:
        return signature.outputs[0]
    if isinstance(first, list):
        return NamedTensor("predict_proba", "FP64")

    return NamedTensor("predict", _DATATYPES.get(type(first), "BYTES"))


def _most_probable(
    answered: Answered, count: int, signature: TensorSignature | None
) -> OutputTensor:
    """The most probable classes of each row, as `probability:index:class`."""
    classes = _anything(answered.classes) or []
    width = min(count, len(classes))
    probabilities = _number_lists(b"[" + b",".join(answered.predictions) + b"]")
    texts = [_best(row, width, classes) for row in probabilities]
    name = _declared(probabilities[0], signature).name
    data = _encode(list(chain.from_iterable(texts)))[1:-1]
    return OutputTensor(name, "BYTES", (len(texts), width), data)


def _best(row: list[float], width: int, classes: list[Any]) -> list[str]:
    best = sorted(enumerate(row), key=_less_probable)[:width]
    return [f"{probability!r}:{number}:{classes[number]}" for number, probability in best]


def _less_probable(numbered: tuple[int, float]) -> float:
    """Sorts the most probable class first."""
    return -numbered[1]
