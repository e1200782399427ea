"""Reads an inference request: its tensors stay raw until their number of values is known."""

from typing import Any

import msgspec

from wire.oip.errors import OipError, TooLarge

LENGTH_HEADER = b"inference-header-content-length"
MOST_TENSORS = 4_096
LONGEST_SHAPE = 1_024
"""Characters of the longest shape that is read."""
MOST_VALUES = 1_000_000
"""Values of all tensors of a request together."""
NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)
_NO_DATA = msgspec.Raw(b"null")
# The parameters that ask for the most probable classes: Triton's extension's and its clients'.
_CLASSIFICATION = ("classification", "class_count")


class TensorParameters(msgspec.Struct, frozen=True):
    """What is read of a tensor's parameters."""

    binary_data_size: int | None = None
    content_type: Any = None


class Tensor(msgspec.Struct, frozen=True):
    """One input tensor as it was sent. data: raw JSON, null for binary data."""

    name: str
    shape: msgspec.Raw
    datatype: str
    data: msgspec.Raw = _NO_DATA
    parameters: TensorParameters | None = None

    @property
    def binary_size(self) -> int | None:
        """Bytes of its binary data; None where its data are JSON."""
        return self.parameters.binary_data_size if self.parameters else None


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


class SentTensors(msgspec.Struct, frozen=True):
    """A request with its binary data. parts: by the tensors' order, None where data are JSON."""

    request: InferRequest
    parts: list[memoryview | None]


_decode = msgspec.json.Decoder(InferRequest).decode
_shape = msgspec.json.Decoder(list[int]).decode


def parse(body: bytes, json_bytes: int | None = None) -> SentTensors:
    """The request of a body; json_bytes: the length of its JSON, where binary data follow it.

    Raises OipError, or a decoder's error (NO_JSON) where it is no inference request."""
    head = body if json_bytes is None else body[:json_bytes]
    request = _decode(head)
    if not isinstance(request.id, str | None):
        raise OipError(
            f"the body is not an inference request: `id` is a string, not "
            f'{type(request.id).__name__}: send it in quotes, "7"'
        )

    if len(request.inputs) > MOST_TENSORS:
        raise TooLarge(
            f"more than {MOST_TENSORS} tensors in one request: at most {MOST_TENSORS} are allowed"
        )

    _require_data(request.inputs)
    after = memoryview(body)[len(head) :]
    return SentTensors(request, _parts(request.inputs, after, json_bytes is not None))


def _require_data(tensors: list[Tensor]) -> None:
    """Raise OipError for a tensor without a list of data."""
    for tensor in tensors:
        if tensor.binary_size is None and bytes(memoryview(tensor.data)[:1]) != b"[":
            raise OipError(
                f"the body is not an inference request: `data` of input {tensor.name!r} is a list"
            )


def json_length(value: bytes, body_bytes: int) -> int:
    """The length of the JSON before binary data; value: of LENGTH_HEADER. Raises OipError."""
    length = int(value) if value.isdigit() and len(value) < 16 else -1
    if not 0 <= length <= body_bytes:
        raise OipError(
            "the header Inference-Header-Content-Length is the length of the JSON in bytes: at "
            f"most the body's, {body_bytes}"
        )

    return length


def shape_of(tensor: Tensor) -> list[int]:
    """The shape of a tensor; raises OipError where it is too long, or a decoder's error."""
    if len(memoryview(tensor.shape)) > LONGEST_SHAPE:
        raise OipError(f"a shape is longer than {LONGEST_SHAPE} characters: send `[rows, ...]`")

    return _shape(tensor.shape)


def _parts(tensors: list[Tensor], data: memoryview, binary: bool) -> list[memoryview | None]:
    """The binary data of each tensor; they follow each other in the tensors' order."""
    parts: list[memoryview | None] = []
    at = 0
    for tensor in tensors:
        size = tensor.binary_size
        if size is None:
            parts.append(None)
            continue

        if not binary:
            raise OipError(
                f"input {tensor.name!r} has binary data, and the header "
                "Inference-Header-Content-Length does not say where they begin"
            )

        if not 0 <= size <= len(data) - at:
            raise OipError(
                f"input {tensor.name!r}: its binary data of {size} bytes end after the body"
            )

        parts.append(data[at : at + size])
        at += size

    if at != len(data):
        raise OipError(f"{len(data) - at} bytes follow the binary data of the last input")

    return parts
