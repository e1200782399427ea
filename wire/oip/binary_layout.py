"""Where the values of a binary request with one row lie: its client sends the same JSON before
them again and again, so that this is worked out once."""

import struct
from collections.abc import Sequence
from math import isfinite
from typing import Any

import msgspec

from wire.oip.binary import LENGTH_BYTES, LETTERS
from wire.oip.datatypes import REAL
from wire.oip.request import InferRequest, Tensor
from wire.oip.signature import Layout, TensorSignature

MOST_HEADS = 256
"""Heads whose layouts are kept. Each is a small body's, and names only what the versions have."""
MOST_SEEN = 4_096
"""Heads of which is remembered that they came: one that comes once is not worth a layout."""
_ASK_FOR_BINARY = {"binary_data", "binary_data_output"}
_encode = msgspec.json.Encoder().encode


class BinaryLayout:
    """The layout behind one head. request: what the head asks for.

    columns: the names of the tensors, then their datatypes. taken_by: the signatures that the
    request was last found to fit."""

    __slots__ = (
        *("_names", "_numbers", "_texts", "_unpack"),
        *("columns", "head", "request", "size", "taken_by"),
    )

    def __init__(self, head: bytes, request: InferRequest, columns: Layout) -> None:
        self.head, self.request, self.columns = head, request, columns
        self.taken_by: Sequence[TensorSignature] = ()
        self._names = columns[: len(request.inputs)]
        self._numbers = [
            number for number, tensor in enumerate(request.inputs) if tensor.datatype in REAL
        ]
        self._texts: list[tuple[int, bytes]] = []
        letters = "<"
        for number, tensor in enumerate(request.inputs):
            size = tensor.binary_size or 0
            if tensor.datatype == "BYTES":
                self._texts.append((number, struct.pack("<I", size - LENGTH_BYTES)))
                letters += f"{size}s"
            else:
                letters += LETTERS[tensor.datatype]

        layout = struct.Struct(letters)
        self._unpack, self.size = layout.unpack_from, layout.size

    def row(self, body: bytes, start: int) -> msgspec.Raw | None:
        """The row behind the head, which ends at `start`; None for all that needs a closer look."""
        if len(body) - start != self.size:
            return None

        values: list[Any] = list(self._unpack(body, start))
        for number in self._numbers:
            if not isfinite(values[number]):
                return None

        try:
            for number, length in self._texts:
                text = values[number]
                if not text.startswith(length):
                    return None

                values[number] = text[LENGTH_BYTES:].decode()
        except UnicodeDecodeError:
            return None

        return msgspec.Raw(_encode(dict(zip(self._names, values, strict=True))))


class BinaryLayouts:
    """The layouts of the heads that came more than once. Belongs to one codec."""

    def __init__(self) -> None:
        self._known: dict[bytes, BinaryLayout] = {}
        self._seen: set[int] = set()
        self._last: BinaryLayout | None = None

    def of(self, body: bytes, start: int) -> BinaryLayout | None:
        """The layout behind the head that ends at `start`, None where it is not known."""
        last = self._last
        # To compare takes a tenth of what a hash takes.
        if last is not None and len(last.head) == start and body.startswith(last.head):
            return last

        layout = self._known.get(body[:start])
        if layout is not None:
            self._last = layout

        return layout

    def learn(self, head: bytes, request: InferRequest, columns: Layout) -> None:
        """Keep the layout of a usual request with one row in binary data, if its head came
        before.
        """
        if not _is_usual(request):
            return

        mark = hash(head)
        if mark not in self._seen:
            if len(self._seen) >= MOST_SEEN:
                self._seen.clear()

            self._seen.add(mark)
            return

        if len(self._known) >= MOST_HEADS:
            self._known.clear()

        self._known[head] = BinaryLayout(head, request, columns)


def _is_usual(request: InferRequest) -> bool:
    """Whether it has no `id`, which each request has another of, and no parameters of its own,
    which take many times their bytes once they are read.
    """
    if request.id is not None or any(map(_has_content_type, request.inputs)):
        return False

    given = [request.parameters, *(output.parameters for output in request.outputs or ())]
    return all(map(_asks_for_binary_at_most, given))


def _has_content_type(tensor: Tensor) -> bool:
    return tensor.parameters is not None and tensor.parameters.content_type is not None


def _asks_for_binary_at_most(parameters: dict[str, Any] | None) -> bool:
    if not parameters:
        return True

    values = parameters.values()
    return parameters.keys() <= _ASK_FOR_BINARY and all(type(value) is bool for value in values)
