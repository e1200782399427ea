"""The protocol's answer for the predictions of one version, in JSON or with binary data."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec

from wire.oip.binary import packed
from wire.oip.request import InferRequest
from wire.oip.request_check import classes_asked
from wire.oip.signature import TARGETS, NamedTensor, TensorSignature

_encode = msgspec.json.Encoder().encode
_anything = msgspec.json.Decoder().decode
_number_lists = msgspec.json.Decoder(list[list[float]]).decode
_DATATYPES = {bool: "BOOL", int: "INT64", float: "FP64"}


class Answered(msgspec.Struct, frozen=True):
    """What a version answered. predictions: raw JSON, one a row; classes: raw JSON, or null.

    outputs: the predictions of further outputs, by name. more: members that are added to the
    request's parameters."""

    model: str
    version: str
    predictions: Sequence[bytes | msgspec.Raw]
    classes: bytes = b"null"
    outputs: Mapping[str, Sequence[bytes | msgspec.Raw]] = {}
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
    counts = {} if signature is None else classes_asked(request, signature)
    asked = {output.name for output in request.outputs} if request.outputs else ()
    described: list[bytes] = []
    parts: list[bytes] = []
    for tensor in _tensors(answered, signature, counts):
        if asked and tensor.name not in asked:
            continue

        head = _described(tensor.name, tensor.datatype, tensor.shape)
        if request.is_binary(tensor.name):
            parts.append(packed(tensor.datatype, _anything(b"[" + tensor.data + b"]")))
            described.append(head + b',"parameters":{"binary_data_size":%d}}' % len(parts[-1]))
        else:
            described.append(b'%b,"data":[%b]}' % (head, tensor.data))

    body = b'%b,"outputs":[%b]}' % (_head(request, answered), b",".join(described))
    if not parts:
        return body, None

    return body + b"".join(parts), len(body)


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

    return head


@lru_cache(256)
def _of_version(model: str, version: str) -> bytes:
    return b'{"model_name":%b,"model_version":%b' % (_encode(model), _encode(version))


@lru_cache(256)
def _described(name: str, datatype: str, shape: tuple[int, ...]) -> bytes:
    described = (_encode(name), _encode(shape), _encode(datatype))
    return b'{"name":%b,"shape":%b,"datatype":%b' % described


def _tensors(
    answered: Answered, signature: TensorSignature | None, counts: dict[str, int]
) -> list[OutputTensor]:
    """The outputs in the signature's order; of a version that could not be asked, by its answer."""
    first = _anything(answered.predictions[0])
    if signature is None or not signature.outputs:
        return [_plain(_by_value(first), answered.predictions, first)]

    tensors = []
    for number, declared in enumerate(signature.outputs):
        values = answered.outputs.get(declared.name, ()) if number else answered.predictions
        if not values:
            continue

        if declared.name in counts:
            tensors.append(_most_probable(declared.name, answered, values, counts[declared.name]))
        else:
            tensors.append(_plain(declared, values, _anything(values[0]) if number else first))

    return tensors


def _by_value(first: Any) -> NamedTensor:
    if isinstance(first, list):
        return NamedTensor("predict_proba", "FP64")

    return NamedTensor("predict", _DATATYPES.get(type(first), "BYTES"))


def _plain(
    declared: NamedTensor, values: Sequence[bytes | msgspec.Raw], first: Any
) -> OutputTensor:
    """The output of raw values. first: the first of them, decoded."""
    shape = (len(values), *_lengths(first))
    if declared.kind == TARGETS:
        return _joined(declared, values)

    if len(shape) == 1:
        data = b",".join(values)
    elif len(shape) == 2:
        # Lists of numbers, whose brackets are the only ones.
        data = b",".join([bytes(value).strip()[1:-1] for value in values])
    else:
        data = _flat(values, len(shape))

    return OutputTensor(declared.name, declared.datatype, shape, data)


def _joined(declared: NamedTensor, values: Sequence[bytes | msgspec.Raw]) -> OutputTensor:
    """The lists of each row one after another: of several targets they differ in length."""
    rows = _anything(b"[" + b",".join(values) + b"]")
    joined = [list(chain.from_iterable(row)) for row in rows]
    data = _encode(list(chain.from_iterable(joined)))[1:-1]
    return OutputTensor(declared.name, declared.datatype, (len(rows), len(joined[0])), data)


def _lengths(value: Any) -> list[int]:
    """The dimensions of nested lists."""
    lengths = []
    while isinstance(value, list):
        lengths.append(len(value))
        value = value[0] if value else None

    return lengths


def _flat(values: Sequence[bytes | msgspec.Raw], depth: int) -> bytes:
    nested = _anything(b"[" + b",".join(values) + b"]")
    for _ in range(depth - 1):
        nested = list(chain.from_iterable(nested))

    return _encode(nested)[1:-1]


def _most_probable(
    name: str, answered: Answered, values: Sequence[bytes | msgspec.Raw], count: int
) -> OutputTensor:
    """The most probable classes of each row, as `probability:index:class`."""
    classes = _anything(answered.classes) or []
    width = min(count, len(classes))
    probabilities = _number_lists(b"[" + b",".join(values) + b"]")
    texts = [_best(row, width, classes) for row in probabilities]
    data = _encode(list(chain.from_iterable(texts)))[1:-1]
    return OutputTensor(name, "BYTES", (len(texts), width), data)


def _best(row: list[float], width: int, classes: list[Any]) -> list[str]:
    best = sorted(enumerate(row), key=_less_probable)[:width]
    return [f"{probability!r}:{number}:{classes[number]}" for number, probability in best]


def _less_probable(numbered: tuple[int, float]) -> float:
    """Sorts the most probable class first."""
    return -numbered[1]
