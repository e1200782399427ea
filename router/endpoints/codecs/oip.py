"""The Open Inference Protocol's infer, as JSON or with binary tensor data (wire/oip/)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import msgspec

from rollout.settings import Limits
from router.dispatch.work_items import Predicted
from router.endpoints.codecs.codec import (
    JSON,
    AnsweredCall,
    Codec,
    Encoded,
    PredictionCall,
    SignatureNeeded,
    first_bad_row,
    status_of_bad_rows,
)
from router.endpoints.oip_protocol import error_body
from router.problems import Problem
from router.requests.json_errors import json_fault, without_bom
from router.requests.json_scan import too_many
from router.requests.request_headers import RequestContext
from wire.oip.answer import Answered, answer
from wire.oip.binary_layout import BinaryLayouts
from wire.oip.errors import OipError, TooLarge
from wire.oip.one_row import one_row
from wire.oip.request import (
    LENGTH_HEADER,
    MOST_TENSORS,
    MOST_VALUES,
    NO_JSON,
    InferRequest,
    SentTensors,
    json_length,
    parse,
)
from wire.oip.request_check import check_request
from wire.oip.rows import TensorTable, table_of
from wire.oip.signature import Layout, TensorSignature

BINARY = (b"content-type", b"application/octet-stream")
WHAT_TO_SEND = 'send {"inputs": [{"name", "shape", "datatype", "data"}, ...]}, as the metadata says'
# The depths of the tensors in a body, of flat data and of nested data.
TENSORS_DEPTH, FLAT_DEPTH, NESTED_DEPTH = 2, 4, 5
_MOST = {
    TENSORS_DEPTH: MOST_TENSORS,
    # Shapes and empty lists count there, too.
    FLAT_DEPTH: MOST_VALUES + 8 * MOST_TENSORS,
    NESTED_DEPTH: MOST_VALUES,
}
# Digits of the length of a small body's JSON.
_LONGEST_LENGTH = 4
T = TypeVar("T")


@dataclass(slots=True)
class InferCall(PredictionCall):
    """One inference request, whose rows are in `only` or in `table`."""

    request: InferRequest
    only: list[msgspec.Raw]
    table: TensorTable | None = None
    by_position: bool = False

    def rows(self, signature: TensorSignature | None) -> list[msgspec.Raw]:
        """See PredictionCall."""
        if self.table is None:
            return self.only

        return self.table.rows(signature.names if signature is not None else ())

    def release(self) -> None:
        """See PredictionCall."""
        if self.table is not None:
            self.table.release()


class OpenInference(Codec):
    """The codec of /v2/models/MODEL/infer."""

    asks_signatures = True

    def __init__(self, model: str, limits: Limits) -> None:
        super().__init__(model, limits)
        self._layouts = BinaryLayouts()

    def read(
        self, context: RequestContext, body: bytes, known: Sequence[TensorSignature]
    ) -> PredictionCall:
        """See Codec. What no version of the traffic would take is refused before it is drawn."""
        body = without_bom(body)
        if context.json_bytes and len(body) <= self.inline_bytes:
            call = self._of_known_layout(context.json_bytes, body, known)
            if call is not None:
                return call

        sent = _readable(body, partial(self._parsed, context))
        signature = known[0] if known else None
        if signature is None and not context.asked_signatures and _has_wide_tensor(sent.request):
            raise SignatureNeeded

        only = None
        if len(body) <= self.inline_bytes and not (signature and signature.arrays):
            only = one_row(sent.request, sent.parts)

        if only is not None:
            _require_taken(sent.request, known, only.layout)
            if known and sent.parts and None not in sent.parts:
                self._layouts.learn(body[: int(context.json_bytes)], sent.request, only.layout)

            return InferCall(sent.request, [only.row])

        _require_taken(sent.request, known)
        self._require_dense(body, sent)
        table = _readable(body, lambda _: table_of(sent, self.limits.max_rows, signature))
        return InferCall(sent.request, [], table, table.by_position)

    def _of_known_layout(
        self, length: bytes, body: bytes, known: Sequence[TensorSignature]
    ) -> InferCall | None:
        """The call of a request whose head is known; None for all that needs a closer look.

        Raises Problem 400 for what none of the versions takes."""
        if not length.isdigit() or len(length) > _LONGEST_LENGTH:
            return None

        start = int(length)
        layout = self._layouts.of(body, start)
        if layout is None or (known and known[0].arrays):
            return None

        row = layout.row(body, start)
        if row is None:
            return None

        if layout.taken_by != known:
            _require_taken(layout.request, known, layout.columns)
            layout.taken_by = known

        return InferCall(layout.request, [row])

    def answer(self, answered: AnsweredCall) -> Encoded:
        """See Codec."""
        call = answered.call
        assert isinstance(call, InferCall)
        predicted = answered.predicted
        summary = Answered(
            self.model,
            answered.version,
            predicted.predictions,
            predicted.classes,
            predicted.outputs,
            more={"prediction_id": answered.prediction_id.decode()},
        )
        try:
            body, json_bytes = answer(call.request, summary, answered.signature)
        except OipError as error:
            raise Problem(400, str(error)) from error

        if json_bytes is None:
            return [JSON], body

        return [BINARY, (LENGTH_HEADER, b"%d" % json_bytes)], body

    def refusal(self, problem: Problem) -> Encoded:
        """See Codec."""
        return [JSON, *problem.headers()[1:]], error_body(problem.detail)

    def bad_rows(
        self,
        call: PredictionCall,
        version: str,  # noqa: ARG002
        predicted: Predicted,
        signature: TensorSignature | None,
    ) -> Problem:
        """The first bad row, or what of the request does not fit the version's signature."""
        assert isinstance(call, InferCall)
        status = status_of_bad_rows(predicted, 400)
        if status == 400 and signature is not None and (fault := _fault(call.request, signature)):
            return Problem(400, fault)

        return Problem(status, first_bad_row(predicted, "input"))

    def _parsed(self, context: RequestContext, body: bytes) -> SentTensors:
        length = None
        if context.json_bytes:
            length = json_length(context.json_bytes, len(body))

        if len(body) > self.inline_bytes:
            _require_few(body if length is None else body[:length])

        return parse(body, length)

    def _require_dense(self, body: bytes, sent: SentTensors) -> None:
        """Raise Problem 413 for more bytes a row than a row may have."""
        shapes = [tensor.shape for tensor in sent.request.inputs]
        rows = max((shape[0] for shape in shapes if shape), default=0)
        self.require_rows(rows)
        rows, most = max(1, rows), self.limits.max_row_bytes
        if len(body) > most * rows:
            raise Problem(
                413, f"{len(body)} bytes for {rows} rows: at most {most} bytes a row are allowed"
            )


def _has_wide_tensor(request: InferRequest) -> bool:
    """Whether a tensor may hold arrays, or all columns: only a signature tells which."""
    return any(len(tensor.shape) > 1 and tensor.shape[1] != 1 for tensor in request.inputs)


def _require_taken(
    request: InferRequest, known: Sequence[TensorSignature], layout: Layout = ()
) -> None:
    """Raise Problem 400 for what none of the versions takes. layout: of one row's tensors."""
    fault = ""
    for signature in known:
        reason = _known_fault(request, signature, layout)
        if not reason:
            return

        fault = fault or reason

    if fault:
        raise Problem(400, fault)


def _known_fault(request: InferRequest, signature: TensorSignature, layout: Layout) -> str:
    if not layout or request.outputs:
        return _fault(request, signature)

    fault = signature.fault_of(layout)
    if fault is None:
        fault = _fault(request, signature)
        signature.remember(layout, fault)

    return fault


def _fault(request: InferRequest, signature: TensorSignature) -> str:
    """What does not fit a version, in words; empty where all does."""
    try:
        check_request(request, signature)
    except OipError as error:
        return str(error)

    return ""


def _readable(body: bytes, read: Callable[[bytes], T]) -> T:
    """What `read` makes of a body; raises Problem for what it raises."""
    try:
        return read(body)
    except TooLarge as error:
        raise Problem(413, str(error)) from error
    except OipError as error:
        raise Problem(400, str(error)) from error
    except NO_JSON as error:
        raise Problem(400, json_fault(body, error, WHAT_TO_SEND)) from error


def _require_few(body: bytes) -> None:
    """Raise Problem 413 for more tensors or values than are decoded at once."""
    depth = too_many(body, _MOST)
    if depth == TENSORS_DEPTH:
        raise Problem(
            413,
            f"more than {MOST_TENSORS} tensors in one request: at most {MOST_TENSORS} are allowed",
        )
    if depth is not None:
        raise Problem(
            413,
            f"more than {MOST_VALUES} values in one request: at most {MOST_VALUES} are allowed, "
            "send the rows in several requests",
        )
