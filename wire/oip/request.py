"""Reads an inference request: its tensors stay raw until their number of values is known."""

from typing import Any

import msgspec

from wire.oip.errors import OipError, TooLarge

LENGTH_HEADER = b"inference-header-content-length"
SMALL_BYTES = 4 * 1024
"""JSON of at most this size is decoded as a whole."""
MOST_TENSORS = 4_096
LONGEST_SHAPE = 1_024
"""Characters of the longest shape that is read."""
MOST_VALUES = 1_000_000
"""Values of all tensors of a request together."""
NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)
# The parameters that ask for the most probable classes: Triton's extension's and its clients'.
_CLASSIFICATION = ("classification", "class_count")


class TensorParameters(msgspec.Struct, frozen=True):
    """What is read of a tensor's parameters."""

    binary_data_size: int | None = None
    content_type: Any = None


class Tensor(msgspec.Struct, frozen=True, gc=False):
    """One input tensor. data: its values as JSON, raw where there are many; None for binary."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: TensorParameters | None = None

    @property
    def binary_size(self) -> int | None:
        """Bytes of its binary data; None where its data are JSON."""
        return self.parameters.binary_data_size if self.parameters else None


class _RawTensor(msgspec.Struct, frozen=True):
    """A tensor of a large body: nothing of unknown size is decoded."""

    name: str
    shape: msgspec.Raw
    datatype: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    parameters: TensorParameters | None = None

    def with_shape(self) -> Tensor:
        """The tensor, with raw data. Raises OipError, or a decoder's error."""
        data: Any = self.data
        if bytes(data) == b"null":
            data = None

        return Tensor(self.name, _shape_of(self.shape), self.datatype, data, self.parameters)


class RequestedOutput(msgspec.Struct, frozen=True):
    """One output that the request names."""

    name: str
    parameters: dict[str, Any] | None = None

    @property
    def class_count(self) -> Any:
        """The parameter that asks for the most probable classes, None where it is not given."""
        parameters = self.parameters or {}
        for name in _CLASSIFICATION:
            if name in parameters:
                return parameters[name]

        return 0


class InferRequest(msgspec.Struct, frozen=True):
    """The JSON of an infer call."""

    inputs: list[Tensor]
    id: Any = None
    parameters: dict[str, Any] | None = None
    outputs: list[RequestedOutput] | None = None

    def is_binary(self, output: str) -> bool:
        """Whether an output is asked for in binary."""
        for asked in self.outputs or ():
            if asked.name == output and "binary_data" in (asked.parameters or {}):
                return asked.parameters["binary_data"] is True  # type: ignore[index]

        return (self.parameters or {}).get("binary_data_output") is True


class _RawRequest(msgspec.Struct, frozen=True):
    inputs: list[_RawTensor]
    id: Any = None
    parameters: dict[str, Any] | None = None
    outputs: list[RequestedOutput] | None = None


class SentTensors(msgspec.Struct, frozen=True):
    """A request with its binary data. parts: by the tensors' order, None where data are JSON;
    empty without binary data."""

    request: InferRequest
    parts: list[memoryview | None]


_decode_small = msgspec.json.Decoder(InferRequest).decode
_decode_raw = msgspec.json.Decoder(_RawRequest).decode
_shape = msgspec.json.Decoder(list[int]).decode


def parse(body: bytes, json_bytes: int | None = None) -> SentTensors:
    """The request of a body; json_bytes: the length of its JSON, where binary data follow it.

    Raises OipError, or a decoder's error (NO_JSON) where it is no inference request."""
    if json_bytes is None:
        request = request_in(body)
        require_json(request.inputs)
        return SentTensors(request, [])

    request = request_in(body[:json_bytes])
    return SentTensors(request, _parts(request.inputs, memoryview(body)[json_bytes:]))


def request_in(head: bytes) -> InferRequest:
    """The request of JSON; raises as `parse`."""
    request = _request(head)
    if request.id is not None and type(request.id) is not str:
        raise OipError(
            f"the body is not an inference request: `id` is a string, not "
            f'{type(request.id).__name__}: send it in quotes, "7"'
        )

    return request


def json_length(value: bytes, body_bytes: int) -> int:
    """The length of the JSON before binary data; value: of LENGTH_HEADER. Raises OipError."""
    length = int(value) if value.isdigit() and len(value) < 16 else -1
    if not 0 <= length <= body_bytes:
        raise OipError(
            "the header Inference-Header-Content-Length is the length of the JSON in bytes: at "
            f"most the body's, {body_bytes}"
        )

    return length


def _request(head: bytes) -> InferRequest:
    if len(head) <= SMALL_BYTES:
        return _decode_small(head)

    raw = _decode_raw(head)
    if len(raw.inputs) > MOST_TENSORS:
        raise TooLarge(
            f"more than {MOST_TENSORS} tensors in one request: at most {MOST_TENSORS} are allowed"
        )

    inputs = [tensor.with_shape() for tensor in raw.inputs]
    return InferRequest(inputs, raw.id, raw.parameters, raw.outputs)


def _shape_of(raw: msgspec.Raw) -> list[int]:
    if len(memoryview(raw)) > LONGEST_SHAPE:
        raise OipError(f"a shape is longer than {LONGEST_SHAPE} characters: send `[rows, ...]`")

    return _shape(raw)


def require_json(tensors: list[Tensor]) -> None:
    """Raise OipError for a tensor whose data are not a list of JSON."""
    for tensor in tensors:
        if tensor.parameters is None and type(tensor.data) is list:
            continue

        if tensor.binary_size is not None:
            raise OipError(
                f"input {tensor.name!r} has binary data, and the header "
                "Inference-Header-Content-Length does not say where they begin"
            )

        _require_list(tensor)


def _require_list(tensor: Tensor) -> None:
    data: Any = tensor.data
    if type(data) is list:
        return

    if data is None or bytes(memoryview(data)[:1]) != b"[":
        raise OipError(
            f"the body is not an inference request: `data` of input {tensor.name!r} is a list"
        )


def _parts(tensors: list[Tensor], data: memoryview) -> list[memoryview | None]:
    """The binary data of each tensor; they follow each other in the tensors' order."""
    parts: list[memoryview | None] = []
    at = 0
    for tensor in tensors:
        size = tensor.binary_size
        if size is None:
            _require_list(tensor)
            parts.append(None)
            continue

        if not 0 <= size <= len(data) - at:
            raise OipError(
                f"input {tensor.name!r}: its binary data of {size} bytes end after the body"
            )

        parts.append(data[at : at + size])
        at += size

    if at != len(data):
        raise OipError(f"{len(data) - at} bytes follow the binary data of the last input")

    return parts
